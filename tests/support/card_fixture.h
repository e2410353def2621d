// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_CARD_FIXTURE_H
#define TESTS_SUPPORT_CARD_FIXTURE_H

/*
 * A card in this process: the engine over a store in RAM, on a platform whose random numbers follow from a
 * seed, so that a failing test fails again. PIN derivation takes few rounds: tests enter many PINs.
 *
 * Commands are written as hexadecimal digits with spaces wherever they help. What cannot go wrong in a
 * healthy process (no memory, malformed hexadecimal in a test) ends the process with a message.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/hsm.h"
#include "storage/store.h"
#include "tests/support/fault_store.h"

#define CARD_PIN "36 34 38 32 31 39"          /* 648219 */
#define CARD_SO_PIN "35 37 36 32 31 38 38 30" /* 57621880 */
#define CARD_AID "E8 2B 06 01 04 01 81 C3 1F 02 01"

/* The DKEK share of protocol vectors: 00 01 .. 1F, KCV 630DCD2966C43366. */
#define CARD_DKEK                                                                                            \
    "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F"

struct card {
    struct hsm hsm;
    struct hsm_platform platform;
    struct store *memory;      /* the records */
    struct fault_store faults; /* lies between the card and the records */
    uint64_t random;
    uint8_t device_secret[HSM_DEVICE_SECRET_LEN];
    uint8_t serial[HSM_DEVICE_SERIAL_LEN];
    bool entropy_fails;
    uint32_t working_calls;
    void *user; /* whatever a test wants to find from a callback of the platform */

    /* The last response, status word apart. */
    uint8_t data[HSM_RESPONSE_MAX];
    size_t len;
    uint16_t sw;
};

/* card_new: a blank card that has just been made, with power on. Each `seed` gives another device. */
struct card *card_new(uint64_t seed);

/* card_free: closes card and store. */
void card_free(struct card *card);

/* card_reopen: switches the device off and on again: the engine forgets everything but the store. Returns
 * hsm_open's result. */
int card_reopen(struct card *card);

/* card_blank: makes it a card never used again: empty store, and the same device. */
void card_blank(struct card *card);

/* card_send: one command APDU; data, len and sw of the card are the answer. Returns the status word. */
uint16_t card_send(struct card *card, const uint8_t *command, size_t len);

/* card_cmd: the same with the command in hexadecimal. */
uint16_t card_cmd(struct card *card, const char *hex);

/* card_apdu: the same with the data apart; Lc is extended when need be, Ne of 65536 is asked for with `le`.
 */
uint16_t card_apdu(struct card *card, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                   size_t len, bool le);

/* card_hex: hexadecimal digits (spaces ignored) to bytes. Returns their number. */
size_t card_hex(const char *hex, uint8_t *out, size_t cap);

/* card_initialize: INITIALIZE with CARD_PIN (3 tries), CARD_SO_PIN, and one DKEK share when `dkek` is not
 * NULL, which is imported too (hexadecimal). Fails the process when the card refuses. */
void card_initialize(struct card *card, const char *dkek);

/* card_login: VERIFY with CARD_PIN; fails the process when refused. */
void card_login(struct card *card);

/* card_digest: SHA-256 over all records, ids and lengths included. */
void card_digest(struct card *card, uint8_t digest[32]);

#endif
