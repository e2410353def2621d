// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_CIPHER_H
#define HSM_CRYPTO_CIPHER_H

/* Block ciphers: AES (FIPS 197) in CBC (SP 800-38A), GCM (SP 800-38D), CMAC (SP 800-38B); triple DES for
 * secure messaging. Key lengths are in bytes: 16, 24 or 32 for AES, 16 or 24 for triple DES. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/crypto/hash.h"

#define CRYPTO_AES_BLOCK 16u
#define CRYPTO_DES_BLOCK 8u
#define CRYPTO_GCM_NONCE 12u
#define CRYPTO_GCM_TAG 16u

/*
 * crypto_aes_cbc: encrypts or decrypts `len` bytes (a multiple of 16) without padding. `iv` is 16 bytes and
 * is not changed; NULL means zeros. `out` may be `in`. Returns 0, HSM_ERR_LENGTH, HSM_ERR_UNSUPPORTED (key
 * length).
 */
int crypto_aes_cbc(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t *iv, const uint8_t *in,
                   size_t len, uint8_t *out);

/* crypto_aes_ecb_block: one block, for the IV of secure messaging. Returns 0 or HSM_ERR_UNSUPPORTED. */
int crypto_aes_ecb_block(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t in[16],
                         uint8_t out[16]);

/* crypto_aes_cmac: 16-byte MAC of the concatenation of `count` parts. Returns 0 or HSM_ERR_UNSUPPORTED. */
int crypto_aes_cmac(const uint8_t *key, size_t key_len, const struct crypto_part *parts, size_t count,
                    uint8_t mac[16]);

/*
 * crypto_gcm_seal: AES-256-GCM. Encrypts `len` bytes from `in` to `out` (may be the same) and writes the
 * 16-byte tag. AAD is the concatenation of `count` parts. Returns 0 or HSM_ERR_INTERNAL.
 */
int crypto_gcm_seal(const uint8_t key[32], const uint8_t nonce[12], const struct crypto_part *aad,
                    size_t count, const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[16]);

/*
 * crypto_gcm_open: reverse of seal. Returns 0, or HSM_ERR_AUTH when the tag does not fit: `out` is then
 * zeroed.
 */
int crypto_gcm_open(const uint8_t key[32], const uint8_t nonce[12], const struct crypto_part *aad,
                    size_t count, const uint8_t *in, size_t len, const uint8_t tag[16], uint8_t *out);

/*
 * crypto_des3_cbc: two- or three-key triple DES in CBC, `len` a multiple of 8, `iv` 8 bytes or NULL for
 * zeros. Returns 0, HSM_ERR_LENGTH, HSM_ERR_UNSUPPORTED.
 */
int crypto_des3_cbc(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t *iv, const uint8_t *in,
                    size_t len, uint8_t *out);

/*
 * crypto_des_retail_mac: ISO/IEC 9797-1 MAC algorithm 3 with DES over `parts`, which together are a multiple
 * of 8 bytes (the caller pads). 16-byte key. Returns 0, HSM_ERR_LENGTH.
 */
int crypto_des_retail_mac(const uint8_t key[16], const struct crypto_part *parts, size_t count,
                          uint8_t mac[8]);

#endif
