// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_HASH_H
#define HSM_CRYPTO_HASH_H

/* Hash functions (FIPS 180-4, RIPEMD-160), HMAC (FIPS 198-1) and the key derivations built on them. */

#include <stddef.h>
#include <stdint.h>

enum crypto_hash_id {
    CRYPTO_SHA1 = 1,
    CRYPTO_SHA224,
    CRYPTO_SHA256,
    CRYPTO_SHA384,
    CRYPTO_SHA512,
    CRYPTO_RIPEMD160,
};

#define CRYPTO_HASH_MAX 64u /* bytes of the longest digest, SHA-512 */

/* One piece of a message that is given in several pieces. `data` may be NULL when `len` is 0. */
struct crypto_part {
    const void *data;
    size_t len; /* bytes */
};

/* crypto_hash_len: digest length in bytes (20..64), 0 for an unknown id. */
size_t crypto_hash_len(enum crypto_hash_id id);

/* crypto_hash: digest of one message. `out` takes crypto_hash_len(id) bytes. Returns 0 or
 * HSM_ERR_UNSUPPORTED. */
int crypto_hash(enum crypto_hash_id id, const void *data, size_t len, uint8_t *out);

/* crypto_hash_parts: digest of the concatenation of `count` parts. Returns as crypto_hash. */
int crypto_hash_parts(enum crypto_hash_id id, const struct crypto_part *parts, size_t count, uint8_t *out);

/* crypto_hmac: HMAC over the concatenation of `count` parts. Key of any length. Returns as crypto_hash. */
int crypto_hmac(enum crypto_hash_id id, const uint8_t *key, size_t key_len, const struct crypto_part *parts,
                size_t count, uint8_t *out);

/*
 * crypto_pbkdf2: PBKDF2 with HMAC (RFC 8018, 5.2). `iterations` >= 1, `out_len` bytes to `out`.
 * `tick` (may be NULL) is called now and then with `tick_ctx` while it works.
 * Returns 0, HSM_ERR_UNSUPPORTED, HSM_ERR_DATA (iterations 0).
 */
int crypto_pbkdf2(enum crypto_hash_id id, const uint8_t *password, size_t password_len, const uint8_t *salt,
                  size_t salt_len, uint32_t iterations, void (*tick)(void *), void *tick_ctx, uint8_t *out,
                  size_t out_len);

/*
 * crypto_hkdf: HKDF extract and expand (RFC 5869). `salt` and `info` may be empty. `out_len` at most 255
 * digests. Returns 0, HSM_ERR_UNSUPPORTED, HSM_ERR_LENGTH.
 */
int crypto_hkdf(enum crypto_hash_id id, const uint8_t *salt, size_t salt_len, const uint8_t *secret,
                size_t secret_len, const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len);

#endif
