// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// RSA keys and the two primitives; rsa_import.c makes keys from foreign ones, rsa_padding.c has the paddings.
//
// The private operation is mbedTLS's: CRT, base and exponent blinding, a check by the public operation, and
// an unblinding in constant time. mbedTLS has no call to import the CRT values, and computing them again
// takes a fifth of the time of a signature; a packed key has them, so they are put into the context directly.

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "hsm/crypto/rsa.h"

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/rsa.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/parallel.h"
#include "hsm/crypto/rsa_key.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

/* Bytes that seed a search's generator: entropy and nonce of CTR_DRBG with AES-256 (mbedTLS takes 48 and 24).
 */
#define SEARCH_SEED_LEN 96u

#define HEAD 3u /* bytes before e: bits(2) e_len(1) */

size_t crypto_rsa_half_len(size_t bits) { return (bits + 15) / 16; }

bool crypto_rsa_bits_supported(size_t bits) {
    return bits >= CRYPTO_RSA_BITS_MIN && bits <= CRYPTO_RSA_BITS_MAX && bits % 8 == 0;
}

/* Is it odd, at least 3, at most CRYPTO_RSA_EXP_MAX bytes, without leading zeros? */
static bool exponent_valid(const uint8_t *e, size_t len) {
    return len >= 1 && len <= CRYPTO_RSA_EXP_MAX && e[0] != 0 && (e[len - 1] & 1) != 0 &&
           (len > 1 || e[0] >= 3);
}

int crypto_rsa_load(mbedtls_rsa_context *rsa, const uint8_t *priv, size_t priv_len) {
    if (priv_len < HEAD)
        return HSM_ERR_DATA;
    size_t bits = (size_t)priv[0] << 8 | priv[1];
    size_t e_len = priv[2];
    if (!crypto_rsa_bits_supported(bits))
        return HSM_ERR_DATA;
    size_t half = crypto_rsa_half_len(bits);
    if (priv_len != HEAD + e_len + 5 * half || !exponent_valid(priv + HEAD, e_len))
        return HSM_ERR_DATA;

    const uint8_t *next = priv + HEAD + e_len;
    if (mbedtls_mpi_read_binary(&rsa->E, priv + HEAD, e_len) != 0 ||
        mbedtls_mpi_read_binary(&rsa->P, next, half) != 0 ||
        mbedtls_mpi_read_binary(&rsa->Q, next + half, half) != 0 ||
        mbedtls_mpi_read_binary(&rsa->DP, next + 2 * half, half) != 0 ||
        mbedtls_mpi_read_binary(&rsa->DQ, next + 3 * half, half) != 0 ||
        mbedtls_mpi_read_binary(&rsa->QP, next + 4 * half, half) != 0 ||
        mbedtls_mpi_mul_mpi(&rsa->N, &rsa->P, &rsa->Q) != 0)
        return HSM_ERR_INTERNAL;
    rsa->len = bits / 8;
    /* What a key that was packed here cannot lack; whether the rest fits together, each private operation
     * checks. */
    if (mbedtls_mpi_get_bit(&rsa->N, 0) == 0 || mbedtls_mpi_bitlen(&rsa->N) != bits ||
        mbedtls_mpi_cmp_mpi(&rsa->P, &rsa->Q) <= 0 || mbedtls_mpi_cmp_mpi(&rsa->DP, &rsa->P) >= 0 ||
        mbedtls_mpi_cmp_mpi(&rsa->DQ, &rsa->Q) >= 0 || mbedtls_mpi_cmp_mpi(&rsa->QP, &rsa->P) >= 0)
        return HSM_ERR_DATA;
    return HSM_OK;
}

/* d = e^-1 mod m - 1, with m a prime. */
static int crt_exponent(mbedtls_mpi *d, const mbedtls_mpi *e, const mbedtls_mpi *m) {
    mbedtls_mpi m1;

    mbedtls_mpi_init(&m1);
    int ret = mbedtls_mpi_sub_int(&m1, m, 1);
    if (ret == 0)
        ret = mbedtls_mpi_inv_mod(d, e, &m1);
    mbedtls_mpi_free(&m1);
    if (ret == MBEDTLS_ERR_MPI_NOT_ACCEPTABLE)
        return HSM_ERR_DATA; /* e and m - 1 have a common factor */
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

int crypto_rsa_complete(mbedtls_rsa_context *rsa, size_t bits) {
    int order = mbedtls_mpi_cmp_mpi(&rsa->P, &rsa->Q);

    if (order == 0)
        return HSM_ERR_DATA;
    if (order < 0)
        mbedtls_mpi_swap(&rsa->P, &rsa->Q);
    if (mbedtls_mpi_size(&rsa->P) > crypto_rsa_half_len(bits))
        return HSM_ERR_DATA;
    if (mbedtls_mpi_mul_mpi(&rsa->N, &rsa->P, &rsa->Q) != 0)
        return HSM_ERR_INTERNAL;
    if (mbedtls_mpi_bitlen(&rsa->N) != bits)
        return HSM_ERR_DATA;
    rsa->len = bits / 8;
    int ret = crt_exponent(&rsa->DP, &rsa->E, &rsa->P);
    if (ret == HSM_OK)
        ret = crt_exponent(&rsa->DQ, &rsa->E, &rsa->Q);
    if (ret == HSM_OK) {
        ret = mbedtls_mpi_inv_mod(&rsa->QP, &rsa->Q, &rsa->P);
        if (ret != 0)
            ret = ret == MBEDTLS_ERR_MPI_NOT_ACCEPTABLE ? HSM_ERR_DATA : HSM_ERR_INTERNAL;
    }
    return ret;
}

int crypto_rsa_pack(const mbedtls_rsa_context *rsa, uint8_t *priv, size_t *priv_len) {
    size_t bits = 8 * rsa->len;
    size_t half = crypto_rsa_half_len(bits);
    size_t e_len = mbedtls_mpi_size(&rsa->E);
    uint8_t *next = priv + HEAD + e_len;

    priv[0] = (uint8_t)(bits >> 8);
    priv[1] = (uint8_t)bits;
    priv[2] = (uint8_t)e_len;
    if (mbedtls_mpi_write_binary(&rsa->E, priv + HEAD, e_len) != 0 ||
        mbedtls_mpi_write_binary(&rsa->P, next, half) != 0 ||
        mbedtls_mpi_write_binary(&rsa->Q, next + half, half) != 0 ||
        mbedtls_mpi_write_binary(&rsa->DP, next + 2 * half, half) != 0 ||
        mbedtls_mpi_write_binary(&rsa->DQ, next + 3 * half, half) != 0 ||
        mbedtls_mpi_write_binary(&rsa->QP, next + 4 * half, half) != 0) {
        crypto_wipe(priv, CRYPTO_RSA_PRIV_MAX);
        return HSM_ERR_INTERNAL;
    }
    *priv_len = HEAD + e_len + 5 * half;
    return HSM_OK;
}

int crypto_rsa_read_exponent(mbedtls_rsa_context *rsa, const uint8_t *e, size_t e_len) {
    while (e_len > 0 && e[0] == 0) {
        e++;
        e_len--;
    }
    if (!exponent_valid(e, e_len))
        return HSM_ERR_DATA;
    return mbedtls_mpi_read_binary(&rsa->E, e, e_len) == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

/* d = e^-1 mod lcm(p - 1, q - 1). */
static int private_exponent(const mbedtls_rsa_context *rsa, mbedtls_mpi *d) {
    mbedtls_mpi p1;
    mbedtls_mpi q1;
    mbedtls_mpi g;

    mbedtls_mpi_init(&p1);
    mbedtls_mpi_init(&q1);
    mbedtls_mpi_init(&g);
    int ret = HSM_OK;
    if (mbedtls_mpi_sub_int(&p1, &rsa->P, 1) != 0 || mbedtls_mpi_sub_int(&q1, &rsa->Q, 1) != 0 ||
        mbedtls_mpi_gcd(&g, &p1, &q1) != 0 || mbedtls_mpi_div_mpi(&p1, NULL, &p1, &g) != 0 ||
        mbedtls_mpi_mul_mpi(&p1, &p1, &q1) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && mbedtls_mpi_inv_mod(d, &rsa->E, &p1) != 0)
        ret = HSM_ERR_DATA;
    mbedtls_mpi_free(&g);
    mbedtls_mpi_free(&q1);
    mbedtls_mpi_free(&p1);
    return ret;
}

/* FIPS 186-5, A.1.1: p and q differ in their first 100 bits, and d has more than half the bits of n. */
static int check_generated(const mbedtls_rsa_context *rsa, size_t bits) {
    mbedtls_mpi t;

    mbedtls_mpi_init(&t);
    int ret = mbedtls_mpi_sub_mpi(&t, &rsa->P, &rsa->Q) == 0 ? HSM_OK : HSM_ERR_INTERNAL;
    if (ret == HSM_OK && mbedtls_mpi_bitlen(&t) <= bits / 2 - 100)
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK)
        ret = private_exponent(rsa, &t);
    if (ret == HSM_OK && mbedtls_mpi_bitlen(&t) <= bits / 2)
        ret = HSM_ERR_DATA;
    mbedtls_mpi_free(&t);
    return ret;
}

/*
 * One of the two prime searches. Each has a random generator of its own, seeded from the card's: so both can
 * run at once, and find the same primes when they do not.
 */
struct search {
    mbedtls_mpi *prime;
    const mbedtls_mpi *e;
    size_t bits;
    struct crypto_rng rng;
    uint8_t seed[SEARCH_SEED_LEN];
    size_t seed_used;
    void (*tick)(void *);
    void *tick_ctx;
    int ret;
};

/* The entropy of a search's generator. It is never asked to reseed: that would take 10000 numbers that are no
 * prime. */
static int search_entropy(void *ctx, uint8_t *out, size_t len) {
    struct search *search = ctx;

    if (len > sizeof search->seed - search->seed_used)
        return -1;
    memcpy(out, search->seed + search->seed_used, len);
    search->seed_used += len;
    return 0;
}

static void search_run(void *arg) {
    struct search *search = arg;

    search->ret = crypto_prime_generate(search->prime, search->bits, search->e, &search->rng, search->tick,
                                        search->tick_ctx);
}

static int search_prepare(struct search *search, struct crypto_rng *rng) {
    search->seed_used = 0;
    int ret = crypto_rng_bytes(rng, search->seed, sizeof search->seed);
    if (ret == HSM_OK)
        ret = crypto_rng_init(&search->rng, search_entropy, search, NULL, 0);
    return ret;
}

/* p and q. */
static int generate_primes(mbedtls_rsa_context *rsa, size_t bits, struct crypto_rng *rng,
                           void (*tick)(void *), void *tick_ctx) {
    struct search p = {.prime = &rsa->P, .e = &rsa->E, .bits = bits / 2, .tick = tick, .tick_ctx = tick_ctx};
    struct search q = {.prime = &rsa->Q, .e = &rsa->E, .bits = bits / 2, .tick = tick, .tick_ctx = tick_ctx};

    int ret = search_prepare(&p, rng);
    if (ret == HSM_OK)
        ret = search_prepare(&q, rng);
    if (ret == HSM_OK) {
        crypto_parallel(search_run, &p, &q);
        ret = p.ret != HSM_OK ? p.ret : q.ret;
    }
    crypto_wipe(&p, sizeof p);
    crypto_wipe(&q, sizeof q);
    return ret;
}

int crypto_rsa_generate(size_t bits, const uint8_t *e, size_t e_len, struct crypto_rng *rng,
                        void (*tick)(void *), void *tick_ctx, uint8_t *priv, size_t *priv_len) {
    mbedtls_rsa_context rsa;

    if (!crypto_rsa_bits_supported(bits))
        return HSM_ERR_UNSUPPORTED;
    mbedtls_rsa_init(&rsa);
    int ret = crypto_rsa_read_exponent(&rsa, e, e_len);
    if (ret == HSM_OK) {
        do { /* a second turn has a probability below 2^-90 */
            ret = generate_primes(&rsa, bits, rng, tick, tick_ctx);
            if (ret == HSM_OK)
                ret = crypto_rsa_complete(&rsa, bits);
            if (ret == HSM_OK)
                ret = check_generated(&rsa, bits);
        } while (ret == HSM_ERR_DATA);
        if (ret == HSM_OK)
            ret = crypto_rsa_pack(&rsa, priv, priv_len);
    }
    mbedtls_rsa_free(&rsa);
    return ret;
}

int crypto_rsa_public(const uint8_t *priv, size_t priv_len, struct crypto_rsa_public *pub) {
    mbedtls_rsa_context rsa;

    mbedtls_rsa_init(&rsa);
    int ret = crypto_rsa_load(&rsa, priv, priv_len);
    if (ret == HSM_OK) {
        memset(pub, 0, sizeof *pub);
        pub->bits = 8 * rsa.len;
        pub->e_len = mbedtls_mpi_size(&rsa.E);
        if (mbedtls_mpi_write_binary(&rsa.N, pub->n, rsa.len) != 0 ||
            mbedtls_mpi_write_binary(&rsa.E, pub->e, pub->e_len) != 0)
            ret = HSM_ERR_INTERNAL;
    }
    mbedtls_rsa_free(&rsa);
    return ret;
}

int crypto_rsa_private_exponent(const uint8_t *priv, size_t priv_len, uint8_t *d) {
    mbedtls_rsa_context rsa;
    mbedtls_mpi exponent;

    mbedtls_rsa_init(&rsa);
    mbedtls_mpi_init(&exponent);
    int ret = crypto_rsa_load(&rsa, priv, priv_len);
    if (ret == HSM_OK)
        ret = private_exponent(&rsa, &exponent);
    if (ret == HSM_OK && mbedtls_mpi_write_binary(&exponent, d, rsa.len) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&exponent);
    mbedtls_rsa_free(&rsa);
    return ret;
}

int crypto_rsa_raw(const uint8_t *priv, size_t priv_len, struct crypto_rng *rng, const uint8_t *in,
                   uint8_t *out) {
    mbedtls_rsa_context rsa;

    mbedtls_rsa_init(&rsa);
    int ret = crypto_rsa_load(&rsa, priv, priv_len);
    if (ret == HSM_OK) {
        /* MPI_BAD_INPUT_DATA comes added to RSA_PRIVATE_FAILED. */
        switch (mbedtls_rsa_private(&rsa, crypto_rng_callback, rng, in, out)) {
        case 0:
            break;
        case MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA: /* in >= n */
            ret = HSM_ERR_DATA;
            break;
        default:
            crypto_wipe(out, rsa.len);
            ret = HSM_ERR_INTERNAL;
        }
    }
    mbedtls_rsa_free(&rsa);
    return ret;
}

int crypto_rsa_apply_public(const struct crypto_rsa_public *pub, const uint8_t *in, uint8_t *out) {
    mbedtls_mpi n;
    mbedtls_mpi e;
    mbedtls_mpi x;
    size_t len = pub->bits / 8;

    if (!crypto_rsa_bits_supported(pub->bits) || !exponent_valid(pub->e, pub->e_len))
        return HSM_ERR_DATA;
    mbedtls_mpi_init(&n);
    mbedtls_mpi_init(&e);
    mbedtls_mpi_init(&x);
    int ret = HSM_OK;
    if (mbedtls_mpi_read_binary(&n, pub->n, len) != 0 ||
        mbedtls_mpi_read_binary(&e, pub->e, pub->e_len) != 0 || mbedtls_mpi_read_binary(&x, in, len) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && (mbedtls_mpi_bitlen(&n) != pub->bits || mbedtls_mpi_get_bit(&n, 0) == 0 ||
                          mbedtls_mpi_cmp_mpi(&x, &n) >= 0))
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK &&
        (mbedtls_mpi_exp_mod(&x, &x, &e, &n, NULL) != 0 || mbedtls_mpi_write_binary(&x, out, len) != 0))
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&e);
    mbedtls_mpi_free(&n);
    return ret;
}
