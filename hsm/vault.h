// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_VAULT_H
#define HSM_VAULT_H

/*
 * The vault: how records are sealed (docs/security.md, "The vault").
 *
 * A sealed record has a clear part and a secret part; AES-256-GCM encrypts the secret and authenticates both,
 * together with the record's id: a record that was edited, moved to another id, or taken from another card
 * does not open. Two keys seal. The device key follows from the device secret and is always there; it keeps
 * what the card needs without a login. The master key is random, made by INITIALIZE, and known only between
 * VERIFY and logout; it keeps what belongs to the user.
 */

#include "hsm/hsm.h"

enum seal {
    SEAL_DEVICE = 1,
    SEAL_USER = 2,
};

/* Bytes that sealing adds to clear and secret part. */
#define VAULT_OVERHEAD (4u + CRYPTO_VAULT_NONCE + CRYPTO_VAULT_TAG)
#define CRYPTO_VAULT_NONCE 12u
#define CRYPTO_VAULT_TAG 16u

/* Longest record that vault_put_small / vault_get_small handle on the stack, bytes of the secret part. */
#define VAULT_SMALL_MAX 384u

/* An opened record; the pointers lie in the buffer that vault_load was given. */
struct sealed {
    const uint8_t *clear;
    size_t clear_len;
    uint8_t *secret;
    size_t secret_len;
};

/* vault_open: derives the device key from the platform's device secret. Returns 0 or HSM_ERR_INTERNAL. */
int vault_open(struct hsm *hsm);

/*
 * vault_store: seals and puts a record; a transaction must be open. `work` of `cap` bytes takes the sealed
 * form (clear_len + secret_len + VAULT_OVERHEAD). Returns 0, HSM_ERR_SECURITY (no master key), HSM_ERR_FULL,
 * HSM_ERR_STORAGE, HSM_ERR_INTERNAL.
 */
int vault_store(struct hsm *hsm, enum seal seal, uint16_t id, const uint8_t *clear, size_t clear_len,
                const uint8_t *secret, size_t secret_len, uint8_t *work, size_t cap);

/*
 * vault_load: gets record `id` into `buf` and opens it there. The caller wipes `buf`. Returns 0,
 * HSM_ERR_REFERENCE (no such record), HSM_ERR_SECURITY (no master key), HSM_ERR_INTEGRITY, HSM_ERR_STORAGE.
 */
int vault_load(struct hsm *hsm, enum seal seal, uint16_t id, uint8_t *buf, size_t cap, struct sealed *out);

/*
 * vault_peek: gets the clear part of record `id` without opening it: nothing is authenticated, so use it for
 * display and for finding out whether a key exists only. Returns as vault_load.
 */
int vault_peek(struct hsm *hsm, uint16_t id, uint8_t *buf, size_t cap, struct sealed *out);

/* vault_put_small / vault_get_small: the same for a record that is secret as a whole, up to VAULT_SMALL_MAX
 * bytes. get wants exactly `len` bytes, anything else is HSM_ERR_INTEGRITY. */
int vault_put_small(struct hsm *hsm, enum seal seal, uint16_t id, const void *data, size_t len);
int vault_get_small(struct hsm *hsm, enum seal seal, uint16_t id, void *data, size_t len);

/*
 * vault_pin_key: the key that wraps the master key under a PIN of at most HSM_PIN_MAX bytes:
 * PBKDF2-HMAC-SHA-256 of its length (one byte) and the PIN, then HMAC under a key that follows from the
 * device secret. Returns 0 or HSM_ERR_INTERNAL.
 */
int vault_pin_key(struct hsm *hsm, const uint8_t *pin, size_t pin_len, const uint8_t *salt, size_t salt_len,
                  uint32_t iterations, uint8_t key[32]);

/* store_result: the engine's error for an error of the store. */
int store_result(int store_error);

#endif
