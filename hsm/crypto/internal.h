// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_INTERNAL_H
#define HSM_CRYPTO_INTERNAL_H

/*
 * What the files of hsm/crypto/ share among themselves. Nothing outside this directory includes it, because
 * it brings in mbedTLS.
 */

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/ripemd160.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/rng.h"

/* crypto_rng_callback: crypto_rng_bytes in the form that mbedTLS calls; `rng` is a struct crypto_rng. */
int crypto_rng_callback(void *rng, unsigned char *out, size_t len);

/* A hash computation under way, on the caller's stack (mbedTLS's own wrapper would allocate). */
struct crypto_hash_ctx {
    enum crypto_hash_id id;
    union {
        mbedtls_sha1_context sha1;
        mbedtls_sha256_context sha256; /* SHA-224 too */
        mbedtls_sha512_context sha512; /* SHA-384 too */
        mbedtls_ripemd160_context ripemd160;
    } u;
};

/*
 * crypto_hash_start, _update, _finish: one digest in steps. After _finish and after any error the context is
 * wiped; crypto_hash_wipe does it when a computation is given up. crypto_hash_copy continues from a state
 * more than once. Return 0, HSM_ERR_UNSUPPORTED (unknown id), HSM_ERR_INTERNAL.
 */
int crypto_hash_start(struct crypto_hash_ctx *ctx, enum crypto_hash_id id);
int crypto_hash_update(struct crypto_hash_ctx *ctx, const void *data, size_t len);
int crypto_hash_finish(struct crypto_hash_ctx *ctx, uint8_t *out);
void crypto_hash_copy(struct crypto_hash_ctx *to, const struct crypto_hash_ctx *from);
void crypto_hash_wipe(struct crypto_hash_ctx *ctx);

/* The two keyed states of an HMAC, from which any number of MACs can be made without hashing the key again.
 */
struct crypto_hmac_key {
    struct crypto_hash_ctx inner;
    struct crypto_hash_ctx outer;
};

/* crypto_hmac_key_set: hashes the two padded keys. Returns as crypto_hash_start; wipe with
 * crypto_hmac_key_wipe. */
int crypto_hmac_key_set(struct crypto_hmac_key *hmac, enum crypto_hash_id id, const uint8_t *key,
                        size_t key_len);
int crypto_hmac_key_mac(const struct crypto_hmac_key *hmac, const struct crypto_part *parts, size_t count,
                        uint8_t *out);
void crypto_hmac_key_wipe(struct crypto_hmac_key *hmac);

/*
 * crypto_ec_load: the group of `curve`, ready for mbedTLS's arithmetic; `group` must be initialised. For the
 * curves that mbedTLS has, this only sets pointers to constants, its table of multiples of the generator
 * included. Returns 0, HSM_ERR_UNSUPPORTED, HSM_ERR_INTERNAL.
 */
int crypto_ec_load(enum crypto_curve curve, mbedtls_ecp_group *group);

/*
 * crypto_ec_read_point: decodes and checks a public key of `len` bytes; `group` is the loaded group of
 * `curve`. Returns 0, HSM_ERR_DATA, HSM_ERR_INTERNAL.
 */
int crypto_ec_read_point(enum crypto_curve curve, const mbedtls_ecp_group *group, const uint8_t *pub,
                         size_t len, mbedtls_ecp_point *point);

/* crypto_ec_curve_name: the usual name, NULL for an unknown curve. */
const char *crypto_ec_curve_name(enum crypto_curve curve);

/*
 * crypto_prime_check: Miller-Rabin with `rounds` random bases on an odd `x` > 3. `tick` as
 * crypto_rsa_generate has it. Returns 0 (prime), HSM_ERR_DATA (composite), HSM_ERR_INTERNAL.
 */
int crypto_prime_check(const mbedtls_mpi *x, unsigned rounds, struct crypto_rng *rng, void (*tick)(void *),
                       void *tick_ctx);

/*
 * crypto_prime_generate: a random prime of exactly `bits` bits (512 to 2048) with the two top bits set, so
 * that a product of two has exactly twice the bits, and with gcd(x - 1, e) = 1. Returns 0 or
 * HSM_ERR_INTERNAL.
 */
int crypto_prime_generate(mbedtls_mpi *x, size_t bits, const mbedtls_mpi *e, struct crypto_rng *rng,
                          void (*tick)(void *), void *tick_ctx);

#endif
