// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* hsm/tlv.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/error.h"
#include "hsm/tlv.h"

static int next(const void *data, size_t len, struct tlv *t) {
    struct reader r;
    reader_init(&r, data, len);
    return tlv_next(&r, t);
}

static void test_tags(void **state) {
    (void)state;
    struct tlv t;
    assert_int_equal(next("\x42\x01\xAA", 3, &t), 1);
    assert_int_equal(t.tag, 0x42);
    assert_int_equal(next("\x5F\x20\x01\xAA", 4, &t), 1);
    assert_int_equal(t.tag, 0x5F20);
    assert_int_equal(t.raw_len, 4);
    assert_int_equal(next("\x7F\x81\x02\x01\xAA", 5, &t), 1);
    assert_int_equal(t.tag, 0x7F8102);
    assert_int_equal(t.len, 1);
    /* Four tag bytes are more than anything here uses. */
    assert_int_equal(next("\x7F\x81\x82\x02\x01\xAA", 6, &t), HSM_ERR_DATA);
    assert_int_equal(next("", 0, &t), 0);
}

static void test_lengths(void **state) {
    (void)state;
    static uint8_t data[70000];
    struct tlv t;
    static const struct {
        uint8_t head[5];
        size_t head_len, len;
    } forms[] = {
        {{0x04, 0x00}, 2, 0},
        {{0x04, 0x7F}, 2, 127},
        {{0x04, 0x81, 0x05}, 3, 5},
        {{0x04, 0x81, 0xFF}, 3, 255},
        {{0x04, 0x82, 0x00, 0x05}, 4, 5},
        {{0x04, 0x82, 0xFF, 0xFF}, 4, 65535},
        {{0x04, 0x83, 0x00, 0x00, 0x05}, 5, 5},
        {{0x04, 0x83, 0x01, 0x00, 0x00}, 5, 65536},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t total = forms[i].head_len + forms[i].len;
        memcpy(data, forms[i].head, forms[i].head_len);
        assert_int_equal(next(data, total, &t), 1);
        assert_int_equal(t.len, forms[i].len);
        assert_ptr_equal(t.value, data + forms[i].head_len);
        assert_int_equal(t.raw_len, total);
        /* Every truncation is malformed. */
        for (size_t n = 1; n < total; n += n < 300 ? 1 : 9973) {
            assert_int_equal(next(data, n, &t), HSM_ERR_DATA);
        }
        assert_int_equal(next(data, total - 1, &t), HSM_ERR_DATA);
    }
}

static void test_lengths_that_are_none(void **state) {
    (void)state;
    struct tlv t;
    assert_int_equal(next("\x30\x80\x00\x00", 4, &t), HSM_ERR_DATA); /* indefinite */
    assert_int_equal(next("\x30\x84\x00\x00\x00\x00", 6, &t), HSM_ERR_DATA);
    assert_int_equal(next("\x30\xFF\x00\x00\x00\x00", 6, &t), HSM_ERR_DATA);
    assert_int_equal(next("\x30", 1, &t), HSM_ERR_DATA);
    assert_int_equal(next("\x5F", 1, &t), HSM_ERR_DATA);
}

static void test_find_and_valid(void **state) {
    (void)state;
    static const uint8_t data[] = {0x80, 0x01, 0xAA, 0x5F, 0x20, 0x02, 0xBB, 0xCC, 0x80, 0x01, 0xDD};
    struct tlv t;
    assert_true(tlv_find(data, sizeof data, 0x80, &t));
    assert_int_equal(t.value[0], 0xAA);
    assert_true(tlv_find(data, sizeof data, 0x5F20, &t));
    assert_int_equal(t.len, 2);
    assert_false(tlv_find(data, sizeof data, 0x81, &t));
    assert_false(tlv_find(data, 0, 0x80, &t));
    assert_true(tlv_valid(data, sizeof data));
    assert_true(tlv_valid(data, 0));
    assert_false(tlv_valid(data, sizeof data - 1));
    /* Behind something malformed nothing is found. */
    assert_false(tlv_find((const uint8_t *)"\x81\x05\x00\x80\x00", 5, 0x80, &t));
}

static void test_put(void **state) {
    (void)state;
    static uint8_t buf[140000];
    static uint8_t value[70000];
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535};
    static const uint32_t tags[] = {0x42, 0x7F49, 0x7F8102};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof tags / sizeof tags[0]; k++) {
            struct writer w;
            struct tlv t;
            writer_init(&w, buf, sizeof buf);
            tlv_put(&w, tags[k], value, sizes[i]);
            size_t len = w.len;
            /* The same through open and close, which has to make room for the length. */
            size_t mark = tlv_open(&w, tags[k]);
            writer_put(&w, value, sizes[i]);
            tlv_close(&w, mark);
            assert_false(w.overflow);
            assert_int_equal(w.len, 2 * len);
            assert_memory_equal(buf, buf + len, len);
            assert_int_equal(next(buf, len, &t), 1);
            assert_int_equal(t.tag, tags[k]);
            assert_int_equal(t.len, sizes[i]);
            assert_int_equal(t.raw_len, len);
        }
    }
}

static void test_put_without_room(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256};
    static uint8_t value[256];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t full = 2 + sizes[i] + (sizes[i] < 128 ? 0 : sizes[i] < 256 ? 1 : 2);
        for (size_t cap = 0; cap <= full; cap++) {
            /* Behind the capacity the heap's end is near: a sanitizer sees one byte too many. */
            uint8_t *buf = malloc(cap + 1);
            struct writer w;
            assert_non_null(buf);
            writer_init(&w, buf, cap);
            size_t mark = tlv_open(&w, 0x30);
            writer_put(&w, value, sizes[i]);
            tlv_close(&w, mark);
            assert_int_equal(w.overflow, cap < full);
            writer_init(&w, buf, cap);
            tlv_put(&w, 0x30, value, sizes[i]);
            assert_int_equal(w.overflow, cap < full);
            free(buf);
        }
    }
    static uint8_t large[70000];
    static uint8_t room[140000];
    struct writer w;
    writer_init(&w, room, sizeof room);
    tlv_put(&w, 0x30, large, 65536);
    assert_true(w.overflow);
    writer_init(&w, room, sizeof room);
    size_t mark = tlv_open(&w, 0x30);
    writer_put(&w, large, 65536);
    tlv_close(&w, mark);
    assert_true(w.overflow);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lengths_that_are_none),
        cmocka_unit_test(test_find_and_valid),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
