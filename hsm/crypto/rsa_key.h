// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_RSA_KEY_H
#define HSM_CRYPTO_RSA_KEY_H

/*
 * RSA private keys as mbedTLS contexts, shared by rsa.c and rsa_import.c and nobody else. The caller
 * initialises the context and frees (wipes) it on every path. The form of a packed key is in rsa.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/rsa.h>

/* crypto_rsa_half_len: bytes of each of the five CRT numbers in a packed key. */
size_t crypto_rsa_half_len(size_t bits);

bool crypto_rsa_bits_supported(size_t bits);

/* crypto_rsa_load: unpacks. Returns 0, HSM_ERR_DATA (malformed), HSM_ERR_INTERNAL. */
int crypto_rsa_load(mbedtls_rsa_context *rsa, const uint8_t *priv, size_t priv_len);

/* crypto_rsa_read_exponent: sets E. Returns 0, HSM_ERR_DATA (even, 1, longer than CRYPTO_RSA_EXP_MAX),
 * HSM_ERR_INTERNAL. */
int crypto_rsa_read_exponent(mbedtls_rsa_context *rsa, const uint8_t *e, size_t e_len);

/*
 * crypto_rsa_complete: from P, Q and E computes the rest, after exchanging P and Q if P < Q. Returns 0,
 * HSM_ERR_DATA (P = Q, one of them longer than half of `bits`, product not of `bits` bits, no inverses),
 * HSM_ERR_INTERNAL.
 */
int crypto_rsa_complete(mbedtls_rsa_context *rsa, size_t bits);

/* crypto_rsa_pack: writes a complete key; `priv` takes CRYPTO_RSA_PRIV_MAX bytes. Returns 0 or
 * HSM_ERR_INTERNAL. */
int crypto_rsa_pack(const mbedtls_rsa_context *rsa, uint8_t *priv, size_t *priv_len);

#endif
