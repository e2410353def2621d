// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Elliptic curves: every curve there and back, the domain parameters, wrong inputs.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/bignum.h>

#include "hsm/crypto/ec.h"
#include "hsm/error.h"

#define LAST_WEIERSTRASS CRYPTO_BP512T1
#define LAST_CURVE CRYPTO_X448

static struct crypto_rng rng;

static size_t public_len(enum crypto_curve curve) {
    size_t len = crypto_ec_field_len(curve);

    return crypto_ec_is_montgomery(curve) ? len : 1 + 2 * len;
}

/* Big-endian value + delta, -1 or 1; no vector here overflows. */
static void add_small(uint8_t *value, size_t len, int delta) {
    for (size_t i = len; i-- > 0;) {
        value[i] = (uint8_t)(value[i] + delta);
        if (value[i] != (delta > 0 ? 0x00 : 0xFF))
            return;
    }
}

static void key_pairs(void **state) {
    (void)state;
    for (int i = 1; i <= LAST_CURVE; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        size_t len = crypto_ec_field_len(curve);
        uint8_t priv[2][CRYPTO_EC_FIELD_MAX + 1] = {{0}, {0}};
        uint8_t pub[2][CRYPTO_EC_POINT_MAX + 1] = {{0}, {0}};
        uint8_t again[CRYPTO_EC_POINT_MAX];
        uint8_t secret[2][CRYPTO_EC_FIELD_MAX];

        for (int k = 0; k < 2; k++) {
            priv[k][len] = pub[k][public_len(curve)] = 0xA5; /* nothing may be written here */
            assert_int_equal(crypto_ec_generate(curve, &rng, priv[k], pub[k]), HSM_OK);
            assert_int_equal(priv[k][len], 0xA5);
            assert_int_equal(pub[k][public_len(curve)], 0xA5);
            assert_int_equal(crypto_ec_check_point(curve, pub[k], public_len(curve)), HSM_OK);
            assert_int_equal(crypto_ec_public(curve, &rng, priv[k], again), HSM_OK);
            assert_memory_equal(again, pub[k], public_len(curve));
        }
        assert_memory_not_equal(priv[0], priv[1], len);
        for (int k = 0; k < 2; k++)
            assert_int_equal(crypto_ecdh(curve, &rng, priv[k], pub[1 - k], public_len(curve), secret[k]),
                             HSM_OK);
        assert_memory_equal(secret[0], secret[1], len);
    }
}

static void signatures(void **state) {
    static const size_t hash_lens[] = {1, 20, 28, 32, 48, 64, 100};
    uint8_t hash[100];

    (void)state;
    for (size_t i = 0; i < sizeof hash; i++)
        hash[i] = (uint8_t)(0xF0 + i);
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        size_t len = crypto_ec_field_len(curve);
        uint8_t priv[CRYPTO_EC_FIELD_MAX];
        uint8_t pub[CRYPTO_EC_POINT_MAX];
        uint8_t r[2][CRYPTO_EC_FIELD_MAX + 1];
        uint8_t s[2][CRYPTO_EC_FIELD_MAX + 1];

        assert_int_equal(crypto_ec_generate(curve, &rng, priv, pub), HSM_OK);
        for (size_t k = 0; k < sizeof hash_lens / sizeof hash_lens[0]; k++) {
            for (int n = 0; n < 2; n++) {
                r[n][len] = s[n][len] = 0xA5;
                assert_int_equal(crypto_ecdsa_sign(curve, &rng, priv, hash, hash_lens[k], r[n], s[n]),
                                 HSM_OK);
                assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, hash_lens[k], r[n], s[n]), HSM_OK);
                assert_int_equal(r[n][len], 0xA5);
                assert_int_equal(s[n][len], 0xA5);
            }
            assert_memory_not_equal(r[0], r[1], len); /* a new nonce each time */
        }
        /* Only the leftmost bits of a longer hash count, FIPS 186-5, 6.4.1. */
        hash[99] ^= 1;
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[0], s[0]), HSM_OK);
        hash[0] ^= 1;
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[0], s[0]), HSM_ERR_AUTH);
        hash[0] ^= 1;
        r[0][len - 1] ^= 1;
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[0], s[0]), HSM_ERR_AUTH);
        r[0][len - 1] ^= 1;
        s[0][len - 1] ^= 1;
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[0], s[0]), HSM_ERR_AUTH);
        memset(s[0], 0, len);
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[0], s[0]), HSM_ERR_AUTH);
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 0, r[1], s[1]), HSM_ERR_LENGTH);
        pub[len] ^= 1;
        assert_int_equal(crypto_ecdsa_verify(curve, pub, hash, 100, r[1], s[1]), HSM_ERR_DATA);
    }
}

/* The table's own consistency: G has order n, so (n - 1) G = -G, and the curve's equation holds for G. */
static void domain_parameters(void **state) {
    (void)state;
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_ec_params params;
        uint8_t priv[CRYPTO_EC_FIELD_MAX] = {0};
        uint8_t pub[CRYPTO_EC_POINT_MAX];
        mbedtls_mpi p, n, y;

        assert_int_equal(crypto_ec_params(curve, &params), HSM_OK);
        size_t len = params.field_len;
        assert_int_equal(len, crypto_ec_field_len(curve));
        assert_int_equal(params.bits, crypto_ec_field_bits(curve));
        assert_int_equal(params.order_len, curve == CRYPTO_SECP224K1 ? 29 : len);
        assert_int_equal(crypto_ec_check_point(curve, params.g, 1 + 2 * len), HSM_OK);
        priv[len - 1] = 1;
        assert_int_equal(crypto_ec_public(curve, &rng, priv, pub), HSM_OK);
        assert_memory_equal(pub, params.g, 1 + 2 * len);

        mbedtls_mpi_init(&p);
        mbedtls_mpi_init(&n);
        mbedtls_mpi_init(&y);
        assert_int_equal(mbedtls_mpi_read_binary(&p, params.p, len), 0);
        assert_int_equal(mbedtls_mpi_read_binary(&n, params.n, params.order_len), 0);
        assert_int_equal(mbedtls_mpi_bitlen(&p), params.bits);
        if (curve != CRYPTO_SECP224K1) { /* whose n - 1 is no private key here, see ec.h */
            memcpy(priv, params.n, len);
            add_small(priv, len, -1);
            assert_int_equal(crypto_ec_public(curve, &rng, priv, pub), HSM_OK);
            assert_memory_equal(pub, params.g, 1 + len);
            assert_int_equal(mbedtls_mpi_read_binary(&y, params.g + 1 + len, len), 0);
            assert_int_equal(mbedtls_mpi_sub_mpi(&y, &p, &y), 0);
            assert_int_equal(mbedtls_mpi_write_binary(&y, priv, len), 0);
            assert_memory_equal(pub + 1 + len, priv, len);
        }
        mbedtls_mpi_free(&y);
        mbedtls_mpi_free(&n);
        mbedtls_mpi_free(&p);
    }
    for (int i = CRYPTO_X25519; i <= CRYPTO_X448; i++) {
        struct crypto_ec_params params;
        assert_int_equal(crypto_ec_params((enum crypto_curve)i, &params), HSM_ERR_UNSUPPORTED);
    }
}

static void finding_curves(void **state) {
    (void)state;
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_ec_params params;
        uint8_t p[80] = {0};
        uint8_t a[80] = {0};
        uint8_t n[80] = {0};

        assert_int_equal(crypto_ec_params(curve, &params), HSM_OK);
        size_t len = params.field_len;
        memcpy(p + 80 - len, params.p, len);
        memcpy(a + 80 - len, params.a, len);
        memcpy(n + 80 - params.order_len, params.n, params.order_len);
        assert_int_equal(crypto_ec_find(params.p, len, params.a, len, params.n, params.order_len), curve);
        assert_int_equal(crypto_ec_find(p, 80, a, 80, n, 80), curve); /* leading zeros */
        size_t zeros = 0; /* and without those that are the integer's own */
        while (zeros < len && params.a[zeros] == 0)
            zeros++;
        if (zeros < len)
            assert_int_equal(crypto_ec_find(params.p, len, params.a + zeros, len - zeros, NULL, 0), curve);
        /* p alone gives the r1 curve, which is what clients that send no more mean */
        enum crypto_curve by_p = crypto_ec_find(params.p, len, NULL, 0, NULL, 0);
        if (curve < CRYPTO_BP192T1)
            assert_int_equal(by_p, curve);
        else
            assert_true(by_p >= CRYPTO_BP256R1 && by_p <= CRYPTO_BP320R1);
        p[79] ^= 2;
        assert_int_equal(crypto_ec_find(p, 80, a, 80, n, 80), CRYPTO_CURVE_NONE);
        p[79] ^= 2;
        a[79] ^= 2;
        assert_int_equal(crypto_ec_find(p, 80, a, 80, n, 80), CRYPTO_CURVE_NONE);
        a[79] ^= 2;
        n[79] ^= 2;
        assert_int_equal(crypto_ec_find(p, 80, a, 80, n, 80), CRYPTO_CURVE_NONE);
    }
    uint8_t huge[300] = {1};
    assert_int_equal(crypto_ec_find(huge, 300, NULL, 0, NULL, 0), CRYPTO_CURVE_NONE);
    assert_int_equal(crypto_ec_find(huge + 1, 10, NULL, 0, NULL, 0), CRYPTO_CURVE_NONE);
    assert_int_equal(crypto_ec_find(NULL, 0, NULL, 0, NULL, 0), CRYPTO_CURVE_NONE);
}

static void montgomery_parameters(void **state) {
    (void)state;
    for (int i = CRYPTO_X25519; i <= CRYPTO_X448; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_montgomery_params params;
        uint8_t padded[60] = {0};
        mbedtls_mpi order;
        mbedtls_mpi k;

        assert_int_equal(crypto_montgomery_params(curve, &params), HSM_OK);
        assert_int_equal(params.len, crypto_ec_field_len(curve));
        assert_int_equal(crypto_montgomery_find(params.p, params.len, params.u, params.len), curve);
        memcpy(padded + sizeof padded - params.len, params.p, params.len);
        assert_int_equal(crypto_montgomery_find(padded, sizeof padded, params.u, params.len), curve);
        params.u[0] ^= 1;
        assert_int_equal(crypto_montgomery_find(params.p, params.len, params.u, params.len),
                         CRYPTO_CURVE_NONE);
        params.u[0] ^= 1;
        params.p[0] ^= 1;
        assert_int_equal(crypto_montgomery_find(params.p, params.len, params.u, params.len),
                         CRYPTO_CURVE_NONE);
        assert_int_equal(crypto_montgomery_find(params.p, params.len - 1, params.u, params.len),
                         CRYPTO_CURVE_NONE);

        /* n is the order of the base point: 4 n + m and 4 n - m have the same u coordinate. With m = 68 both
         * have the form that clamping leaves alone, on either curve. */
        uint8_t scalar[2][56];
        uint8_t pub[2][56];
        mbedtls_mpi_init(&order);
        mbedtls_mpi_init(&k);
        assert_int_equal(mbedtls_mpi_read_binary(&order, params.n, params.len), 0);
        assert_int_equal(mbedtls_mpi_mul_int(&order, &order, 8), 0);
        assert_int_equal(mbedtls_mpi_copy(&k, &order), 0);
        assert_int_equal(mbedtls_mpi_shift_r(&k, 1), 0);
        assert_int_equal(mbedtls_mpi_add_int(&k, &k, 68), 0);
        assert_int_equal(mbedtls_mpi_write_binary_le(&k, scalar[0], params.len), 0);
        assert_int_equal(mbedtls_mpi_sub_mpi(&k, &order, &k), 0);
        assert_int_equal(mbedtls_mpi_write_binary_le(&k, scalar[1], params.len), 0);
        for (int m = 0; m < 2; m++)
            assert_int_equal(crypto_ec_public(curve, &rng, scalar[m], pub[m]), HSM_OK);
        assert_memory_not_equal(scalar[0], scalar[1], params.len);
        assert_memory_equal(pub[0], pub[1], params.len);
        mbedtls_mpi_free(&k);
        mbedtls_mpi_free(&order);
    }
    struct crypto_montgomery_params params;
    assert_int_equal(crypto_montgomery_params(CRYPTO_SECP256R1, &params), HSM_ERR_UNSUPPORTED);
    assert_int_equal(crypto_montgomery_params(CRYPTO_CURVE_NONE, &params), HSM_ERR_UNSUPPORTED);
}

static void wrong_private_keys(void **state) {
    uint8_t hash[32] = {1};

    (void)state;
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_ec_params params;
        uint8_t wrong[3][CRYPTO_EC_FIELD_MAX] = {{0}, {0}, {0}};
        uint8_t out[CRYPTO_EC_POINT_MAX];
        uint8_t r[CRYPTO_EC_FIELD_MAX];

        assert_int_equal(crypto_ec_params(curve, &params), HSM_OK);
        size_t len = params.field_len;
        memcpy(wrong[1], params.n + params.order_len - len, len); /* n */
        memset(wrong[2], 0xFF, len);
        for (int k = 0; k < (curve == CRYPTO_SECP224K1 ? 1 : 3); k++) {
            assert_int_equal(crypto_ec_public(curve, &rng, wrong[k], out), HSM_ERR_DATA);
            assert_int_equal(crypto_ecdsa_sign(curve, &rng, wrong[k], hash, 32, r, out), HSM_ERR_DATA);
            assert_int_equal(crypto_ecdh(curve, &rng, wrong[k], params.g, 1 + 2 * len, out), HSM_ERR_DATA);
            assert_int_equal(crypto_ec_add_scalar(curve, wrong[k], hash, 1, out), HSM_ERR_DATA);
        }
        wrong[0][len - 1] = 1;
        assert_int_equal(crypto_ecdsa_sign(curve, &rng, wrong[0], hash, 0, r, out), HSM_ERR_LENGTH);
    }
}

static void wrong_points(void **state) {
    (void)state;
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_ec_params params;
        uint8_t priv[CRYPTO_EC_FIELD_MAX] = {0};
        uint8_t point[CRYPTO_EC_POINT_MAX + 1];
        uint8_t secret[CRYPTO_EC_FIELD_MAX];

        assert_int_equal(crypto_ec_params(curve, &params), HSM_OK);
        size_t len = params.field_len;
        priv[len - 1] = 5;
        for (int kind = 0; kind < 8; kind++) {
            size_t point_len = 1 + 2 * len;
            memcpy(point, params.g, point_len);
            switch (kind) {
            case 0: /* not on the curve */
                point[2 * len] ^= 1;
                break;
            case 1: /* compressed */
                point[0] = 0x02;
                point_len = 1 + len;
                break;
            case 2: /* a prefix that is none */
                point[0] = 0x05;
                break;
            case 3: /* too short */
                point_len--;
                break;
            case 4: /* too long */
                point[point_len++] = 0;
                break;
            case 5: /* infinity */
                point[0] = 0;
                point_len = 1;
                break;
            case 6: /* x not reduced */
                memcpy(point + 1, params.p, len);
                break;
            default: /* both zero */
                memset(point + 1, 0, 2 * len);
            }
            memset(secret, 0xAA, sizeof secret);
            assert_int_equal(crypto_ec_check_point(curve, point, point_len), HSM_ERR_DATA);
            assert_int_equal(crypto_ecdh(curve, &rng, priv, point, point_len, secret), HSM_ERR_DATA);
            for (size_t k = 0; k < len; k++)
                assert_int_equal(secret[k], 0);
        }
        assert_int_equal(crypto_ec_check_point(curve, NULL, 0), HSM_ERR_DATA);
    }
    for (int i = CRYPTO_X25519; i <= CRYPTO_X448; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        size_t len = crypto_ec_field_len(curve);
        uint8_t priv[56] = {1};
        uint8_t u[57] = {0};
        uint8_t secret[56];
        assert_int_equal(crypto_ecdh(curve, &rng, priv, u, len, secret), HSM_ERR_DATA); /* of order 2 or 4 */
        u[0] = 1;
        assert_int_equal(crypto_ecdh(curve, &rng, priv, u, len, secret), HSM_ERR_DATA);
        u[0] = 9;
        assert_int_equal(crypto_ecdh(curve, &rng, priv, u, len - 1, secret), HSM_ERR_DATA);
        assert_int_equal(crypto_ecdh(curve, &rng, priv, u, len + 1, secret), HSM_ERR_DATA);
        assert_int_equal(crypto_ecdh(curve, &rng, priv, u, len, secret), HSM_OK);
    }
}

static void unknown_curves(void **state) {
    static const int unknown[] = {-1, 0, 23, 1000};
    uint8_t buf[CRYPTO_EC_POINT_MAX] = {4};

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        enum crypto_curve curve = (enum crypto_curve)unknown[i];
        struct crypto_ec_params params;
        assert_int_equal(crypto_ec_field_bits(curve), 0);
        assert_int_equal(crypto_ec_field_len(curve), 0);
        assert_false(crypto_ec_is_montgomery(curve));
        assert_int_equal(crypto_ec_params(curve, &params), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ec_generate(curve, &rng, buf, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ec_public(curve, &rng, buf, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ec_check_point(curve, buf, 65), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ec_add_scalar(curve, buf, buf, 1, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ecdsa_sign(curve, &rng, buf, buf, 1, buf, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ecdsa_verify(curve, buf, buf, 1, buf, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ecdh(curve, &rng, buf, buf, 65, buf), HSM_ERR_UNSUPPORTED);
    }
    for (int i = CRYPTO_X25519; i <= CRYPTO_X448; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        assert_int_equal(crypto_ec_add_scalar(curve, buf, buf, 1, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ecdsa_sign(curve, &rng, buf, buf, 1, buf, buf), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_ecdsa_verify(curve, buf, buf, 1, buf, buf), HSM_ERR_UNSUPPORTED);
    }
}

/* (d + offset) G = d G + offset G, checked through ECDH's view: the same key is reached in two ways. */
static void key_derivation(void **state) {
    (void)state;
    for (int i = 1; i <= LAST_WEIERSTRASS; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        struct crypto_ec_params params;
        uint8_t d[CRYPTO_EC_FIELD_MAX] = {0};
        uint8_t out[CRYPTO_EC_FIELD_MAX];
        uint8_t offset[256] = {0};

        assert_int_equal(crypto_ec_params(curve, &params), HSM_OK);
        size_t len = params.field_len;
        d[len - 1] = 7;
        offset[255] = 5;
        assert_int_equal(crypto_ec_add_scalar(curve, d, offset + 255, 1, out), HSM_OK);
        assert_int_equal(out[len - 1], 12);
        assert_int_equal(crypto_ec_add_scalar(curve, d, offset, 256, out), HSM_OK);
        assert_int_equal(out[len - 1], 12);
        assert_int_equal(crypto_ec_add_scalar(curve, d, NULL, 0, out), HSM_OK); /* nothing added */
        assert_memory_equal(out, d, len);
        assert_int_equal(crypto_ec_add_scalar(curve, d, offset, 257, out), HSM_ERR_LENGTH);
        assert_int_equal(crypto_ec_add_scalar(curve, d, params.n, params.order_len, out),
                         HSM_OK); /* n is 0 */
        assert_memory_equal(out, d, len);
        uint8_t minus[CRYPTO_EC_FIELD_MAX];
        memcpy(minus, params.n, params.order_len);
        for (int k = 0; k < 7; k++)
            add_small(minus, params.order_len, -1);
        assert_int_equal(crypto_ec_add_scalar(curve, d, minus, params.order_len, out),
                         HSM_ERR_DATA); /* d' = 0 */
        add_small(minus, params.order_len, 1);
        assert_int_equal(crypto_ec_add_scalar(curve, d, minus, params.order_len, out), HSM_OK);
        assert_int_equal(out[len - 1], 1);
    }
}

static void der(void **state) {
    uint8_t r[CRYPTO_EC_FIELD_MAX] = {0};
    uint8_t s[CRYPTO_EC_FIELD_MAX] = {0};
    uint8_t out[CRYPTO_EC_DER_MAX];
    static const uint8_t smallest[] = {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01};
    static const uint8_t sign[] = {0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x02, 0x00, 0xFF};
    static const uint8_t head521[] = {0x30, 0x81, 0x88, 0x02, 0x42, 0x01, 0xFF};

    (void)state;
    s[31] = 1;
    assert_int_equal(crypto_ecdsa_der(r, s, 32, out), sizeof smallest);
    assert_memory_equal(out, smallest, sizeof smallest);
    r[31] = 0x80;
    s[31] = 0xFF;
    assert_int_equal(crypto_ecdsa_der(r, s, 32, out), sizeof sign);
    assert_memory_equal(out, sign, sizeof sign);

    /* P-521: the first size that needs two length bytes; the top bit of its 66 bytes is never set in a
     * signature. */
    memset(r, 0xFF, sizeof r);
    memset(s, 0xFF, sizeof s);
    r[0] = s[0] = 0x01;
    assert_int_equal(crypto_ecdsa_der(r, s, 66, out), 3 + 2 * 68);
    assert_memory_equal(out, head521, sizeof head521);
    r[0] = 0x00; /* 65 bytes and a sign byte: as long as before */
    assert_int_equal(crypto_ecdsa_der(r, s, 66, out), 3 + 2 * 68);
    assert_int_equal(out[4], 0x42);
    assert_int_equal(out[5], 0x00);
    r[1] = 0x7F; /* now a byte shorter */
    assert_int_equal(crypto_ecdsa_der(r, s, 66, out), 3 + 2 * 68 - 1);
    r[0] = s[0] = 0xFF; /* the most that fits into the buffer */
    assert_int_equal(crypto_ecdsa_der(r, s, 66, out), CRYPTO_EC_DER_MAX);
    memset(r, 0xFF, 61); /* 127 bytes of content, then 128 */
    memset(s, 0xFF, 61);
    r[0] = s[0] = 0x7F;
    assert_int_equal(crypto_ecdsa_der(r, s, 61, out), 2 + 2 * 63);
    assert_int_equal(out[1], 126);
    memset(r, 0x7F, 62);
    memset(s, 0x7F, 62);
    assert_int_equal(crypto_ecdsa_der(r, s, 62, out), 3 + 2 * 64);
    assert_int_equal(out[1], 0x81);
    assert_int_equal(out[2], 128);
}

static int no_entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    memset(out, 0, len);
    return -1;
}

/* Without randomness there is neither a key nor a signature, and nothing of a key is left in the buffer. */
static void without_randomness(void **state) {
    struct crypto_rng broken;
    uint8_t priv[CRYPTO_EC_FIELD_MAX];
    uint8_t pub[CRYPTO_EC_POINT_MAX];
    uint8_t r[CRYPTO_EC_FIELD_MAX];
    uint8_t s[CRYPTO_EC_FIELD_MAX];
    uint8_t hash[32] = {1};

    (void)state;
    assert_int_not_equal(crypto_rng_init(&broken, no_entropy, NULL, NULL, 0), HSM_OK);
    for (int i = 1; i <= LAST_CURVE; i++) {
        enum crypto_curve curve = (enum crypto_curve)i;
        memset(priv, 0xAA, sizeof priv);
        assert_int_equal(crypto_ec_generate(curve, &broken, priv, pub), HSM_ERR_INTERNAL);
        for (size_t k = 0; k < crypto_ec_field_len(curve); k++)
            assert_int_equal(priv[k], 0);
        assert_int_equal(crypto_ec_generate(curve, &rng, priv, pub), HSM_OK);
        assert_int_equal(crypto_ecdh(curve, &broken, priv, pub, public_len(curve), r), HSM_ERR_INTERNAL);
        if (!crypto_ec_is_montgomery(curve))
            assert_int_equal(crypto_ecdsa_sign(curve, &broken, priv, hash, 32, r, s), HSM_ERR_INTERNAL);
    }
}

static int set_up(void **state) {
    (void)state;
    return crypto_rng_seed(&rng, (const uint8_t *)"curves", 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_pairs),          cmocka_unit_test(signatures),
        cmocka_unit_test(domain_parameters),  cmocka_unit_test(finding_curves),
        cmocka_unit_test(wrong_points),       cmocka_unit_test(montgomery_parameters),
        cmocka_unit_test(wrong_private_keys), cmocka_unit_test(unknown_curves),
        cmocka_unit_test(key_derivation),     cmocka_unit_test(der),
        cmocka_unit_test(without_randomness),
    };

    return cmocka_run_group_tests_name("elliptic curves", tests, set_up, NULL);
}
