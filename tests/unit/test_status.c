// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* hsm/status.c: one status word and one text for every error. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/error.h"
#include "hsm/hsm.h"
#include "hsm/status.h"

static void test_every_error(void **state) {
    (void)state;
    static const struct {
        int error;
        uint16_t sw;
    } words[] = {
        {HSM_OK, 0x9000},
        {HSM_ERR_LENGTH, 0x6700},
        {HSM_ERR_SECURITY, 0x6982},
        {HSM_ERR_BLOCKED, 0x6983},
        {HSM_ERR_UNUSABLE, 0x6984},
        {HSM_ERR_CONDITIONS, 0x6985},
        {HSM_ERR_NOT_ALLOWED, 0x6986},
        {HSM_ERR_SM_MISSING, 0x6987},
        {HSM_ERR_SM_WRONG, 0x6988},
        {HSM_ERR_DATA, 0x6A80},
        {HSM_ERR_UNSUPPORTED, 0x6A81},
        {HSM_ERR_FILE_NOT_FOUND, 0x6A82},
        {HSM_ERR_FULL, 0x6A84},
        {HSM_ERR_P1P2, 0x6A86},
        {HSM_ERR_REFERENCE, 0x6A88},
        {HSM_ERR_EXISTS, 0x6A89},
        {HSM_ERR_INS, 0x6D00},
        {HSM_ERR_CLA, 0x6E00},
        {HSM_ERR_CHAINING, 0x6884},
        {HSM_ERR_CHAIN_EXPECTED, 0x6883},
        {HSM_ERR_STORAGE, 0x6581},
        {HSM_ERR_INTEGRITY, 0x6F00},
        {HSM_ERR_INTERNAL, 0x6F00},
        {HSM_ERR_AUTH, 0x6300},
        {HSM_ERR_NOT_YET_AUTH, 0x6300},
        {HSM_ERR_REGISTERED, 0x9001},
        {HSM_ERR_REFUSED, 0x6400},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(status_word(words[i].error), words[i].sw);
        assert_non_null(hsm_error_text(words[i].error));
        assert_string_not_equal(hsm_error_text(words[i].error), "unknown error");
    }
}

static void test_wrong_pin(void **state) {
    (void)state;
    for (int n = 1; n <= 15; n++) {
        assert_int_equal(status_word(HSM_WRONG_PIN(n)), 0x63C0 | n);
        assert_string_equal(hsm_error_text(HSM_WRONG_PIN(n)), "wrong PIN");
    }
    assert_int_equal(status_word(HSM_WRONG_PIN(0)), 0x6F00);
    assert_int_equal(status_word(HSM_WRONG_PIN(16)), 0x6F00);
}

/* A number that is no error must not become a success. */
static void test_unknown(void **state) {
    (void)state;
    assert_int_equal(status_word(1), 0x6F00);
    assert_int_equal(status_word(-1000), 0x6F00);
    assert_string_equal(hsm_error_text(-1000), "unknown error");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error),
        cmocka_unit_test(test_wrong_pin),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
