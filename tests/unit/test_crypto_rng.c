// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The random generator: what it does when the entropy source fails, and that nothing is shared or
// foreseeable.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/crypto/rng.h"
#include "hsm/error.h"

/* A source that counts, and fails when told to. */
struct source {
    unsigned calls;
    uint8_t next;
    int fail;
};

static int entropy(void *ctx, uint8_t *out, size_t len) {
    struct source *source = ctx;

    source->calls++;
    for (size_t i = 0; i < len; i++)
        out[i] = source->next++;
    return source->fail;
}

static int all_zero(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return 0;
    return 1;
}

static void delivers_any_length(void **state) {
    struct source source = {0};
    struct crypto_rng rng;
    static const size_t lens[] = {0, 1, 15, 16, 17, 1023, 1024, 1025, 3000};
    uint8_t out[3001];

    (void)state;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_OK);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        memset(out, 0, sizeof out);
        assert_int_equal(crypto_rng_bytes(&rng, out, lens[i]), HSM_OK);
        assert_int_equal(out[lens[i]], 0); /* not a byte too many */
        if (lens[i] >= 15) {
            assert_false(all_zero(out, lens[i]));
            assert_false(all_zero(out + lens[i] - 8, 8)); /* up to the end */
        }
    }
    crypto_rng_free(&rng);
}

static void cards_differ_by_personal_string(void **state) {
    struct source one = {0};
    struct source two = {0};
    struct source three = {0};
    struct crypto_rng a, b, c;
    uint8_t out[3][32];

    (void)state;
    assert_int_equal(crypto_rng_init(&a, entropy, &one, (const uint8_t *)"A", 1), HSM_OK);
    assert_int_equal(crypto_rng_init(&b, entropy, &two, (const uint8_t *)"B", 1), HSM_OK);
    assert_int_equal(crypto_rng_init(&c, entropy, &three, (const uint8_t *)"A", 1), HSM_OK);
    assert_int_equal(crypto_rng_bytes(&a, out[0], 32), HSM_OK);
    assert_int_equal(crypto_rng_bytes(&b, out[1], 32), HSM_OK);
    assert_int_equal(crypto_rng_bytes(&c, out[2], 32), HSM_OK);
    assert_memory_not_equal(out[0], out[1], 32);
    assert_memory_equal(out[0], out[2], 32);
}

static void failing_source_at_start(void **state) {
    struct source source = {.fail = 1};
    struct crypto_rng rng;
    uint8_t out[16];

    (void)state;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_ERR_INTERNAL);
    memset(out, 0xAA, sizeof out);
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_ERR_INTERNAL);
    assert_true(all_zero(out, sizeof out));
    assert_int_equal(crypto_rng_reseed(&rng), HSM_ERR_INTERNAL);
    source.fail = 0;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_OK);
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_OK);
}

static void failing_source_later(void **state) {
    struct source source = {0};
    struct crypto_rng rng;
    uint8_t out[16];

    (void)state;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_OK);
    source.fail = -7;
    assert_int_equal(crypto_rng_reseed(&rng), HSM_ERR_INTERNAL);
    memset(out, 0xAA, sizeof out);
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_ERR_INTERNAL); /* asks again, fails again */
    assert_true(all_zero(out, sizeof out));
    unsigned calls = source.calls;
    source.fail = 0;
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_OK);
    assert_int_equal(source.calls, calls + 1);
    assert_false(all_zero(out, sizeof out));
}

static void reseeds_by_itself(void **state) {
    struct source source = {0};
    struct crypto_rng rng;
    uint8_t out[16];

    (void)state;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_OK);
    unsigned calls = source.calls;
    for (unsigned i = 0; i < 20001 && source.calls == calls; i++)
        assert_int_equal(crypto_rng_bytes(&rng, out, 1), HSM_OK);
    assert_int_equal(source.calls, calls + 1);
    source.fail = 1; /* and when that fails, nothing is delivered */
    int ret = HSM_OK;
    for (unsigned i = 0; i < 20001 && ret == HSM_OK; i++)
        ret = crypto_rng_bytes(&rng, out, sizeof out);
    assert_int_equal(ret, HSM_ERR_INTERNAL);
    assert_true(all_zero(out, sizeof out));
}

static void reseeding_changes_the_stream(void **state) {
    struct source one = {0};
    struct source two = {0};
    struct crypto_rng a, b;
    uint8_t out[2][32];

    (void)state;
    crypto_rng_init(&a, entropy, &one, NULL, 0);
    crypto_rng_init(&b, entropy, &two, NULL, 0);
    assert_int_equal(crypto_rng_reseed(&a), HSM_OK);
    crypto_rng_bytes(&a, out[0], 32);
    crypto_rng_bytes(&b, out[1], 32);
    assert_memory_not_equal(out[0], out[1], 32);
}

static void wrong_use(void **state) {
    struct source source = {0};
    struct crypto_rng rng;
    uint8_t personal[65] = {0};
    uint8_t out[8];

    (void)state;
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, personal, 64), HSM_OK);
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, personal, 65), HSM_ERR_INTERNAL);
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_ERR_INTERNAL);
    assert_int_equal(crypto_rng_init(&rng, entropy, &source, NULL, 0), HSM_OK);
    crypto_rng_free(&rng);
    assert_true(all_zero((const uint8_t *)&rng, sizeof rng));
    assert_int_equal(crypto_rng_bytes(&rng, out, sizeof out), HSM_ERR_INTERNAL);
}

static void seeded_for_tests(void **state) {
    struct source source = {0};
    struct crypto_rng a, b;
    uint8_t out[2][64];

    (void)state;
    crypto_rng_init(&a, entropy, &source, NULL, 0);
    crypto_rng_bytes(&a, out[0], 10); /* what came before does not matter */
    unsigned calls = source.calls;
    assert_int_equal(crypto_rng_seed(&a, (const uint8_t *)"seed", 4), HSM_OK);
    assert_int_equal(crypto_rng_seed(&b, (const uint8_t *)"seed", 4), HSM_OK);
    for (int i = 0; i < 12000; i++) { /* past a reseed by count, too */
        assert_int_equal(crypto_rng_bytes(&a, out[0], 64), HSM_OK);
        assert_int_equal(crypto_rng_bytes(&b, out[1], 64), HSM_OK);
        assert_memory_equal(out[0], out[1], 64);
    }
    assert_int_equal(crypto_rng_reseed(&a), HSM_OK);
    assert_int_equal(source.calls, calls);
    assert_int_equal(crypto_rng_seed(&b, (const uint8_t *)"seed2", 5), HSM_OK);
    crypto_rng_bytes(&b, out[0], 64);
    assert_memory_not_equal(out[0], out[1], 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_any_length),
        cmocka_unit_test(cards_differ_by_personal_string),
        cmocka_unit_test(failing_source_at_start),
        cmocka_unit_test(failing_source_later),
        cmocka_unit_test(reseeds_by_itself),
        cmocka_unit_test(reseeding_changes_the_stream),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(seeded_for_tests),
    };

    return cmocka_run_group_tests_name("random generator", tests, NULL, NULL);
}
