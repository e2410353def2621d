// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_RSA_CHECK_H
#define TESTS_SUPPORT_RSA_CHECK_H

/* Verifying RSA signatures, which the card never does for others: what a relying party makes of the card's
 * output. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/rsa.h"

/* rsa_check_pkcs1: RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2); `signature` has bits / 8 bytes. */
bool rsa_check_pkcs1(const struct crypto_rsa_public *pub, enum crypto_hash_id id, const uint8_t *digest,
                     const uint8_t *signature);

/* rsa_check_pss: RSASSA-PSS (8.1.2) with MGF1 of the same hash. `salt`, `salt_len`: the salt that must be
 * found; with a NULL salt only its length is compared. */
bool rsa_check_pss(const struct crypto_rsa_public *pub, enum crypto_hash_id id, const uint8_t *digest,
                   const uint8_t *signature, const uint8_t *salt, size_t salt_len);

#endif
