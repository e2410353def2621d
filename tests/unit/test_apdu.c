// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* hsm/apdu.c: the seven cases of ISO/IEC 7816-3, and everything that is none of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/apdu.h"
#include "hsm/error.h"

static struct apdu apdu;

/* Parses a copy of exactly this length, so that a read behind it shows. */
static int parse(const void *command, size_t len) {
    static uint8_t *copy;
    free(copy);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, command, len);
    copy = realloc(copy, len == 0 ? 1 : len);
    assert_non_null(copy);
    int rc = apdu_parse(copy, len, &apdu);
    if (rc == HSM_OK && apdu.nc != 0) {
        assert_ptr_equal(apdu.data, copy + (apdu.extended ? 7 : 5));
    }
    return rc;
}

static void expect(const void *command, size_t len, size_t nc, size_t ne, bool extended) {
    assert_int_equal(parse(command, len), HSM_OK);
    assert_int_equal(apdu.cla, 0x80);
    assert_int_equal(apdu.ins, 0x12);
    assert_int_equal(apdu.p1, 0x34);
    assert_int_equal(apdu.p2, 0x56);
    assert_int_equal(apdu_p1p2(&apdu), 0x3456);
    assert_int_equal(apdu.nc, nc);
    assert_int_equal(apdu.ne, ne);
    assert_int_equal(apdu.extended, extended);
    if (nc == 0) {
        assert_null(apdu.data);
    }
}

static void test_cases(void **state) {
    (void)state;
    expect("\x80\x12\x34\x56", 4, 0, 0, false);
    expect("\x80\x12\x34\x56\x01", 5, 0, 1, false);
    expect("\x80\x12\x34\x56\xFF", 5, 0, 255, false);
    expect("\x80\x12\x34\x56\x00", 5, 0, 256, false);
    expect("\x80\x12\x34\x56\x00\x00\x01", 7, 0, 1, true);
    expect("\x80\x12\x34\x56\x00\xFF\xFF", 7, 0, 65535, true);
    expect("\x80\x12\x34\x56\x00\x00\x00", 7, 0, 65536, true);
    expect("\x80\x12\x34\x56\x01\xAA", 6, 1, 0, false);
    expect("\x80\x12\x34\x56\x02\xAA\xBB\x00", 8, 2, 256, false);
    expect("\x80\x12\x34\x56\x00\x00\x02\xAA\xBB", 9, 2, 0, true);
    expect("\x80\x12\x34\x56\x00\x00\x02\xAA\xBB\x00\x00", 11, 2, 65536, true);
    expect("\x80\x12\x34\x56\x00\x00\x02\xAA\xBB\x01\x00", 11, 2, 256, true);
}

static void test_longest(void **state) {
    (void)state;
    static uint8_t command[7 + 65535 + 2] = {0x80, 0x12, 0x34, 0x56, 0x00, 0xFF, 0xFF};
    expect(command, sizeof command - 2, 65535, 0, true);
    expect(command, sizeof command, 65535, 65536, true);
    static uint8_t shorter[5 + 255 + 1] = {0x80, 0x12, 0x34, 0x56, 0xFF};
    expect(shorter, sizeof shorter - 1, 255, 0, false);
    expect(shorter, sizeof shorter, 255, 256, false);
}

/* For every short Lc and every extended Lc up to a bound, and every amount of what follows: right, or
 * HSM_ERR_LENGTH. */
static void test_every_length(void **state) {
    (void)state;
    uint8_t command[64] = {0x80, 0x12, 0x34, 0x56};
    for (size_t len = 0; len < 4; len++) {
        assert_int_equal(parse(command, len), HSM_ERR_LENGTH);
    }
    for (size_t lc = 1; lc < 40; lc++) {
        for (size_t rest = 1; rest < 50; rest++) {
            command[4] = (uint8_t)lc;
            bool good = rest == lc || rest == lc + 1;
            assert_int_equal(parse(command, 5 + rest), good ? HSM_OK : HSM_ERR_LENGTH);
        }
    }
    for (size_t lc = 0; lc < 40; lc++) {
        for (size_t rest = 1; rest < 50; rest++) {
            command[4] = 0;
            command[5] = 0;
            command[6] = (uint8_t)lc;
            bool good = lc != 0 && (rest == lc || rest == lc + 2);
            assert_int_equal(parse(command, 7 + rest), good ? HSM_OK : HSM_ERR_LENGTH);
        }
    }
    /* 00 and one byte: half an extended length. */
    assert_int_equal(parse("\x80\x12\x34\x56\x00\x00", 6), HSM_ERR_LENGTH);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
