// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Parts of the firmware that need no RP2040: modular inversion against mbedTLS's (with its 32-bit words), and
// the health tests of the entropy source.

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>

#include "rp2040/health.h"
#include "rp2040/modinv.h"

_Static_assert(sizeof(mbedtls_mpi_uint) == 4, "as on the RP2040");

static uint32_t state = 12345;
static unsigned inverted;

static int bytes(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (unsigned char)(state >> 24);
    }
    return 0;
}

static void same(const mbedtls_mpi *a, const mbedtls_mpi *n) {
    mbedtls_mpi x, y, g, h;

    mbedtls_mpi_init(&x);
    mbedtls_mpi_init(&y);
    mbedtls_mpi_init(&g);
    mbedtls_mpi_init(&h);
    assert_int_equal(modinv(&g, &x, a, n), 0);
    assert_int_equal(mbedtls_mpi_gcd(&h, a, n), 0);
    assert_int_equal(mbedtls_mpi_cmp_mpi(&g, &h), 0);
    if (mbedtls_mpi_inv_mod(&y, a, n) == 0) {
        assert_int_equal(mbedtls_mpi_cmp_mpi(&x, &y), 0);
        inverted++;
    }
    mbedtls_mpi_free(&g);
    mbedtls_mpi_free(&h);
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&y);
}

static void several(const mbedtls_mpi *n) {
    mbedtls_mpi a;

    mbedtls_mpi_init(&a);
    for (int small = 1; small < 4; small++) {
        assert_int_equal(mbedtls_mpi_lset(&a, small), 0);
        same(&a, n);
        assert_int_equal(mbedtls_mpi_sub_int(&a, n, small), 0);
        same(&a, n);
    }
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(mbedtls_mpi_fill_random(&a, mbedtls_mpi_size(n), bytes, NULL), 0);
        assert_int_equal(mbedtls_mpi_mod_mpi(&a, &a, n), 0);
        same(&a, n);
    }
    mbedtls_mpi_free(&a);
}

static void inverse_on_curves(void **unused) {
    (void)unused;
    for (const mbedtls_ecp_curve_info *info = mbedtls_ecp_curve_list(); info->grp_id != MBEDTLS_ECP_DP_NONE;
         info++) {
        mbedtls_ecp_group group;

        mbedtls_ecp_group_init(&group);
        assert_int_equal(mbedtls_ecp_group_load(&group, info->grp_id), 0);
        several(&group.P);
        several(&group.N);
        mbedtls_ecp_group_free(&group);
    }
    assert_true(inverted > 11 * 2 * 60);
}

/* Any odd modulus, also with common factors. */
static void inverse_of_odd_numbers(void **unused) {
    mbedtls_mpi n;

    (void)unused;
    mbedtls_mpi_init(&n);
    for (size_t len = 8; len <= 255; len += len < 66 ? 1 : 21) {
        assert_int_equal(mbedtls_mpi_fill_random(&n, len, bytes, NULL), 0);
        assert_int_equal(mbedtls_mpi_set_bit(&n, 0, 1), 0);
        assert_int_equal(mbedtls_mpi_mul_int(&n, &n, 15), 0);
        several(&n);
    }
    mbedtls_mpi_free(&n);
}

static void repetition_count_test(void **unused) {
    struct health health;

    (void)unused;
    health_init(&health);
    assert_true(health_sample(&health, 0));
    for (unsigned i = 1; i < HEALTH_REPETITION_CUTOFF; i++) {
        assert_true(health_sample(&health, 1));
    }
    assert_false(health_sample(&health, 1));
    assert_false(health_sample(&health, 0)); /* for ever */
}

/* `ones` ones in each 1024 samples, never many together. */
static bool biased(unsigned ones) {
    struct health health;
    bool good = true;

    health_init(&health);
    for (unsigned i = 0; i < 4 * HEALTH_WINDOW; i++) {
        unsigned at = i % HEALTH_WINDOW;

        good = health_sample(&health, at * (HEALTH_WINDOW - ones) / HEALTH_WINDOW ==
                                          (at + 1) * (HEALTH_WINDOW - ones) / HEALTH_WINDOW);
    }
    return good;
}

static void adaptive_proportion_test(void **unused) {
    (void)unused;
    assert_true(biased(512));
    assert_true(biased(HEALTH_PROPORTION_CUTOFF - 1));
    assert_false(biased(HEALTH_PROPORTION_CUTOFF));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse_on_curves),
        cmocka_unit_test(inverse_of_odd_numbers),
        cmocka_unit_test(repetition_count_test),
        cmocka_unit_test(adaptive_proportion_test),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
