// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Making a packed RSA key from the forms in which keys come from outside.

#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* the context's numbers, see rsa.c */

#include <mbedtls/bignum.h>
#include <mbedtls/rsa.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/rsa.h"
#include "hsm/crypto/rsa_key.h"
#include "hsm/error.h"

/* Integers longer than this are refused before any arithmetic, whatever their leading zeros. */
#define INTEGER_MAX (2u * CRYPTO_RSA_LEN_MAX)

/* A base finds the factors with a probability of 1/2 or more: 2^-64 for a right key to be refused. */
#define FACTOR_TRIES 64u

/* Enough to catch a wrong or damaged key. An imported key is the importer's own: nobody is kept from choosing
 * a weak one, and every round takes seconds on the RP2040. */
#define IMPORT_ROUNDS 3u

static int read_integer(mbedtls_mpi *x, const uint8_t *bytes, size_t len) {
    if (len > INTEGER_MAX)
        return HSM_ERR_DATA;
    return mbedtls_mpi_read_binary(x, bytes, len) == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

/* Checks and packs a key whose P, Q and E are set. */
static int finish(mbedtls_rsa_context *rsa, size_t bits, struct crypto_rng *rng, uint8_t *priv,
                  size_t *priv_len) {
    int ret = crypto_rsa_complete(rsa, bits);
    if (ret == HSM_OK)
        ret = crypto_prime_check(&rsa->P, IMPORT_ROUNDS, rng, NULL, NULL);
    if (ret == HSM_OK)
        ret = crypto_prime_check(&rsa->Q, IMPORT_ROUNDS, rng, NULL, NULL);
    if (ret == HSM_OK)
        ret = crypto_rsa_pack(rsa, priv, priv_len);
    return ret;
}

/*
 * One random base g: y = g^r, then squared up to t times, is 1 in the end for every g if d belongs to e and
 * n; if a square root of 1 other than 1 and -1 comes by, it gives the factors. Returns 0 with the factors in
 * P and Q, HSM_ERR_DATA when d does not fit, 1 when another base is needed.
 */
static int try_base(mbedtls_rsa_context *rsa, const mbedtls_mpi *r, size_t t, mbedtls_mpi *y, mbedtls_mpi *x,
                    struct crypto_rng *rng) {
    mbedtls_mpi *n1 = &rsa->Q; /* n - 1; P and Q are free until the factors are known */

    if (mbedtls_mpi_sub_int(n1, &rsa->N, 1) != 0 ||
        mbedtls_mpi_random(y, 2, n1, crypto_rng_callback, rng) != 0 ||
        mbedtls_mpi_exp_mod(y, y, r, &rsa->N, &rsa->RN) != 0)
        return HSM_ERR_INTERNAL;
    if (mbedtls_mpi_cmp_int(y, 1) == 0 || mbedtls_mpi_cmp_mpi(y, n1) == 0)
        return 1;
    for (size_t i = 0; i < t; i++) {
        if (mbedtls_mpi_mul_mpi(x, y, y) != 0 || mbedtls_mpi_mod_mpi(x, x, &rsa->N) != 0)
            return HSM_ERR_INTERNAL;
        if (mbedtls_mpi_cmp_int(x, 1) == 0) {
            if (mbedtls_mpi_sub_int(y, y, 1) != 0 || mbedtls_mpi_gcd(&rsa->P, y, &rsa->N) != 0 ||
                mbedtls_mpi_div_mpi(&rsa->Q, NULL, &rsa->N, &rsa->P) != 0)
                return HSM_ERR_INTERNAL;
            return HSM_OK;
        }
        if (mbedtls_mpi_cmp_mpi(x, n1) == 0)
            return 1;
        mbedtls_mpi_swap(x, y);
    }
    return HSM_ERR_DATA;
}

/* SP 800-56B Rev. 2, C.1: the factors of N from D and E. Returns 0, HSM_ERR_DATA, HSM_ERR_INTERNAL. */
static int recover_factors(mbedtls_rsa_context *rsa, struct crypto_rng *rng) {
    mbedtls_mpi r;
    mbedtls_mpi y;
    mbedtls_mpi x;
    int ret = HSM_OK;

    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&y);
    mbedtls_mpi_init(&x);
    if (mbedtls_mpi_mul_mpi(&r, &rsa->D, &rsa->E) != 0 || mbedtls_mpi_sub_int(&r, &r, 1) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && (mbedtls_mpi_cmp_int(&r, 0) <= 0 || mbedtls_mpi_get_bit(&r, 0) != 0))
        ret = HSM_ERR_DATA;
    size_t t = mbedtls_mpi_lsb(&r);
    if (ret == HSM_OK && mbedtls_mpi_shift_r(&r, t) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK) {
        ret = 1;
        for (unsigned i = 0; i < FACTOR_TRIES && ret == 1; i++)
            ret = try_base(rsa, &r, t, &y, &x, rng);
        if (ret == 1)
            ret = HSM_ERR_DATA;
    }
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&y);
    mbedtls_mpi_free(&r);
    return ret;
}

/* Is e * d = 1 mod m - 1? HSM_ERR_DATA when not. Holds for a d that was reduced modulo phi(n) as well as
 * modulo the lcm. */
static int check_inverse(const mbedtls_rsa_context *rsa, const mbedtls_mpi *m) {
    mbedtls_mpi m1;
    mbedtls_mpi x;

    mbedtls_mpi_init(&m1);
    mbedtls_mpi_init(&x);
    int ret = HSM_OK;
    if (mbedtls_mpi_sub_int(&m1, m, 1) != 0 || mbedtls_mpi_mul_mpi(&x, &rsa->D, &rsa->E) != 0 ||
        mbedtls_mpi_mod_mpi(&x, &x, &m1) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && mbedtls_mpi_cmp_int(&x, 1) != 0)
        ret = HSM_ERR_DATA;
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&m1);
    return ret;
}

int crypto_rsa_from_nde(const uint8_t *n, size_t n_len, const uint8_t *d, size_t d_len, const uint8_t *e,
                        size_t e_len, struct crypto_rng *rng, uint8_t *priv, size_t *priv_len) {
    mbedtls_rsa_context rsa;
    size_t bits = 0;

    mbedtls_rsa_init(&rsa);
    int ret = read_integer(&rsa.N, n, n_len);
    if (ret == HSM_OK) {
        bits = mbedtls_mpi_bitlen(&rsa.N);
        if (!crypto_rsa_bits_supported(bits))
            ret = HSM_ERR_UNSUPPORTED;
        else if (mbedtls_mpi_get_bit(&rsa.N, 0) == 0)
            ret = HSM_ERR_DATA;
    }
    if (ret == HSM_OK)
        ret = crypto_rsa_read_exponent(&rsa, e, e_len);
    if (ret == HSM_OK)
        ret = read_integer(&rsa.D, d, d_len);
    if (ret == HSM_OK && mbedtls_mpi_cmp_mpi(&rsa.D, &rsa.N) >= 0)
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK)
        ret = recover_factors(&rsa, rng);
    if (ret == HSM_OK)
        ret = check_inverse(&rsa, &rsa.P);
    if (ret == HSM_OK)
        ret = check_inverse(&rsa, &rsa.Q);
    if (ret == HSM_OK)
        ret = finish(&rsa, bits, rng, priv, priv_len);
    mbedtls_rsa_free(&rsa);
    return ret;
}

int crypto_rsa_from_pq(const uint8_t *p, size_t p_len, const uint8_t *q, size_t q_len, const uint8_t *e,
                       size_t e_len, struct crypto_rng *rng, uint8_t *priv, size_t *priv_len) {
    mbedtls_rsa_context rsa;
    size_t bits = 0;

    mbedtls_rsa_init(&rsa);
    int ret = crypto_rsa_read_exponent(&rsa, e, e_len);
    if (ret == HSM_OK)
        ret = read_integer(&rsa.P, p, p_len);
    if (ret == HSM_OK)
        ret = read_integer(&rsa.Q, q, q_len);
    if (ret == HSM_OK && mbedtls_mpi_mul_mpi(&rsa.N, &rsa.P, &rsa.Q) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK) {
        bits = mbedtls_mpi_bitlen(&rsa.N);
        if (!crypto_rsa_bits_supported(bits))
            ret = HSM_ERR_UNSUPPORTED;
        else if (mbedtls_mpi_get_bit(&rsa.N, 0) == 0)
            ret = HSM_ERR_DATA; /* an even factor: no modulus for mbedTLS's inversion */
    }
    if (ret == HSM_OK)
        ret = finish(&rsa, bits, rng, priv, priv_len);
    mbedtls_rsa_free(&rsa);
    return ret;
}
