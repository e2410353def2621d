// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// I/O errors and a full disk at every call that SQLite makes, while opening, creating, changing and copying a
// card.
//
// After each: the right error, both states are possible at most for a commit that failed, the store is usable
// again without being reopened as soon as the cause is gone, and the file passes SQLite's integrity check. A
// failure prints the number of the call.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/sqlite.h"
#include "tests/support/sqlite_fault_vfs.h"
#include "tests/support/store_backends.h"
#include "tests/support/store_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

static char directory[64];
static char path[96];
static const struct store_sqlite_options options = {.vfs = SQLITE_FAULT_VFS_NAME};

static const struct store_profile profile = {.changes_max = 5,
                                             .value_max = 9000,
                                             .delete_percent = 10,
                                             .range_percent = 4,
                                             .patch_percent = 20,
                                             .abort_percent = 10};

static int set_up(void **state) {
    (void)state;
    sqlite_fault_register();
    sqlite_fault_clear();
    store_temporary_directory(directory, sizeof directory);
    (void)snprintf(path, sizeof path, "%s/card.db", directory);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sqlite_fault_clear();
    store_remove_directory(directory);
    return 0;
}

static int open_card(struct store **store) {
    char message[STORE_SQLITE_MESSAGE_MAX];
    int result = store_sqlite_open(path, &options, store, message, sizeof message);
    // Every failure is explained in one line.
    assert_true(result == 0 || (strlen(message) > 10 && strchr(message, '\n') == NULL));
    return result;
}

// With a connection of its own, on a closed card.
static void assert_integrity(const char *file) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}

static const char *fault_name(enum sqlite_fault fault) {
    return fault == SQLITE_FAULT_IO ? "I/O error" : "disk full";
}

static void test_create(void **state) {
    (void)state;
    uint64_t faults = 0;
    for (int fault = 0; fault < SQLITE_FAULTS; fault++) {
        for (int lasting = 0; lasting < 2; lasting++) {
            for (uint64_t k = 0;; k++) {
                struct store *store = NULL;
                (void)unlink(path);
                sqlite_fault_at(k, (enum sqlite_fault)fault, lasting != 0);
                uint64_t first = sqlite_fault_calls();
                int result = open_card(&store);
                bool over = sqlite_fault_calls() - first <= k;
                faults += sqlite_fault_hit();
                sqlite_fault_clear();
                assert_true(result == 0 || result == STORE_ERR_IO || result == STORE_ERR_FULL ||
                            result == STORE_ERR_ACCESS);
                store_close(store);
                assert_int_equal(open_card(&store), 0); // whatever was left does not disturb
                store_close(store);
                assert_integrity(path);
                if (over) {
                    break;
                }
            }
        }
    }
    print_message("%" PRIu64 " faults while creating a card\n", faults);
    assert_true(faults > 20);
}

// A card with `count` random transactions in it, and its model.
static void make_card(struct store_model *model, struct store_random *random, int count) {
    struct store *store = NULL;
    (void)unlink(path);
    assert_int_equal(open_card(&store), 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(store_model_step(model, store, &profile, random), STORE_MODEL_OK);
    }
    store_close(store);
}

static void test_open(void **state) {
    (void)state;
    struct store_model model;
    struct store_random random = {3};
    uint64_t faults = 0;
    store_model_init(&model, 40);
    make_card(&model, &random, 60);
    for (int fault = 0; fault < SQLITE_FAULTS; fault++) {
        for (uint64_t k = 0;; k++) {
            struct store *store = NULL;
            sqlite_fault_at(k, (enum sqlite_fault)fault, k % 2 == 0);
            uint64_t first = sqlite_fault_calls();
            int result = open_card(&store);
            bool over = sqlite_fault_calls() - first <= k;
            faults += sqlite_fault_hit();
            sqlite_fault_clear();
            assert_true(result == 0 || result == STORE_ERR_IO || result == STORE_ERR_FULL ||
                        result == STORE_ERR_ACCESS);
            if (result == 0) {
                assert_true(store_model_equals(&model, store, false, true));
            }
            store_close(store);
            assert_int_equal(open_card(&store), 0);
            assert_true(store_model_equals(&model, store, false, true));
            store_close(store);
            if (over) {
                break;
            }
        }
    }
    assert_integrity(path);
    print_message("%" PRIu64 " faults while opening a card\n", faults);
    assert_true(faults > 10);
    store_model_free(&model);
}

// One transaction with a fault at its call `k`; false when the transaction made no such call.
static bool fault_in_transaction(uint64_t seed, uint64_t k, enum sqlite_fault fault, bool lasting,
                                 uint64_t *faults) {
    struct store_model model;
    struct store_random random = {seed};
    struct store *store = NULL;
    store_model_init(&model, 24);
    (void)unlink(path);
    assert_int_equal(open_card(&store), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(store_model_step(&model, store, &profile, &random), STORE_MODEL_OK);
    }
    uint64_t first = sqlite_fault_calls();
    sqlite_fault_at(k, fault, lasting);
    enum store_model_result result = store_model_step(&model, store, &profile, &random);
    bool reached = sqlite_fault_calls() - first > k;
    *faults += sqlite_fault_hit();
    bool good = result != STORE_MODEL_WRONG;
    if (good && lasting && result != STORE_MODEL_OK && fault == SQLITE_FAULT_IO) {
        // As long as it lasts, no transaction succeeds, and reading gives the old values or an error.
        (void)store_begin(store);
        if (store->in_transaction) {
            (void)store_put(store, 0x101, "x", 1);
            good = store_commit(store) != 0;
        }
    }
    sqlite_fault_clear();
    // The cause is gone: the same store goes on.
    if (good && result == STORE_MODEL_EITHER) {
        good = store_begin(store) == 0 && store_commit(store) == 0;
    }
    if (good && !store_model_equals(&model, store, false, false)) {
        // Nothing of a failed commit may be visible.
        good = false;
        (void)store_model_equals(&model, store, false, true);
    }
    for (int i = 0; i < 2 && good; i++) {
        good = store_model_step(&model, store, &profile, &random) == STORE_MODEL_OK;
    }
    good = good && store_model_equals(&model, store, false, true);
    store_close(store);
    assert_int_equal(open_card(&store), 0);
    good = good && store_model_equals(&model, store, false, true);
    store_close(store);
    assert_integrity(path);
    store_model_free(&model);
    if (!good) {
        print_error("seed %" PRIu64 ", call %" PRIu64 ", %s, %s\n", seed, k, fault_name(fault),
                    lasting ? "lasting" : "once");
    }
    assert_true(good);
    return reached;
}

static void test_transactions(void **state) {
    (void)state;
    uint64_t faults = 0;
    uint64_t seeds = store_random_count("TWINHSM_FAULTS_LONG", 1) * 12;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        for (int fault = 0; fault < SQLITE_FAULTS; fault++) {
            for (int lasting = 0; lasting < 2; lasting++) {
                uint64_t k = 0;
                while (fault_in_transaction(seed, k, (enum sqlite_fault)fault, lasting != 0, &faults)) {
                    k++;
                }
            }
        }
    }
    print_message("%" PRIu64 " faults in transactions\n", faults);
    assert_true(faults > 300);
}

// The process dies after a commit that failed: on the next opening, the transaction is wholly there or wholly
// absent.
static void test_crash_after_failed_commit(void **state) {
    (void)state;
    char copy[128];
    char command[800];
    (void)snprintf(copy, sizeof copy, "%s/crashed.db", directory);
    uint64_t after = 0;
    uint64_t tried = 0;
    uint64_t seed = 1;
    for (uint64_t k = 0; seed <= 12;) {
        struct store_model model;
        struct store_random random = {seed};
        struct store *store = NULL;
        store_model_init(&model, 24);
        (void)unlink(path);
        assert_int_equal(open_card(&store), 0);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(store_model_step(&model, store, &profile, &random), STORE_MODEL_OK);
        }
        uint64_t first = sqlite_fault_calls();
        sqlite_fault_at(k, SQLITE_FAULT_IO, true);
        enum store_model_result result = store_model_step(&model, store, &profile, &random);
        bool reached = sqlite_fault_calls() - first > k;
        // What a crash would leave.
        (void)snprintf(command, sizeof command,
                       "cp %s %s && rm -f %s-wal && if [ -e %s-wal ]; then cp %s-wal %s-wal; fi", path, copy,
                       copy, path, path, copy);
        assert_int_equal(system(command), 0);
        sqlite_fault_clear();
        store_close(store);
        assert_int_equal(store_sqlite_open(copy, NULL, &store, NULL, 0), 0);
        if (!store_model_equals(&model, store, false, false)) {
            assert_int_equal(result, STORE_MODEL_EITHER);
            assert_true(store_model_equals(&model, store, true, true));
            after++;
        }
        store_close(store);
        (void)unlink(copy);
        store_model_free(&model);
        tried++;
        k = reached ? k + 1 : 0;
        seed += !reached;
    }
    print_message("%" PRIu64 " crashes after a failure; %" PRIu64 " times the transaction was there\n", tried,
                  after);
}

static void test_backup(void **state) {
    (void)state;
    struct store_model model;
    struct store_random random = {5};
    struct store *store = NULL;
    char copy[128];
    char message[STORE_SQLITE_MESSAGE_MAX];
    uint64_t faults = 0;
    (void)snprintf(copy, sizeof copy, "%s/copy.db", directory);
    store_model_init(&model, 40);
    make_card(&model, &random, 40);
    assert_int_equal(open_card(&store), 0);
    for (int fault = 0; fault < SQLITE_FAULTS; fault++) {
        for (uint64_t k = 0;; k++) {
            uint64_t first = sqlite_fault_calls();
            sqlite_fault_at(k, (enum sqlite_fault)fault, false);
            int result = store_sqlite_backup(store, copy, message, sizeof message);
            bool over = sqlite_fault_calls() - first <= k;
            faults += sqlite_fault_hit();
            sqlite_fault_clear();
            // A whole copy or none.
            assert_int_equal(access(copy, F_OK), result == 0 ? 0 : -1);
            assert_true(result == 0 || strlen(message) > 10);
            if (result == 0) {
                struct store *copied = NULL;
                assert_int_equal(store_sqlite_open(copy, NULL, &copied, NULL, 0), 0);
                assert_true(store_model_equals(&model, copied, false, true));
                store_close(copied);
                assert_integrity(copy);
                (void)unlink(copy);
            }
            assert_true(store_model_equals(&model, store, false, true));
            assert_int_equal(store_model_step(&model, store, &profile, &random), STORE_MODEL_OK);
            if (over) {
                break;
            }
        }
    }
    store_close(store);
    assert_integrity(path);
    print_message("%" PRIu64 " faults while copying a card\n", faults);
    store_model_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_after_failed_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backup, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("store: SQLite faults", tests, NULL, NULL);
}
