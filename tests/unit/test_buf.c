// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* hsm/buf.c: readers stop at their end, writers at their capacity, and both remember it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/buf.h"

static void test_reader(void **state) {
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 0, 2, 0xAA, 0xBB, 9};
    struct reader r;
    size_t len;
    reader_init(&r, data, sizeof data);
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_ptr_equal(reader_field16(&r, &len), data + 9);
    assert_int_equal(len, 2);
    assert_ptr_equal(reader_take(&r, 1), data + 11);
    assert_int_equal(r.left, 0);
    assert_false(r.failed);
    assert_non_null(reader_take(&r, 0));
    assert_false(r.failed);
    assert_null(reader_take(&r, 1));
    assert_true(r.failed);
}

/* After a failure nothing more is read, not even what would still fit. */
static void test_reader_failure_lasts(void **state) {
    (void)state;
    static const uint8_t data[] = {1, 2, 3};
    struct reader r;
    reader_init(&r, data, sizeof data);
    assert_int_equal(reader_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0);
    assert_null(reader_take(&r, 1));
    reader_init(&r, NULL, 0);
    assert_int_equal(reader_u8(&r), 0);
    assert_true(r.failed);
}

static void test_reader_field_cut_short(void **state) {
    (void)state;
    static const uint8_t data[] = {0, 3, 1, 2};
    struct reader r;
    size_t len = 77;
    reader_init(&r, data, sizeof data);
    assert_null(reader_field16(&r, &len));
    assert_true(r.failed);
    reader_init(&r, data, 1);
    assert_null(reader_field16(&r, &len));
    assert_true(r.failed);
}

static void test_writer(void **state) {
    (void)state;
    static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 0, 2, 0xAA, 0xBB};
    uint8_t buf[sizeof want + 1];
    struct writer w;
    memset(buf, 0xEE, sizeof buf);
    writer_init(&w, buf, sizeof want);
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_u32(&w, 0x04050607);
    writer_field16(&w, "\xAA\xBB", 2);
    assert_false(w.overflow);
    assert_int_equal(w.len, sizeof want);
    assert_memory_equal(buf, want, sizeof want);
    writer_put(&w, NULL, 0);
    assert_false(w.overflow);
    writer_u8(&w, 9);
    assert_true(w.overflow);
    assert_int_equal(w.len, sizeof want);
    assert_int_equal(buf[sizeof want], 0xEE);
    assert_null(writer_reserve(&w, 1));
}

static void test_writer_keeps_whole_items(void **state) {
    (void)state;
    uint8_t buf[4] = {0};
    struct writer w;
    writer_init(&w, buf, 3);
    writer_u32(&w, 0x01020304);
    assert_true(w.overflow);
    assert_int_equal(w.len, 0);
    static uint8_t large[0x10000];
    static uint8_t room[0x10010];
    writer_init(&w, room, sizeof room);
    writer_field16(&w, large, sizeof large);
    assert_true(w.overflow);
}

static void test_truncate(void **state) {
    (void)state;
    uint8_t buf[4];
    struct writer w;
    writer_init(&w, buf, sizeof buf);
    writer_u32(&w, 0x01020304);
    writer_truncate(&w, 9);
    assert_int_equal(w.len, 4);
    writer_truncate(&w, 1);
    assert_int_equal(w.len, 1);
}

static void test_skip_zeros(void **state) {
    (void)state;
    static const uint8_t data[] = {0, 0, 1, 0};
    const uint8_t *at = data;
    size_t len = sizeof data;
    skip_zeros(&at, &len);
    assert_ptr_equal(at, data + 2);
    assert_int_equal(len, 2);
    at = data;
    len = 2;
    skip_zeros(&at, &len);
    assert_int_equal(len, 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_reader_failure_lasts),
        cmocka_unit_test(test_reader_field_cut_short),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_keeps_whole_items),
        cmocka_unit_test(test_truncate),
        cmocka_unit_test(test_skip_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
