// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// RSA: generation at every size, import in every form, wrong inputs, paddings. What is generated is checked
// by mbedTLS's own consistency check and verification, which hsm/crypto does not use.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/bignum.h>
#include <mbedtls/md.h>
#include <mbedtls/rsa.h>

#include "hsm/crypto/rsa.h"
#include "hsm/error.h"

static const uint8_t f4[3] = {1, 0, 1};

static struct crypto_rng rng;

/* A key of 1024 bits that the tests of wrong inputs share. */
static uint8_t small[CRYPTO_RSA_PRIV_MAX];
static size_t small_len;
static struct crypto_rsa_public small_pub;
static uint8_t small_d[128];

static const uint8_t *prime_p(const uint8_t *priv) { return priv + 3 + priv[2]; }

static const uint8_t *prime_q(const uint8_t *priv, size_t half) { return prime_p(priv) + half; }

static void count_tick(void *ctx) { ++*(unsigned *)ctx; }

/* Loads the public or the whole key into a context of mbedTLS, which checks it. */
static void load_foreign(mbedtls_rsa_context *rsa, const uint8_t *priv, const struct crypto_rsa_public *pub,
                         const uint8_t *d) {
    size_t len = pub->bits / 8;
    size_t half = (pub->bits + 15) / 16;

    mbedtls_rsa_init(rsa);
    if (priv == NULL) {
        assert_int_equal(
            mbedtls_rsa_import_raw(rsa, pub->n, len, NULL, 0, NULL, 0, NULL, 0, pub->e, pub->e_len), 0);
        assert_int_equal(mbedtls_rsa_complete(rsa), 0);
        assert_int_equal(mbedtls_rsa_check_pubkey(rsa), 0);
    } else {
        assert_int_equal(mbedtls_rsa_import_raw(rsa, pub->n, len, prime_p(priv), half, prime_q(priv, half),
                                                half, d, len, pub->e, pub->e_len),
                         0);
        assert_int_equal(mbedtls_rsa_complete(rsa), 0);
        assert_int_equal(mbedtls_rsa_check_privkey(rsa), 0);
    }
}

/* Everything that must hold of a new key; `e_len` bytes of `e` are its exponent. */
static void check_key(const uint8_t *priv, size_t priv_len, size_t bits, const uint8_t *e, size_t e_len) {
    struct crypto_rsa_public pub;
    mbedtls_rsa_context foreign;
    uint8_t d[CRYPTO_RSA_LEN_MAX];
    uint8_t in[CRYPTO_RSA_LEN_MAX] = {0};
    uint8_t out[CRYPTO_RSA_LEN_MAX];
    uint8_t back[CRYPTO_RSA_LEN_MAX];
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    size_t packed_len = 0;
    size_t len = bits / 8;
    size_t half = (bits + 15) / 16;

    assert_int_equal(priv_len, 3 + e_len + 5 * half);
    assert_int_equal(crypto_rsa_public(priv, priv_len, &pub), HSM_OK);
    assert_int_equal(pub.bits, bits);
    assert_true(pub.n[0] & 0x80);
    assert_int_equal(pub.e_len, e_len);
    assert_memory_equal(pub.e, e, e_len);
    assert_true(memcmp(prime_p(priv), prime_q(priv, half), half) > 0);
    assert_memory_not_equal(prime_p(priv), prime_q(priv, half), 12); /* they differ in the first 100 bits */
    assert_int_equal(crypto_rsa_private_exponent(priv, priv_len, d), HSM_OK);
    load_foreign(&foreign, priv, &pub, d);
    mbedtls_rsa_free(&foreign);

    assert_int_equal(crypto_rng_bytes(&rng, in + 1, len - 1), HSM_OK);
    assert_int_equal(crypto_rsa_raw(priv, priv_len, &rng, in, out), HSM_OK);
    assert_int_equal(crypto_rsa_apply_public(&pub, out, back), HSM_OK);
    assert_memory_equal(in, back, len);
    assert_int_equal(crypto_rsa_apply_public(&pub, in, back), HSM_OK);
    assert_int_equal(crypto_rsa_raw(priv, priv_len, &rng, back, back), HSM_OK); /* in place */
    assert_memory_equal(in, back, len);

    assert_int_equal(crypto_rsa_from_nde(pub.n, len, d, len, pub.e, pub.e_len, &rng, packed, &packed_len),
                     HSM_OK);
    assert_int_equal(packed_len, priv_len);
    assert_memory_equal(packed, priv, priv_len);
    assert_int_equal(crypto_rsa_from_pq(prime_q(priv, half), half, prime_p(priv), half, e, e_len, &rng,
                                        packed, &packed_len),
                     HSM_OK);
    assert_int_equal(packed_len, priv_len);
    assert_memory_equal(packed, priv, priv_len);
}

static void generation(void **state) {
    static const size_t sizes[] = {1024, 1032, 1040, 1536, 2048, 3072, 4096};
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    size_t priv_len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned ticks = 0;
        assert_int_equal(crypto_rsa_generate(sizes[i], f4, 3, &rng, count_tick, &ticks, priv, &priv_len),
                         HSM_OK);
        assert_true(ticks >= 8); /* two primes, four rounds at least */
        check_key(priv, priv_len, sizes[i], f4, 3);
    }
}

static void exponents(void **state) {
    static const struct {
        uint8_t bytes[10];
        size_t len;
        size_t zeros; /* leading ones, which are dropped */
        int expected;
    } cases[] = {
        {{3}, 1, 0, HSM_OK},
        {{17}, 1, 0, HSM_OK},
        {{0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 10, 7, HSM_OK},
        {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
         8,
         0,
         HSM_OK}, /* 3 * 5 * 17 * 257 * 641 * 65537 * 6700417 */
        {{15}, 1, 0, HSM_OK},
        {{0}, 1, 0, HSM_ERR_DATA},
        {{1}, 1, 0, HSM_ERR_DATA},
        {{2}, 1, 0, HSM_ERR_DATA},
        {{1, 0, 0}, 3, 0, HSM_ERR_DATA},
        {{1, 0, 0, 0, 0, 0, 0, 0, 1}, 9, 0, HSM_ERR_DATA},
        {{0}, 0, 0, HSM_ERR_DATA},
    };
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    size_t priv_len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            crypto_rsa_generate(1024, cases[i].bytes, cases[i].len, &rng, NULL, NULL, priv, &priv_len),
            cases[i].expected);
        if (cases[i].expected == HSM_OK)
            check_key(priv, priv_len, 1024, cases[i].bytes + cases[i].zeros, cases[i].len - cases[i].zeros);
        else
            assert_int_equal(crypto_rsa_from_pq(prime_p(small), 64, prime_q(small, 64), 64, cases[i].bytes,
                                                cases[i].len, &rng, priv, &priv_len),
                             HSM_ERR_DATA);
    }
}

static void sizes_refused(void **state) {
    static const size_t sizes[] = {0, 512, 1016, 1023, 1025, 2044, 4095, 4097, 4104, 8192};
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    size_t priv_len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_int_equal(crypto_rsa_generate(sizes[i], f4, 3, &rng, NULL, NULL, priv, &priv_len),
                         HSM_ERR_UNSUPPORTED);
}

static void same_seed_same_key(void **state) {
    struct crypto_rng seeded;
    uint8_t priv[2][CRYPTO_RSA_PRIV_MAX];
    size_t len[2] = {0, 0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(crypto_rng_seed(&seeded, (const uint8_t *)"twin", 4), HSM_OK);
        assert_int_equal(crypto_rsa_generate(1024, f4, 3, &seeded, NULL, NULL, priv[i], &len[i]), HSM_OK);
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(priv[0], priv[1], len[0]);
}

/* d given modulo phi(n), modulo the lcm, with leading zeros, and plus a multiple of the lcm. */
static void private_exponents_accepted(void **state) {
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    size_t packed_len = 0;
    uint8_t n[140] = {0};
    uint8_t d[140] = {0};
    uint8_t e[5] = {0, 0, 1, 0, 1};
    mbedtls_mpi p, q, phi, me, md;

    (void)state;
    memcpy(n + 12, small_pub.n, 128);
    memcpy(d + 12, small_d, 128);
    assert_int_equal(crypto_rsa_from_nde(n, 140, d, 140, e, 5, &rng, packed, &packed_len), HSM_OK);
    assert_memory_equal(packed, small, small_len);

    mbedtls_mpi_init(&p);
    mbedtls_mpi_init(&q);
    mbedtls_mpi_init(&phi);
    mbedtls_mpi_init(&me);
    mbedtls_mpi_init(&md);
    assert_int_equal(mbedtls_mpi_read_binary(&p, prime_p(small), 64), 0);
    assert_int_equal(mbedtls_mpi_read_binary(&q, prime_q(small, 64), 64), 0);
    assert_int_equal(mbedtls_mpi_read_binary(&me, f4, 3), 0);
    assert_int_equal(mbedtls_mpi_sub_int(&p, &p, 1), 0);
    assert_int_equal(mbedtls_mpi_sub_int(&q, &q, 1), 0);
    assert_int_equal(mbedtls_mpi_mul_mpi(&phi, &p, &q), 0);
    assert_int_equal(mbedtls_mpi_inv_mod(&md, &me, &phi), 0);
    assert_int_equal(mbedtls_mpi_write_binary(&md, d, 128), 0);
    assert_int_equal(crypto_rsa_from_nde(small_pub.n, 128, d, 128, e, 5, &rng, packed, &packed_len), HSM_OK);
    assert_memory_equal(packed, small, small_len);
    mbedtls_mpi_free(&md);
    mbedtls_mpi_free(&me);
    mbedtls_mpi_free(&phi);
    mbedtls_mpi_free(&q);
    mbedtls_mpi_free(&p);
}

static int import(const uint8_t *n, size_t n_len, const uint8_t *d, size_t d_len, const uint8_t *e,
                  size_t e_len) {
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    size_t packed_len = 0;

    return crypto_rsa_from_nde(n, n_len, d, d_len, e, e_len, &rng, packed, &packed_len);
}

static void inconsistent_keys_refused(void **state) {
    uint8_t n[128];
    uint8_t d[129] = {0};
    uint8_t zeros[1025] = {0};
    static const uint8_t three[1] = {3};

    (void)state;
    memcpy(n, small_pub.n, 128);
    memcpy(d, small_d, 128);
    assert_int_equal(import(n, 128, d, 128, f4, 3), HSM_OK);
    assert_int_equal(import(n, 128, d, 128, three, 1), HSM_ERR_DATA);     /* another e */
    assert_int_equal(import(n, 128, zeros, 128, f4, 3), HSM_ERR_DATA);    /* d = 0 */
    assert_int_equal(import(n, 128, NULL, 0, f4, 3), HSM_ERR_DATA);       /* no d */
    assert_int_equal(import(n, 128, n, 128, f4, 3), HSM_ERR_DATA);        /* d = n */
    assert_int_equal(import(n, 128, d, 129, f4, 3), HSM_ERR_DATA);        /* d > n */
    assert_int_equal(import(n, 127, d, 128, f4, 3), HSM_ERR_UNSUPPORTED); /* n of 1016 bits */
    assert_int_equal(import(zeros, 128, d, 128, f4, 3), HSM_ERR_UNSUPPORTED);
    assert_int_equal(import(NULL, 0, d, 128, f4, 3), HSM_ERR_UNSUPPORTED);
    assert_int_equal(import(zeros, 1025, d, 128, f4, 3), HSM_ERR_DATA); /* endless zeros */
    assert_int_equal(import(n, 128, zeros, 1025, f4, 3), HSM_ERR_DATA);
    for (int bit = 0; bit < 8; bit++) {
        d[127] ^= (uint8_t)(1 << bit);
        assert_int_equal(import(n, 128, d, 128, f4, 3), HSM_ERR_DATA);
        d[127] ^= (uint8_t)(1 << bit);
        n[127] ^= (uint8_t)(1 << bit); /* bit 0: an even n */
        assert_int_equal(import(n, 128, d, 128, f4, 3), HSM_ERR_DATA);
        n[127] ^= (uint8_t)(1 << bit);
    }
    d[127] -= 1; /* e * d - 1 is odd */
    assert_int_equal(import(n, 128, d, 128, f4, 3), HSM_ERR_DATA);
    memset(d, 0, sizeof d);
    d[127] = 1; /* e * d - 1 = 2^16: nothing is left after the twos */
    assert_int_equal(import(n, 128, d, 128, f4, 3), HSM_ERR_DATA);
    d[127] = 3;
    assert_int_equal(import(n, 128, d, 128, three, 1), HSM_ERR_DATA);
}

static int import_pq(const uint8_t *p, size_t p_len, const uint8_t *q, size_t q_len) {
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    size_t packed_len = 0;

    return crypto_rsa_from_pq(p, p_len, q, q_len, f4, 3, &rng, packed, &packed_len);
}

static void wrong_primes_refused(void **state) {
    uint8_t p[64];
    uint8_t q[65];
    uint8_t zeros[1025] = {0};

    (void)state;
    memcpy(p, prime_p(small), 64);
    memcpy(q, prime_q(small, 64), 64);
    assert_int_equal(import_pq(p, 64, q, 64), HSM_OK);
    assert_int_equal(import_pq(q, 64, p, 64), HSM_OK);
    assert_int_equal(import_pq(p, 64, p, 64), HSM_ERR_DATA); /* the same twice */
    assert_int_equal(import_pq(p, 64, q, 63), HSM_ERR_UNSUPPORTED);
    assert_int_equal(import_pq(p, 64, NULL, 0), HSM_ERR_UNSUPPORTED);
    assert_int_equal(import_pq(p, 64, zeros, 64), HSM_ERR_UNSUPPORTED);
    assert_int_equal(import_pq(zeros, 1025, q, 64), HSM_ERR_DATA);
    p[63] ^= 1; /* even */
    assert_int_equal(import_pq(p, 64, q, 64), HSM_ERR_DATA);
    p[63] ^= 1;
    /* Composite: some of eight odd neighbours may be primes, not many. */
    int refused = 0;
    for (uint8_t i = 1; i <= 8; i++) {
        q[63] = (uint8_t)(q[63] + 2);
        refused += import_pq(p, 64, q, 64) == HSM_ERR_DATA;
    }
    assert_true(refused >= 5);
    /* Primes of quite different lengths do not fit into the packed form: 3 * 2^1016 < p * q < 2^1024. */
    uint8_t wide[127] = {0};
    memset(wide, 0xFF, sizeof wide);
    uint8_t narrow[1] = {0xFB};
    assert_int_equal(import_pq(wide, sizeof wide, narrow, 1), HSM_ERR_DATA);
}

static void malformed_keys(void **state) {
    uint8_t priv[CRYPTO_RSA_PRIV_MAX + 1];
    struct crypto_rsa_public pub;
    uint8_t d[CRYPTO_RSA_LEN_MAX];
    uint8_t block[CRYPTO_RSA_LEN_MAX] = {0};
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 0x00},   /* 0 bits */
        {0, 0xFF},   /* 65280 bits */
        {1, 0x01},   /* no multiple of 8 */
        {0, 0x08},   /* 2048 bits: too short */
        {2, 0},      /* no exponent */
        {2, 2},      /* its length does not fit */
        {2, 9},      /* nor this */
        {3, 0},      /* leading zero */
        {5, 0},      /* even */
        {6 + 63, 0}, /* p even */
        {6, 0},      /* p smaller than q */
        {6, 0x01},   /* n of fewer bits */
    };

    (void)state;
    for (size_t len = 0; len <= small_len + 1; len++) {
        memcpy(priv, small, sizeof small);
        int expected = len == small_len ? HSM_OK : HSM_ERR_DATA;
        assert_int_equal(crypto_rsa_public(priv, len, &pub), expected);
    }
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(priv, small, sizeof small);
        priv[changes[i].at] = changes[i].value;
        if (changes[i].at == 6 + 63)
            priv[changes[i].at] = small[changes[i].at] & 0xFE;
        assert_int_equal(crypto_rsa_public(priv, small_len, &pub), HSM_ERR_DATA);
        assert_int_equal(crypto_rsa_private_exponent(priv, small_len, d), HSM_ERR_DATA);
        assert_int_equal(crypto_rsa_raw(priv, small_len, &rng, block, block), HSM_ERR_DATA);
    }
}

/* A CRT number that went wrong must not lead to an output: from one a factor of n could be computed. */
static void faults_are_caught(void **state) {
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    uint8_t in[128] = {0};
    uint8_t out[128];

    (void)state;
    memset(in + 1, 0x5A, 127);
    for (size_t number = 2; number < 5; number++) { /* dP, dQ, qInv */
        memcpy(priv, small, sizeof small);
        priv[6 + 64 * number + 50] ^= 0x04;
        memset(out, 0xAA, sizeof out);
        assert_int_equal(crypto_rsa_raw(priv, small_len, &rng, in, out), HSM_ERR_INTERNAL);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0);
    }
}

static void raw_limits(void **state) {
    uint8_t in[128];
    uint8_t out[128];
    struct crypto_rsa_public pub = small_pub;

    (void)state;
    memcpy(in, small_pub.n, 128);
    assert_int_equal(crypto_rsa_raw(small, small_len, &rng, in, out), HSM_ERR_DATA); /* n itself */
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    memset(in, 0xFF, 128);
    assert_int_equal(crypto_rsa_raw(small, small_len, &rng, in, out), HSM_ERR_DATA);
    memcpy(in, small_pub.n, 128);
    in[127] ^= 1; /* n - 1: the other square root of 1 */
    assert_int_equal(crypto_rsa_raw(small, small_len, &rng, in, out), HSM_OK);
    assert_memory_equal(in, out, 128);
    memset(in, 0, 128);
    assert_int_equal(crypto_rsa_raw(small, small_len, &rng, in, out), HSM_OK);
    assert_memory_equal(in, out, 128);
    in[127] = 1;
    assert_int_equal(crypto_rsa_raw(small, small_len, &rng, in, out), HSM_OK);
    assert_memory_equal(in, out, 128);

    pub.bits = 1000;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    pub.bits = 8192;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    pub = small_pub;
    pub.e_len = 9;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    pub = small_pub;
    pub.e[2] = 0;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    pub = small_pub;
    pub.n[127] &= 0xFE;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
    pub = small_pub;
    pub.n[0] &= 0x7F;
    assert_int_equal(crypto_rsa_apply_public(&pub, in, out), HSM_ERR_DATA);
}

static const struct {
    enum crypto_hash_id id;
    mbedtls_md_type_t md;
} hashes[] = {
    {CRYPTO_SHA1, MBEDTLS_MD_SHA1},     {CRYPTO_SHA224, MBEDTLS_MD_SHA224},
    {CRYPTO_SHA256, MBEDTLS_MD_SHA256}, {CRYPTO_SHA384, MBEDTLS_MD_SHA384},
    {CRYPTO_SHA512, MBEDTLS_MD_SHA512}, {CRYPTO_RIPEMD160, MBEDTLS_MD_RIPEMD160},
};

/* Our signatures under mbedTLS's verification. */
static void signatures_verified_elsewhere(void **state) {
    mbedtls_rsa_context foreign;
    uint8_t hash[64];
    uint8_t info[19 + 64];
    uint8_t em[128];

    (void)state;
    memset(hash, 0xC3, sizeof hash);
    load_foreign(&foreign, NULL, &small_pub, NULL);
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        unsigned hash_len = (unsigned)crypto_hash_len(hashes[i].id);
        size_t info_len = crypto_pkcs1_digest_info(hashes[i].id, hash, info);
        assert_int_equal(crypto_pkcs1_pad(info, info_len, 128, em), HSM_OK);
        assert_int_equal(crypto_rsa_raw(small, small_len, &rng, em, em), HSM_OK);
        assert_int_equal(mbedtls_rsa_rsassa_pkcs1_v15_verify(&foreign, hashes[i].md, hash_len, hash, em), 0);

        assert_int_equal(mbedtls_rsa_set_padding(&foreign, MBEDTLS_RSA_PKCS_V21, hashes[i].md), 0);
        size_t most = 128 - hash_len - 2;
        size_t salts[3] = {0, hash_len < most ? hash_len : most, most};
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(crypto_pss_encode(hashes[i].id, hash, salts[k], 1024, &rng, em), HSM_OK);
            assert_int_equal(crypto_rsa_raw(small, small_len, &rng, em, em), HSM_OK);
            assert_int_equal(mbedtls_rsa_rsassa_pss_verify_ext(&foreign, hashes[i].md, hash_len, hash,
                                                               hashes[i].md, (int)salts[k], em),
                             0);
        }
        assert_int_equal(crypto_pss_encode(hashes[i].id, hash, most + 1, 1024, &rng, em), HSM_ERR_LENGTH);
        assert_int_equal(crypto_pss_encode(hashes[i].id, hash, (size_t)-1, 1024, &rng, em), HSM_ERR_LENGTH);
    }
    assert_int_equal(crypto_pss_encode((enum crypto_hash_id)0, hash, 0, 1024, &rng, em), HSM_ERR_UNSUPPORTED);
    assert_int_equal(crypto_pkcs1_digest_info((enum crypto_hash_id)0, hash, info), 0);
    mbedtls_rsa_free(&foreign);
}

static int random_for_mbedtls(void *ctx, unsigned char *out, size_t len) {
    return crypto_rng_bytes(ctx, out, len);
}

/* What mbedTLS encrypts, we decrypt. */
static void decryption_of_foreign_messages(void **state) {
    mbedtls_rsa_context foreign;
    uint8_t message[128];
    uint8_t em[128];
    uint8_t out[128];
    size_t len = 0;

    (void)state;
    memset(message, 0x77, sizeof message);
    load_foreign(&foreign, NULL, &small_pub, NULL);
    for (size_t size = 0; size <= 117; size += 13) {
        assert_int_equal(mbedtls_rsa_set_padding(&foreign, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_NONE), 0);
        assert_int_equal(mbedtls_rsa_pkcs1_encrypt(&foreign, random_for_mbedtls, &rng, size, message, em), 0);
        assert_int_equal(crypto_rsa_raw(small, small_len, &rng, em, em), HSM_OK);
        assert_int_equal(crypto_pkcs1_unpad(em, 128, out, &len), HSM_OK);
        assert_int_equal(len, size);
        assert_memory_equal(out, message, len);
    }
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        size_t hash_len = crypto_hash_len(hashes[i].id);
        if (128 < 2 * hash_len + 2) {
            assert_int_equal(crypto_oaep_unpad(hashes[i].id, em, 128, out, &len), HSM_ERR_DATA);
            continue;
        }
        assert_int_equal(mbedtls_rsa_set_padding(&foreign, MBEDTLS_RSA_PKCS_V21, hashes[i].md), 0);
        size_t most = 128 - 2 * hash_len - 2;
        for (size_t size = 0; size <= most; size += most / 2) {
            assert_int_equal(mbedtls_rsa_rsaes_oaep_encrypt(&foreign, random_for_mbedtls, &rng, NULL, 0, size,
                                                            message, em),
                             0);
            assert_int_equal(crypto_rsa_raw(small, small_len, &rng, em, em), HSM_OK);
            memcpy(out, em, 128);
            assert_int_equal(crypto_oaep_unpad(hashes[i].id, out, 128, out, &len), HSM_OK); /* in place */
            assert_int_equal(len, size);
            assert_memory_equal(out, message, len);
            em[0] = 1;
            assert_int_equal(crypto_oaep_unpad(hashes[i].id, em, 128, out, &len), HSM_ERR_DATA);
            em[0] = 0;
            for (size_t k = 1; k < 128;
                 k += 9) { /* any changed byte spoils the hash of the label or the padding */
                em[k] ^= 0x20;
                assert_int_equal(crypto_oaep_unpad(hashes[i].id, em, 128, out, &len), HSM_ERR_DATA);
                em[k] ^= 0x20;
            }
        }
    }
    assert_int_equal(crypto_oaep_unpad((enum crypto_hash_id)0, em, 128, out, &len), HSM_ERR_UNSUPPORTED);
    mbedtls_rsa_free(&foreign);
}

static void pkcs1_padding(void **state) {
    uint8_t em[64];
    uint8_t out[64];
    uint8_t data[64];
    size_t len = 0;

    (void)state;
    memset(data, 0x11, sizeof data);
    assert_int_equal(crypto_pkcs1_pad(data, 53, 64, em), HSM_OK);
    assert_int_equal(em[0], 0);
    assert_int_equal(em[1], 1);
    for (size_t i = 2; i < 10; i++)
        assert_int_equal(em[i], 0xFF);
    assert_int_equal(em[10], 0);
    assert_memory_equal(em + 11, data, 53);
    assert_int_equal(crypto_pkcs1_pad(data, 54, 64, em), HSM_ERR_LENGTH);
    assert_int_equal(crypto_pkcs1_pad(NULL, 0, 64, em), HSM_OK);
    assert_int_equal(em[63], 0);
    assert_int_equal(crypto_pkcs1_pad(NULL, 0, 11, em), HSM_OK);
    assert_int_equal(crypto_pkcs1_pad(NULL, 0, 10, em), HSM_ERR_LENGTH);

    memset(em, 0xFF, sizeof em);
    em[0] = 0;
    em[1] = 2;
    assert_int_equal(crypto_pkcs1_unpad(em, 64, out, &len), HSM_ERR_DATA); /* no separator */
    for (size_t at = 2; at < 64; at++) {
        em[at] = 0;
        int expected = at < 10 ? HSM_ERR_DATA : HSM_OK; /* eight bytes of padding at least */
        assert_int_equal(crypto_pkcs1_unpad(em, 64, out, &len), expected);
        if (expected == HSM_OK)
            assert_int_equal(len, 63 - at);
        em[at] = 0xFF;
    }
    em[20] = 0;
    em[40] = 0; /* only the first one counts */
    assert_int_equal(crypto_pkcs1_unpad(em, 64, out, &len), HSM_OK);
    assert_int_equal(len, 43);
    assert_int_equal(out[19], 0);
    em[0] = 1;
    assert_int_equal(crypto_pkcs1_unpad(em, 64, out, &len), HSM_ERR_DATA);
    em[0] = 0;
    em[1] = 1;
    assert_int_equal(crypto_pkcs1_unpad(em, 64, out, &len), HSM_ERR_DATA);
    em[1] = 2;
    assert_int_equal(crypto_pkcs1_unpad(em, 10, out, &len), HSM_ERR_DATA);
}

static int set_up(void **state) {
    (void)state;
    if (crypto_rng_seed(&rng, (const uint8_t *)"rsa keys", 8) != HSM_OK ||
        crypto_rsa_generate(1024, f4, 3, &rng, NULL, NULL, small, &small_len) != HSM_OK ||
        crypto_rsa_private_exponent(small, small_len, small_d) != HSM_OK)
        return -1;
    return crypto_rsa_public(small, small_len, &small_pub);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generation),
        cmocka_unit_test(exponents),
        cmocka_unit_test(sizes_refused),
        cmocka_unit_test(same_seed_same_key),
        cmocka_unit_test(private_exponents_accepted),
        cmocka_unit_test(inconsistent_keys_refused),
        cmocka_unit_test(wrong_primes_refused),
        cmocka_unit_test(malformed_keys),
        cmocka_unit_test(faults_are_caught),
        cmocka_unit_test(raw_limits),
        cmocka_unit_test(signatures_verified_elsewhere),
        cmocka_unit_test(decryption_of_foreign_messages),
        cmocka_unit_test(pkcs1_padding),
    };

    return cmocka_run_group_tests_name("RSA", tests, set_up, NULL);
}
