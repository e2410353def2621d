// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Prime numbers for RSA.
//
// A random odd start is drawn and the numbers after it are tried in turn. Small factors are sieved out of a
// whole window of numbers at once, which costs one division per small prime instead of one per small prime
// and number, and leaves fewer numbers for Miller-Rabin than trial division over mbedTLS's own table does.
// Every draw asks for whole bytes only, so that a seeded generator gives the same primes on a 32-bit and on a
// 64-bit processor; mbedTLS's own search does not.

#include <stdbool.h>
#include <string.h>

#include <mbedtls/bignum.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/rsa.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

#define PRIME_BYTES_MAX (CRYPTO_RSA_LEN_MAX / 2u)

/* Small primes up to this are sieved with. Two of them multiply to less than 2^31, the divisor mbedTLS takes.
 */
#define SMALL_LIMIT 16384u

/* Odd numbers in a window. Without a prime in it (one in 300 at 2048 bits, fewer below) another start is
 * drawn. */
#define WINDOW 4096u

struct sieve {
    uint8_t small[SMALL_LIMIT / 2 / 8]; /* bit i: 2i + 1 is composite */
    uint8_t window[WINDOW / 8];         /* bit i: start + 2i has a small factor */
};

static bool get_bit(const uint8_t *bits, unsigned i) { return (bits[i / 8] >> (i % 8) & 1) != 0; }

static void set_bit(uint8_t *bits, unsigned i) { bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8)); }

/* Eratosthenes over the odd numbers below SMALL_LIMIT. */
static void sieve_small(struct sieve *sieve) {
    memset(sieve->small, 0, sizeof sieve->small);
    for (unsigned p = 3; p * p < SMALL_LIMIT; p += 2)
        if (!get_bit(sieve->small, p / 2))
            for (unsigned multiple = p * p; multiple < SMALL_LIMIT; multiple += 2 * p)
                set_bit(sieve->small, multiple / 2);
}

/* The next prime after the odd `p`, or 0 at the end. */
static unsigned next_small(const struct sieve *sieve, unsigned p) {
    for (p += 2; p < SMALL_LIMIT; p += 2)
        if (!get_bit(sieve->small, p / 2))
            return p;
    return 0;
}

/* Marks the window's multiples of `p`; `remainder` is start mod p. */
static void mark_multiples(struct sieve *sieve, unsigned p, unsigned remainder) {
    unsigned distance = remainder == 0 ? 0 : p - remainder; /* to the next multiple, odd ones in twos */

    if (distance % 2 != 0)
        distance += p;
    for (unsigned i = distance / 2; i < WINDOW; i += p)
        set_bit(sieve->window, i);
}

static int sieve_window(struct sieve *sieve, const mbedtls_mpi *start) {
    unsigned p = 3;

    memset(sieve->window, 0, sizeof sieve->window);
    while (p != 0) { /* two primes with one long division */
        unsigned p2 = next_small(sieve, p);
        mbedtls_mpi_uint remainder;
        unsigned product = p2 == 0 ? p : p * p2;
        if (mbedtls_mpi_mod_int(&remainder, start, (mbedtls_mpi_sint)product) != 0)
            return HSM_ERR_INTERNAL;
        mark_multiples(sieve, p, (unsigned)remainder % p);
        if (p2 == 0)
            break;
        mark_multiples(sieve, p2, (unsigned)remainder % p2);
        p = next_small(sieve, p2);
    }
    return HSM_OK;
}

/*
 * Rounds of Miller-Rabin that leave an error below 2^-100 for a random number of this size (Handbook of
 * Applied Cryptography, fact 4.48); at least what FIPS 186-5, table B.1 asks for.
 */
static unsigned rounds_for(size_t bits) {
    if (bits >= 1450)
        return 4;
    if (bits >= 1150)
        return 5;
    if (bits >= 1000)
        return 6;
    if (bits >= 850)
        return 7;
    if (bits >= 750)
        return 8;
    return 13;
}

/* One round with a random base: HSM_ERR_DATA when `x` is composite. x - 1 = 2^s * r. */
static int miller_rabin_round(const mbedtls_mpi *x, const mbedtls_mpi *x1, const mbedtls_mpi *r, size_t s,
                              mbedtls_mpi *a, mbedtls_mpi *rr, struct crypto_rng *rng) {
    if (mbedtls_mpi_random(a, 2, x1, crypto_rng_callback, rng) != 0 ||
        mbedtls_mpi_exp_mod(a, a, r, x, rr) != 0)
        return HSM_ERR_INTERNAL;
    if (mbedtls_mpi_cmp_int(a, 1) == 0 || mbedtls_mpi_cmp_mpi(a, x1) == 0)
        return HSM_OK;
    for (size_t i = 1; i < s; i++) {
        if (mbedtls_mpi_mul_mpi(a, a, a) != 0 || mbedtls_mpi_mod_mpi(a, a, x) != 0)
            return HSM_ERR_INTERNAL;
        if (mbedtls_mpi_cmp_mpi(a, x1) == 0)
            return HSM_OK;
    }
    return HSM_ERR_DATA;
}

int crypto_prime_check(const mbedtls_mpi *x, unsigned rounds, struct crypto_rng *rng, void (*tick)(void *),
                       void *tick_ctx) {
    mbedtls_mpi x1;
    mbedtls_mpi r;
    mbedtls_mpi a;
    mbedtls_mpi rr; /* the Montgomery constant of x, shared by the rounds */
    int ret = HSM_OK;

    if (mbedtls_mpi_cmp_int(x, 3) <= 0 || mbedtls_mpi_get_bit(x, 0) == 0)
        return HSM_ERR_DATA;
    mbedtls_mpi_init(&x1);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&a);
    mbedtls_mpi_init(&rr);
    if (mbedtls_mpi_sub_int(&x1, x, 1) != 0 || mbedtls_mpi_copy(&r, &x1) != 0)
        ret = HSM_ERR_INTERNAL;
    size_t s = mbedtls_mpi_lsb(&x1);
    if (ret == HSM_OK && mbedtls_mpi_shift_r(&r, s) != 0)
        ret = HSM_ERR_INTERNAL;
    for (unsigned i = 0; i < rounds && ret == HSM_OK; i++) {
        if (tick != NULL)
            tick(tick_ctx);
        ret = miller_rabin_round(x, &x1, &r, s, &a, &rr, rng);
    }
    mbedtls_mpi_free(&rr);
    mbedtls_mpi_free(&a);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&x1);
    return ret;
}

static uint64_t gcd64(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Is gcd(x - 1, e) = 1? HSM_ERR_DATA when not. `e` has at most 64 bits. */
static int check_exponent(const mbedtls_mpi *x, const mbedtls_mpi *e) {
    mbedtls_mpi rest;
    uint8_t bytes[2][8];
    uint64_t values[2] = {0, 0};

    mbedtls_mpi_init(&rest);
    int ret = HSM_OK;
    if (mbedtls_mpi_mod_mpi(&rest, x, e) != 0 || mbedtls_mpi_write_binary(&rest, bytes[0], 8) != 0 ||
        mbedtls_mpi_write_binary(e, bytes[1], 8) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&rest);
    if (ret != HSM_OK)
        return ret;
    for (size_t i = 0; i < 8; i++) {
        values[0] = values[0] << 8 | bytes[0][i];
        values[1] = values[1] << 8 | bytes[1][i];
    }
    uint64_t x1 = (values[0] == 0 ? values[1] : values[0]) - 1; /* x - 1 mod e */
    return gcd64(values[1], x1) == 1 ? HSM_OK : HSM_ERR_DATA;
}

/* A random odd number of `bits` bits, the two top ones set. */
static int random_start(mbedtls_mpi *x, size_t bits, struct crypto_rng *rng) {
    uint8_t bytes[PRIME_BYTES_MAX];
    size_t len = (bits + 7) / 8;

    int ret = crypto_rng_bytes(rng, bytes, len);
    if (ret == HSM_OK &&
        (mbedtls_mpi_read_binary(x, bytes, len) != 0 || mbedtls_mpi_shift_r(x, 8 * len - bits) != 0 ||
         mbedtls_mpi_set_bit(x, bits - 1, 1) != 0 || mbedtls_mpi_set_bit(x, bits - 2, 1) != 0 ||
         mbedtls_mpi_set_bit(x, 0, 1) != 0))
        ret = HSM_ERR_INTERNAL;
    crypto_wipe(bytes, sizeof bytes);
    return ret;
}

/* Goes through the window after `start`. HSM_ERR_DATA when there is no prime in it. */
static int search_window(const struct sieve *sieve, const mbedtls_mpi *start, mbedtls_mpi *x, size_t bits,
                         const mbedtls_mpi *e, struct crypto_rng *rng, void (*tick)(void *), void *tick_ctx) {
    for (unsigned i = 0; i < WINDOW; i++) {
        if (get_bit(sieve->window, i))
            continue;
        if (mbedtls_mpi_add_int(x, start, (mbedtls_mpi_sint)2 * (mbedtls_mpi_sint)i) != 0)
            return HSM_ERR_INTERNAL;
        if (mbedtls_mpi_bitlen(x) != bits)
            return HSM_ERR_DATA;
        int ret = check_exponent(x, e);
        if (ret == HSM_OK)
            ret = crypto_prime_check(x, rounds_for(bits), rng, tick, tick_ctx);
        if (ret != HSM_ERR_DATA)
            return ret;
    }
    return HSM_ERR_DATA;
}

int crypto_prime_generate(mbedtls_mpi *x, size_t bits, const mbedtls_mpi *e, struct crypto_rng *rng,
                          void (*tick)(void *), void *tick_ctx) {
    struct sieve sieve;
    mbedtls_mpi start;
    int ret;

    mbedtls_mpi_init(&start);
    sieve_small(&sieve);
    do {
        ret = random_start(&start, bits, rng);
        if (ret == HSM_OK)
            ret = sieve_window(&sieve, &start);
        if (ret == HSM_OK)
            ret = search_window(&sieve, &start, x, bits, e, rng, tick, tick_ctx);
    } while (ret == HSM_ERR_DATA);
    mbedtls_mpi_free(&start);
    crypto_wipe(&sieve, sizeof sieve);
    return ret;
}
