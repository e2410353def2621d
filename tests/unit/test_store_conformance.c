// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// What store.h promises, tried on every backend.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/memory.h"
#include "tests/support/store_backends.h"
#include "tests/support/store_random.h"

#include <stdio.h>
#include <string.h>

static uint8_t buffer[STORE_VALUE_MAX + 1];
static uint8_t value[STORE_VALUE_MAX + 1];

static int set_up(void **state) {
    static struct store_case store_case;
    static enum store_backend backend;
    backend = *(enum store_backend *)*state;
    store_case_open(&store_case, backend, 128);
    *state = &store_case;
    return 0;
}

static int tear_down(void **state) {
    store_case_close(*state);
    return 0;
}

static struct store *store_of(void **state) { return ((struct store_case *)*state)->store; }

static void put(struct store *store, uint16_t id, const void *data, size_t len) {
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_put(store, id, data, len), 0);
    assert_int_equal(store_commit(store), 0);
}

static void assert_value(struct store *store, uint16_t id, const void *data, size_t len) {
    size_t got = 0;
    size_t size = 0;
    memset(buffer, 0xA5, sizeof buffer);
    assert_int_equal(store_size(store, id, &size), 0);
    assert_int_equal(size, len);
    assert_int_equal(store_get(store, id, 0, buffer, sizeof buffer, &got), 0);
    assert_int_equal(got, len);
    if (len != 0) {
        assert_memory_equal(buffer, data, len);
    }
    assert_int_equal(buffer[len], 0xA5);
}

static void assert_absent(struct store *store, uint16_t id) {
    size_t len = 1;
    assert_int_equal(store_get(store, id, 0, buffer, sizeof buffer, &len), STORE_ERR_NOT_FOUND);
    assert_int_equal(len, 0);
    assert_int_equal(store_size(store, id, &len), STORE_ERR_NOT_FOUND);
}

static void fill(uint64_t seed) {
    struct store_random random;
    store_random_seed(&random, seed);
    store_random_fill(&random, value, sizeof value);
}

static void test_empty(void **state) {
    struct store *store = store_of(state);
    struct store_usage usage;
    uint16_t id = 1;
    assert_int_equal(store_next(store, 0, &id), STORE_ERR_NOT_FOUND);
    assert_absent(store, 1);
    assert_int_equal(store_usage(store, &usage), 0);
    assert_int_equal(usage.records, 0);
    assert_true(usage.capacity >= usage.used && usage.free <= usage.capacity);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_del(store, 7), STORE_ERR_NOT_FOUND);
    assert_int_equal(store_del_range(store, 1, 0xFFFE), 0);
    assert_int_equal(store_patch(store, 7, 0, "x", 1), STORE_ERR_NOT_FOUND);
    assert_int_equal(store_commit(store), 0);
}

static void test_lengths(void **state) {
    static const size_t lengths[] = {0,   1,   7,   8,    9,    255,  256,  257,  479,   480,
                                     481, 959, 960, 1024, 4031, 4032, 4096, 9999, 65534, 65535};
    struct store_case *store_case = *state;
    const size_t count = sizeof lengths / sizeof lengths[0];
    for (size_t i = 0; i < count; i++) {
        fill(i);
        put(store_case->store, (uint16_t)(100 + i), value, lengths[i]);
        assert_value(store_case->store, (uint16_t)(100 + i), value, lengths[i]);
    }
    store_case_reopen(store_case);
    for (size_t i = 0; i < count; i++) {
        fill(i);
        assert_value(store_case->store, (uint16_t)(100 + i), value, lengths[i]);
    }
}

static void test_partial_reads(void **state) {
    struct store *store = store_of(state);
    size_t len = 99;
    fill(1);
    put(store, 5, value, 3000);
    for (size_t offset = 0; offset < 3000; offset += 137) {
        for (size_t cap = 0; cap < 1200; cap += 171) {
            size_t expected = 3000 - offset < cap ? 3000 - offset : cap;
            assert_int_equal(store_get(store, 5, offset, buffer, cap, &len), 0);
            assert_int_equal(len, expected);
            assert_memory_equal(buffer, value + offset, expected);
        }
    }
    assert_int_equal(store_get(store, 5, 3000, buffer, 10, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(store_get(store, 5, 70000, buffer, 10, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(store_get(store, 5, 0, NULL, 0, &len), 0);
    assert_int_equal(len, 0);
}

static void test_replace(void **state) {
    static const size_t lengths[] = {100, 2000, 10, 480, 0, 481, 960, 1, 65535, 3};
    struct store_case *store_case = *state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        fill(i);
        put(store_case->store, 5, value, lengths[i]);
        assert_value(store_case->store, 5, value, lengths[i]);
        store_case_reopen(store_case);
        assert_value(store_case->store, 5, value, lengths[i]);
    }
}

static void test_patch(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    static uint8_t model[STORE_VALUE_MAX];
    size_t size = 0;
    // As a client writes a file: in pieces, one after the other, then here and there.
    fill(3);
    put(store, 9, NULL, 0);
    for (size_t offset = 0; offset < 5000; offset += 250) {
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store_patch(store, 9, offset, value + offset, 250), 0);
        assert_int_equal(store_commit(store), 0);
    }
    memcpy(model, value, 5000);
    size = 5000;
    assert_value(store, 9, model, size);
    static const struct {
        size_t offset;
        size_t len;
    } patches[] = {{0, 1},   {4999, 1}, {4990, 20},   {479, 2},   {480, 480},
                   {959, 2}, {5010, 0}, {100, 30000}, {0, 65535}, {65535 - 1, 1}};
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        fill(100 + i);
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store_patch(store, 9, patches[i].offset, value, patches[i].len), 0);
        assert_int_equal(store_commit(store), 0);
        memcpy(model + patches[i].offset, value, patches[i].len);
        size = patches[i].offset + patches[i].len > size ? patches[i].offset + patches[i].len : size;
        assert_value(store, 9, model, size);
    }
    store_case_reopen(store_case);
    assert_value(store_case->store, 9, model, size);
}

static void test_patch_limits(void **state) {
    struct store *store = store_of(state);
    fill(1);
    put(store, 9, value, 100);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_patch(store, 9, 101, value, 1), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, 101, value, 0), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, 100, value, 65436), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, 65536, value, 1), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, SIZE_MAX, value, SIZE_MAX), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, 0, NULL, 1), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 9, 100, value, 0), 0);
    assert_int_equal(store_patch(store, 10, 0, value, 1), STORE_ERR_NOT_FOUND);
    // None of this spoils the transaction.
    assert_int_equal(store_put(store, 10, "kept", 4), 0);
    assert_int_equal(store_commit(store), 0);
    assert_value(store, 9, value, 100);
    assert_value(store, 10, "kept", 4);
}

static void test_delete(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    fill(1);
    put(store, 20, value, 1500);
    put(store, 21, value, 10);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_del(store, 20), 0);
    assert_absent(store, 20);
    assert_int_equal(store_del(store, 20), STORE_ERR_NOT_FOUND);
    assert_int_equal(store_commit(store), 0);
    assert_absent(store, 20);
    store_case_reopen(store_case);
    assert_absent(store_case->store, 20);
    assert_value(store_case->store, 21, value, 10);
    put(store_case->store, 20, "again", 5);
    store_case_reopen(store_case);
    assert_value(store_case->store, 20, "again", 5);
}

static void test_delete_range(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    fill(2);
    assert_int_equal(store_begin(store), 0);
    for (uint16_t id = 0xC400; id < 0xC500; id = (uint16_t)(id + 3)) {
        assert_int_equal(store_put(store, id, value, id % 700u), 0);
    }
    assert_int_equal(store_put(store, 0xC3FF, "low", 3), 0);
    assert_int_equal(store_put(store, 0xC500, "high", 4), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_del_range(store, 5, 4), STORE_ERR_INVALID);
    assert_int_equal(store_del_range(store, 0xC400, 0xC4FF), 0);
    assert_int_equal(store_put(store, 0xC403, "new", 3), 0);
    assert_int_equal(store_commit(store), 0);
    for (int turn = 0; turn < 2; turn++) {
        store = store_case->store;
        uint16_t id = 0;
        assert_int_equal(store_next(store, 0, &id), 0);
        assert_int_equal(id, 0xC3FF);
        assert_int_equal(store_next(store, id, &id), 0);
        assert_int_equal(id, 0xC403);
        assert_int_equal(store_next(store, id, &id), 0);
        assert_int_equal(id, 0xC500);
        assert_int_equal(store_next(store, id, &id), STORE_ERR_NOT_FOUND);
        store_case_reopen(store_case);
    }
    store = store_case->store;
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_del_range(store, 0, 0xFFFF), 0);
    assert_int_equal(store_commit(store), 0);
    uint16_t id = 0;
    assert_int_equal(store_next(store, 0, &id), STORE_ERR_NOT_FOUND);
}

static void test_ids(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    size_t len = 0;
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_put(store, 0, "x", 1), STORE_ERR_INVALID);
    assert_int_equal(store_put(store, 0xFFFF, "x", 1), STORE_ERR_INVALID);
    assert_int_equal(store_del(store, 0), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 0xFFFF, 0, "x", 1), STORE_ERR_INVALID);
    assert_int_equal(store_put(store, 1, value, STORE_VALUE_MAX + 1), STORE_ERR_INVALID);
    assert_int_equal(store_put(store, 1, NULL, 1), STORE_ERR_INVALID);
    assert_int_equal(store_put(store, 0xFFFE, "last", 4), 0);
    assert_int_equal(store_put(store, 1, "first", 5), 0);
    assert_int_equal(store_put(store, 0x8000, "middle", 6), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_get(store, 0, 0, buffer, 1, &len), STORE_ERR_INVALID);
    assert_int_equal(store_size(store, 0xFFFF, &len), STORE_ERR_INVALID);
    assert_int_equal(store_get(store, 1, 0, NULL, 1, &len), STORE_ERR_INVALID);
    store_case_reopen(store_case);
    store = store_case->store;
    assert_value(store, 1, "first", 5);
    assert_value(store, 0x8000, "middle", 6);
    assert_value(store, 0xFFFE, "last", 4);
    uint16_t id = 0;
    assert_int_equal(store_next(store, 0, &id), 0);
    assert_int_equal(id, 1);
    assert_int_equal(store_next(store, 1, &id), 0);
    assert_int_equal(id, 0x8000);
    assert_int_equal(store_next(store, 0x8000, &id), 0);
    assert_int_equal(id, 0xFFFE);
    assert_int_equal(store_next(store, 0xFFFE, &id), STORE_ERR_NOT_FOUND);
    assert_int_equal(store_next(store, 0xFFFF, &id), STORE_ERR_NOT_FOUND);
}

static void test_transaction_rules(void **state) {
    struct store *store = store_of(state);
    assert_int_equal(store_put(store, 1, "x", 1), STORE_ERR_INVALID);
    assert_int_equal(store_patch(store, 1, 0, "x", 1), STORE_ERR_INVALID);
    assert_int_equal(store_del(store, 1), STORE_ERR_INVALID);
    assert_int_equal(store_del_range(store, 1, 2), STORE_ERR_INVALID);
    assert_int_equal(store_commit(store), STORE_ERR_INVALID);
    assert_int_equal(store_abort(store), STORE_ERR_INVALID);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_begin(store), STORE_ERR_INVALID);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_commit(store), STORE_ERR_INVALID);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_abort(store), 0);
    assert_int_equal(store_abort(store), STORE_ERR_INVALID);
}

static void test_abort(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    fill(4);
    for (uint16_t id = 1; id <= 40; id++) {
        put(store, id, value + id, 37u * id);
    }
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store_del(store, 3), 0);
        assert_int_equal(store_put(store, 3, "new", 3), 0);
        assert_int_equal(store_put(store, 3, "newer", 5), 0);
        assert_int_equal(store_del_range(store, 10, 20), 0);
        assert_int_equal(store_put(store, 12, value, 5000), 0);
        assert_int_equal(store_patch(store, 30, 10, "patch", 5), 0);
        for (uint16_t id = 100; id < 180; id++) {
            assert_int_equal(store_put(store, id, value, 30), 0);
        }
        assert_int_equal(store_del(store, 40), 0);
        assert_value(store, 3, "newer", 5);
        assert_absent(store, 11);
        assert_absent(store, 40);
        assert_value(store, 12, value, 5000);
        uint16_t id = 0;
        assert_int_equal(store_next(store, 9, &id), 0);
        assert_int_equal(id, 12);
        if (turn == 1) {
            store_case_reopen(store_case); // an open transaction is aborted
            store = store_case->store;
            if (store->in_transaction) {
                assert_int_equal(store_abort(store), 0);
            }
        } else {
            assert_int_equal(store_abort(store), 0);
        }
        for (id = 1; id <= 40; id++) {
            assert_value(store, id, value + id, 37u * id);
        }
        assert_int_equal(store_next(store, 40, &id), STORE_ERR_NOT_FOUND);
    }
}

static void test_one_record_many_times(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    // Within one transaction, and as a retry counter does it, in thousands of them.
    assert_int_equal(store_begin(store), 0);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_int_equal(store_put(store, 7, &i, sizeof i), 0);
    }
    assert_int_equal(store_commit(store), 0);
    uint32_t last = 2999;
    assert_value(store, 7, &last, sizeof last);
    for (uint32_t i = 0; i < 3000; i++) {
        put(store, 7, &i, sizeof i);
    }
    store_case_reopen(store_case);
    assert_value(store_case->store, 7, &last, sizeof last);
}

static void test_many_deletes_in_one_transaction(void **state) {
    struct store_case *store_case = *state;
    struct store *store = store_case->store;
    fill(6);
    for (uint16_t id = 1; id <= 700; id = (uint16_t)(id + 100)) {
        assert_int_equal(store_begin(store), 0);
        for (uint16_t i = 0; i < 100; i++) {
            assert_int_equal(store_put(store, (uint16_t)(id + i), value, 200), 0);
        }
        assert_int_equal(store_commit(store), 0);
    }
    assert_int_equal(store_begin(store), 0);
    for (uint16_t id = 1; id <= 700; id++) {
        assert_int_equal(store_del(store, id), 0);
    }
    assert_int_equal(store_commit(store), 0);
    store_case_reopen(store_case);
    uint16_t id = 0;
    assert_int_equal(store_next(store_case->store, 0, &id), STORE_ERR_NOT_FOUND);
}

static void test_usage(void **state) {
    struct store *store = store_of(state);
    struct store_usage before;
    struct store_usage after;
    fill(1);
    assert_int_equal(store_usage(store, &before), 0);
    put(store, 1, value, 20000);
    put(store, 2, value, 20000);
    assert_int_equal(store_usage(store, &after), 0);
    assert_int_equal(after.records, 2);
    assert_true(after.used >= before.used + 40000);
    assert_true(after.free <= before.free - 40000);
    assert_true((uint64_t)after.used + after.free <= after.capacity);
}

static void test_error_texts(void **state) {
    (void)state;
    for (int error = 5; error >= -20; error--) {
        const char *text = store_error_text(error);
        assert_non_null(text);
        assert_true(strlen(text) > 3);
        assert_null(strchr(text, '\n'));
    }
    assert_string_not_equal(store_error_text(STORE_ERR_FULL), store_error_text(STORE_ERR_IO));
}

static void test_null_arguments(void **state) {
    struct store *store = store_of(state);
    size_t len = 0;
    assert_int_equal(store_begin(NULL), STORE_ERR_INVALID);
    assert_int_equal(store_commit(NULL), STORE_ERR_INVALID);
    assert_int_equal(store_abort(NULL), STORE_ERR_INVALID);
    assert_int_equal(store_get(store, 1, 0, buffer, 1, NULL), STORE_ERR_INVALID);
    assert_int_equal(store_get(NULL, 1, 0, buffer, 1, &len), STORE_ERR_INVALID);
    assert_int_equal(store_size(store, 1, NULL), STORE_ERR_INVALID);
    assert_int_equal(store_next(store, 1, NULL), STORE_ERR_INVALID);
    assert_int_equal(store_usage(store, NULL), STORE_ERR_INVALID);
    store_close(NULL);
}

static void test_memory_snapshot(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store *other = NULL;
    struct store_memory_snapshot *snapshot = NULL;
    fill(8);
    assert_int_equal(store_memory_open(&store), 0);
    assert_int_equal(store_memory_open(&other), 0);
    put(store, 1, value, 1000);
    put(store, 2, NULL, 0);
    assert_int_equal(store_memory_snapshot(store, &snapshot), 0);
    put(store, 1, "changed", 7);
    put(store, 3, "more", 4);
    for (int turn = 0; turn < 2; turn++) {
        struct store *to = turn == 0 ? store : other;
        assert_int_equal(store_memory_restore(to, snapshot), 0);
        assert_value(to, 1, value, 1000);
        assert_value(to, 2, NULL, 0);
        assert_absent(to, 3);
    }
    assert_int_equal(store_begin(store), 0);
    struct store_memory_snapshot *none = NULL;
    assert_int_equal(store_memory_snapshot(store, &none), STORE_ERR_INVALID);
    assert_int_equal(store_memory_restore(store, snapshot), STORE_ERR_INVALID);
    assert_int_equal(store_abort(store), 0);
    store_memory_snapshot_free(snapshot);
    store_memory_snapshot_free(NULL);
    assert_value(other, 1, value, 1000);
    store_close(store);
    store_close(other);
}

int main(void) {
    static const struct {
        const char *name;
        CMUnitTestFunction function;
    } cases[] = {{"empty", test_empty},
                 {"lengths", test_lengths},
                 {"partial reads", test_partial_reads},
                 {"replace", test_replace},
                 {"patch", test_patch},
                 {"patch limits", test_patch_limits},
                 {"delete", test_delete},
                 {"delete range", test_delete_range},
                 {"ids", test_ids},
                 {"transaction rules", test_transaction_rules},
                 {"abort", test_abort},
                 {"one record many times", test_one_record_many_times},
                 {"many deletes in one transaction", test_many_deletes_in_one_transaction},
                 {"usage", test_usage},
                 {"null arguments", test_null_arguments}};
    enum { CASES = sizeof cases / sizeof cases[0] };
    static enum store_backend backends[STORE_BACKENDS];
    static char names[CASES * STORE_BACKENDS][64];
    struct CMUnitTest tests[CASES * STORE_BACKENDS + 2] = {
        cmocka_unit_test(test_error_texts),
        cmocka_unit_test(test_memory_snapshot),
    };
    for (size_t b = 0; b < STORE_BACKENDS; b++) {
        backends[b] = (enum store_backend)b;
        for (size_t c = 0; c < CASES; c++) {
            size_t i = b * CASES + c;
            (void)snprintf(names[i], sizeof names[i], "%s: %s", store_backend_name(backends[b]),
                           cases[c].name);
            tests[2 + i] = (struct CMUnitTest){.name = names[i],
                                               .test_func = cases[c].function,
                                               .setup_func = set_up,
                                               .teardown_func = tear_down,
                                               .initial_state = &backends[b]};
        }
    }
    return cmocka_run_group_tests_name("store: conformance", tests, NULL, NULL);
}
