// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_HSM_H
#define HSM_HSM_H

/*
 * The card: what a body (daemon, firmware) sees of the engine.
 *
 * A body owns one `struct hsm` per card, gives it a platform (a few callbacks) and a store, and then passes
 * on what happens at the card's contacts: power, reset, ATR, command APDUs. The engine makes no OS call,
 * allocates nothing and keeps no globals, so any number of cards may live in one process, each used by one
 * thread at a time.
 *
 * One command is one transaction: everything it changes is durable before its status word leaves, or nothing
 * is. The one exception is deliberate: a PIN try is taken and made durable before the PIN is compared.
 *
 * Source: ISO/IEC 7816-4 and docs/protocol.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/crypto/rng.h"
#include "hsm/error.h"
#include "hsm/limits.h"
#include "storage/store.h"

#define HSM_DEVICE_SECRET_LEN 32u /* bytes */
#define HSM_DEVICE_SERIAL_LEN 8u  /* bytes */
#define HSM_ATR_MAX 33u           /* bytes, ISO/IEC 7816-3, 8.2.1 */

/* Firmware version as clients read it from tag 85 of the application's FCP (docs/protocol.md, "Selection").
 */
#define HSM_VERSION_MAJOR 4u
#define HSM_VERSION_MINOR 0u

/* Calendar time in UTC, for the dates of certificates. */
struct hsm_date {
    uint16_t year; /* 2000..2099; 0 = the platform has no clock */
    uint8_t month; /* 1..12 */
    uint8_t day;   /* 1..31 */
};

/*
 * The platform: what the engine needs from the body. The struct must outlive the card. Members without the
 * word "optional" are required. Callbacks get `ctx` back and must not call into the engine.
 */
struct hsm_platform {
    void *ctx;

    /* Fills `out` with `len` bytes of full entropy. Returns 0, or non-zero when the source is not healthy:
     * the card then refuses whatever needs random numbers. */
    int (*entropy)(void *ctx, uint8_t *out, size_t len);

    /* The device secret: the same 32 bytes at every call, known to nobody else. It protects the device key
     * and salts every PIN (docs/security.md). Returns 0 or non-zero. */
    int (*device_secret)(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]);

    /* The serial number of the device: the device id (CHR) is made of it once, on a blank store, and kept
     * there. */
    void (*device_serial)(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]);

    /* Optional: today's date, asked for only when certificates are made. Without it they are dated
     * 2026-01-01. */
    void (*today)(void *ctx, struct hsm_date *date);

    /* Optional: asks a person for consent (a button). Waits at most `timeout_ms` milliseconds. Returns 0 when
     * given. Only called when the card's option for it is on. */
    int (*presence)(void *ctx, uint32_t timeout_ms);

    /* Optional: called during long operations, at least every 100 ms on a host and every second on an RP2040,
     * so that the body can show that the card is working. */
    void (*working)(void *ctx);

    /* Optional: a freshly made RSA key of `bits` with public exponent 65537 in the packed form of
     * hsm/crypto/rsa.h, found ahead of time. Returns its length, or 0 when there is none ready. */
    size_t (*ready_rsa)(void *ctx, size_t bits, uint8_t *priv, size_t cap);

    /* Rounds of PBKDF2-HMAC-SHA-256 for new PINs (each PIN record keeps its own count). At least 1. */
    uint32_t pin_iterations;
};

/* Life of one secure messaging session. Members are private to hsm/sm.c. */
struct hsm_sm {
    bool active;
    bool suite_des3;
    uint8_t enc[32];
    uint8_t mac[32];
    uint8_t ssc[16];
};

/* A public key whose certificate was verified in this session (hsm/trust.c). */
struct hsm_trusted {
    uint8_t name[HSM_CHR_MAX]; /* CHR */
    uint8_t name_len;          /* 0 = free */
    uint8_t curve;             /* enum crypto_curve */
    uint8_t rights;            /* of the holder: C0 root, 80 issuer, 00 device */
    uint8_t point_len;
    uint8_t point[HSM_POINT_MAX];
};

/*
 * One card. Caller-owned; its members are private to hsm/. It holds secrets while a user is logged in: keep
 * it in memory that is neither swapped nor dumped, and let hsm_close wipe it.
 */
struct hsm {
    const struct hsm_platform *platform;
    struct store *store;
    struct crypto_rng rng;
    uint8_t device_key[32]; /* seals what belongs to the device */
    uint8_t device_id[HSM_CHR_MAX];
    uint8_t device_id_len;
    bool open;
    bool rng_ready;

    /* The session: everything below ends with power off, reset, and SELECT of the application. */
    bool powered;
    bool user_verified; /* right of the user PIN in force, PKA condition included */
    bool pin_verified;  /* user PIN alone */
    bool so_verified;
    bool master_valid;
    uint8_t master[32];                                         /* seals what belongs to the user */
    uint32_t pka_authenticated[(HSM_PKA_KEYS_MAX + 31u) / 32u]; /* bit per slot */
    uint16_t current_ef;                                        /* 0 = none */
    uint8_t challenge[8];
    bool challenge_valid;
    uint8_t se_dst[HSM_CHR_MAX]; /* MANAGE SE: key for certificate verification */
    uint8_t se_dst_len;
    struct hsm_trusted trusted[HSM_TRUSTED_MAX];
    uint8_t trusted_next; /* the place that the next one takes */
    int se_at_slot;       /* MANAGE SE: PKA slot for EXTERNAL AUTHENTICATE, -1 = none */
    bool se_ca;           /* MANAGE SE: chip authentication selected */
    bool se_ca_des3;
    struct hsm_sm sm;

    /* EF 2F10: the blob of an UNWRAP that arrives in pieces lives in RAM only. */
    uint16_t blob_len;
    uint8_t blob[HSM_BLOB_MAX];

    uint8_t scratch[HSM_SCRATCH_SIZE]; /* wiped after each command */
};

/*
 * hsm_open: puts a card together from a platform and an open store. On a blank store it makes the card:
 * device key, certificate chain, device id. On any other it checks that the store belongs to this device.
 * Returns 0; HSM_ERR_INTEGRITY when the store was made with another device secret, or edited;
 * HSM_ERR_STORAGE, HSM_ERR_FULL, HSM_ERR_INTERNAL (no entropy).
 */
int hsm_open(struct hsm *hsm, const struct hsm_platform *platform, struct store *store);

/* hsm_close: logs out and wipes the card. The store stays open; it is the caller's. */
void hsm_close(struct hsm *hsm);

/* hsm_power_on / hsm_power_off / hsm_reset: end the session; the application is selected by default
 * afterwards. */
void hsm_power_on(struct hsm *hsm);
void hsm_power_off(struct hsm *hsm);
void hsm_reset(struct hsm *hsm);

/* hsm_atr: the answer to reset; `out` takes HSM_ATR_MAX bytes. Returns its length. */
size_t hsm_atr(uint8_t *out);

/*
 * hsm_exchange: executes one command APDU of `len` bytes (anything, also malformed) and writes the response
 * APDU to `response` (`cap` bytes, at least 258; HSM_RESPONSE_MAX for all answers to fit). Returns its
 * length, at least 2. `command` and `response` must not overlap.
 */
size_t hsm_exchange(struct hsm *hsm, const uint8_t *command, size_t len, uint8_t *response, size_t cap);

/* hsm_error_text: one English line for an error of hsm/error.h, never NULL. */
const char *hsm_error_text(int error);

#if HSM_TEST_BUILD
/* hsm_seed: makes the card's random numbers follow from `seed`, for transcripts that give the same bytes in
 * every body. Exists in test builds only. Call it after hsm_open. */
int hsm_seed(struct hsm *hsm, const uint8_t *seed, size_t len);
#endif

#endif
