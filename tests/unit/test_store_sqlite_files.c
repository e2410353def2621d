// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Card files as they may be found: new, of others, damaged, locked, of older and newer versions; and copies
// of them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/sqlite.h"
#include "tests/support/store_backends.h"
#include "tests/support/store_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

static char directory[64];
static char path[96];
static char message[STORE_SQLITE_MESSAGE_MAX];

static const struct store_profile profile = {.changes_max = 5,
                                             .value_max = 5000,
                                             .delete_percent = 10,
                                             .range_percent = 4,
                                             .patch_percent = 20,
                                             .abort_percent = 10};

static int set_up(void **state) {
    (void)state;
    store_temporary_directory(directory, sizeof directory);
    (void)snprintf(path, sizeof path, "%s/card.db", directory);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    store_remove_directory(directory);
    return 0;
}

static int open_card(struct store **store) {
    return store_sqlite_open(path, NULL, store, message, sizeof message);
}

static void put(struct store *store, uint16_t id, const void *data, size_t len) {
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_put(store, id, data, len), 0);
    assert_int_equal(store_commit(store), 0);
}

static void assert_value(struct store *store, uint16_t id, const char *text) {
    char got[64] = {0};
    size_t len = 0;
    assert_int_equal(store_get(store, id, 0, got, sizeof got - 1, &len), 0);
    assert_string_equal(got, text);
}

static uint8_t *read_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_true(end >= 0);
    rewind(file);
    *size = (size_t)end;
    uint8_t *data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    (void)fclose(file);
    return data;
}

static void write_file(const char *name, const void *data, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void run_sql(const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// The file is refused with `expected` and one line that names it, and afterwards holds what it held, with
// nothing new beside it.
static void assert_refused(int expected) {
    struct store *store = NULL;
    size_t before_size = 0;
    size_t after_size = 0;
    char side[128];
    uint8_t *before = read_file(path, &before_size);
    assert_int_equal(open_card(&store), expected);
    assert_null(store);
    assert_non_null(strstr(message, path));
    assert_null(strchr(message, '\n'));
    uint8_t *after = read_file(path, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, after_size);
    (void)snprintf(side, sizeof side, "%s-wal", path);
    assert_int_equal(access(side, F_OK), -1);
    (void)snprintf(side, sizeof side, "%s-journal", path);
    assert_int_equal(access(side, F_OK), -1);
    free(before);
    free(after);
}

static void test_new_file(void **state) {
    (void)state;
    struct store *store = NULL;
    struct stat status;
    assert_int_equal(store_sqlite_open(path, &(struct store_sqlite_options){.must_exist = true}, &store,
                                       message, sizeof message),
                     STORE_ERR_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    mode_t old = umask(0);
    assert_int_equal(open_card(&store), 0);
    put(store, 1, "x", 1);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    char side[128];
    (void)snprintf(side, sizeof side, "%s-wal", path);
    assert_int_equal(stat(side, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    (void)umask(old);
    store_close(store);
    assert_int_equal(access(side, F_OK), -1); // a closed card is one file
    assert_int_equal(open_card(&store), 0);
    assert_value(store, 1, "x");
    store_close(store);
    // Not even a message buffer is needed.
    assert_int_equal(store_sqlite_open(path, NULL, &store, NULL, 0), 0);
    store_close(store);
}

static void test_foreign(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof text);
    static const size_t sizes[] = {0, 1, 99, 100, 512, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_file(path, text, sizes[i]);
        assert_refused(STORE_ERR_FOREIGN);
    }
    (void)unlink(path);
    run_sql(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, value BLOB); INSERT INTO record VALUES (1, x'00');");
    assert_refused(STORE_ERR_FOREIGN);
    run_sql("PRAGMA application_id = 0x54774853");
    assert_refused(STORE_ERR_FOREIGN); // schema version 0
    run_sql("PRAGMA user_version = 3");
    assert_refused(STORE_ERR_FOREIGN);
    assert_non_null(strstr(message, "newer TwinHSM"));
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    struct store *store = NULL;
    assert_int_equal(open_card(&store), STORE_ERR_FOREIGN);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); // does not wait for a writer
    assert_int_equal(open_card(&store), STORE_ERR_FOREIGN);
    // A log without its card would be played into the new one.
    (void)unlink(path);
    char side[128];
    (void)snprintf(side, sizeof side, "%s-wal", path);
    write_file(side, text, 100);
    assert_int_equal(open_card(&store), STORE_ERR_FOREIGN);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_damaged(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store_model model;
    struct store_random random = {store_random_run_seed(8)};
    store_model_init(&model, 60);
    assert_int_equal(open_card(&store), 0);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(store_model_step(&model, store, &profile, &random), STORE_MODEL_OK);
    }
    store_close(store);
    size_t size = 0;
    uint8_t *sound = read_file(path, &size);
    uint8_t *spoilt = malloc(size);
    assert_non_null(spoilt);
    int refused = 0;
    int noticed = 0;
    for (int i = 0; i < 200; i++) {
        memcpy(spoilt, sound, size);
        uint32_t at = 100 + store_random_below(&random, (uint32_t)size - 100 - 64);
        store_random_fill(&random, spoilt + at, 1 + store_random_below(&random, 64));
        write_file(path, spoilt, size);
        int result = open_card(&store);
        if (result != 0) {
            assert_true(result == STORE_ERR_CORRUPT || result == STORE_ERR_FOREIGN);
            assert_refused(result);
            refused++;
            continue;
        }
        // Damage inside a value is found when it is read; a wrong value is never given out.
        for (uint32_t j = 0; j < model.ids; j++) {
            static uint8_t got[STORE_VALUE_MAX];
            const struct store_model_value *value = &model.committed[j];
            size_t len = 0;
            result = store_get(store, store_model_id(j), 0, got, sizeof got, &len);
            if (result == STORE_ERR_CORRUPT) {
                assert_true(strlen(store_sqlite_message(store)) > 5);
                noticed++;
                continue;
            }
            assert_true(result == (value->exists ? 0 : STORE_ERR_NOT_FOUND));
            if (result == 0) {
                assert_int_equal(len, value->len);
                assert_true(len == 0 || memcmp(got, value->data, len) == 0);
            }
        }
        store_close(store);
    }
    print_message("200 damaged files: %d refused, %d damaged records noticed\n", refused, noticed);
    assert_true(refused > 5 && noticed > 50);
    // Cut off.
    write_file(path, sound, size / 2);
    assert_refused(STORE_ERR_CORRUPT);
    free(sound);
    free(spoilt);
    store_model_free(&model);
}

static void test_swapped_records(void **state) {
    (void)state;
    struct store *store = NULL;
    char got[8];
    size_t len = 0;
    assert_int_equal(open_card(&store), 0);
    put(store, 1, "one", 3);
    put(store, 2, "two", 3);
    store_close(store);
    run_sql("UPDATE record SET (value, crc) = (SELECT value, crc FROM record WHERE id = 2) WHERE id = 1");
    assert_int_equal(open_card(&store), 0);
    assert_int_equal(store_get(store, 1, 0, got, sizeof got, &len), STORE_ERR_CORRUPT);
    assert_value(store, 2, "two");
    put(store, 1, "new", 3); // it can be replaced
    assert_value(store, 1, "new");
    store_close(store);
}

// As root everything may be read and written, so that these run as somebody else.
static void test_permissions(void **state) {
    (void)state;
    struct store *store = NULL;
    assert_int_equal(open_card(&store), 0);
    put(store, 1, "kept", 4);
    store_close(store);
    assert_int_equal(chown(directory, 65534, 65534) == 0 || getuid() != 0, 1);
    assert_int_equal(chown(path, 65534, 65534) == 0 || getuid() != 0, 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(90);
        }
        struct store *opened = NULL;
        if (chmod(path, 0400) != 0 || open_card(&opened) != STORE_ERR_ACCESS || strlen(message) < 10) {
            _exit(1);
        }
        if (chmod(path, 0000) != 0 || open_card(&opened) != STORE_ERR_ACCESS) {
            _exit(2);
        }
        if (chmod(path, 0600) != 0 || chmod(directory, 0500) != 0 || open_card(&opened) != STORE_ERR_ACCESS) {
            _exit(3);
        }
        if (chmod(directory, 0700) != 0 || open_card(&opened) != 0) {
            _exit(4);
        }
        store_close(opened);
        if (chmod(directory, 0500) != 0 || store_sqlite_open("/nonexistent/card.db", NULL, &opened, message,
                                                             sizeof message) != STORE_ERR_ACCESS) {
            _exit(5);
        }
        (void)chmod(directory, 0700);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(open_card(&store), 0);
    assert_value(store, 1, "kept");
    store_close(store);
}

static void test_two_writers(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store *second = NULL;
    assert_int_equal(open_card(&store), 0);
    put(store, 1, "mine", 4);
    // The same process, and another one; neither lets go of the first one's lock.
    for (int i = 0; i < 3; i++) {
        assert_int_equal(open_card(&second), STORE_ERR_LOCKED);
        assert_null(second);
        assert_non_null(strstr(message, "another process"));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct store *opened = NULL;
            // A fresh process image would be fairer to SQLite; a child that only opens is good enough.
            _exit(open_card(&opened) == STORE_ERR_LOCKED ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    // Not even a reader of SQLite's own.
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM record", NULL, NULL, NULL), SQLITE_BUSY);
    (void)sqlite3_close(db);
    put(store, 2, "still mine", 10);
    assert_value(store, 1, "mine");
    store_close(store);
    assert_int_equal(open_card(&second), 0);
    assert_value(second, 2, "still mine");
    store_close(second);
}

// Many start at once on a card that does not exist yet: all that get it get the same one, whole.
static void test_race_to_create(void **state) {
    (void)state;
    int opened = 0;
    for (int round = 0; round < 10; round++) {
        enum { CHILDREN = 6 };
        pid_t children[CHILDREN];
        (void)unlink(path);
        for (int i = 0; i < CHILDREN; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                struct store *store = NULL;
                int result = open_card(&store);
                if (result == 0) {
                    uint16_t id = (uint16_t)(100 + i);
                    result = store_begin(store) != 0 || store_put(store, id, "x", 1) != 0 ||
                                     store_commit(store) != 0
                                 ? 2
                                 : 0;
                    store_close(store);
                    _exit(result);
                }
                _exit(result == STORE_ERR_LOCKED ? 1 : 3);
            }
        }
        struct store *store = NULL;
        bool wrote[CHILDREN];
        for (int i = 0; i < CHILDREN; i++) {
            int status = 0;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
            wrote[i] = WEXITSTATUS(status) == 0;
            opened += wrote[i];
        }
        assert_int_equal(open_card(&store), 0);
        for (int i = 0; i < CHILDREN; i++) {
            size_t len = 0;
            assert_int_equal(store_size(store, (uint16_t)(100 + i), &len),
                             wrote[i] ? 0 : STORE_ERR_NOT_FOUND);
        }
        store_close(store);
    }
    assert_true(opened >= 10);
}

static void make_version_1(void) {
    run_sql("PRAGMA application_id = 0x54774853; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;"
            "CREATE TABLE record (id INTEGER PRIMARY KEY, value BLOB NOT NULL);"
            "INSERT INTO record VALUES (1, x'6F6E65'), (2, x''), (65534, x'6C617374'), (51712, "
            "zeroblob(65535));");
}

static void test_migration(void **state) {
    (void)state;
    struct store *store = NULL;
    make_version_1();
    for (int turn = 0; turn < 2; turn++) {
        size_t len = 9;
        assert_int_equal(open_card(&store), 0);
        assert_value(store, 1, "one");
        assert_int_equal(store_size(store, 2, &len), 0);
        assert_int_equal(len, 0);
        assert_int_equal(store_size(store, 51712, &len), 0);
        assert_int_equal(len, 65535);
        assert_value(store, 65534, "last");
        store_close(store);
    }
    run_sql("SELECT crc FROM record; DELETE FROM record WHERE id = 2;");
    // A card that breaks the rules of the new version is refused, and stays as it was.
    (void)unlink(path);
    make_version_1();
    run_sql("INSERT INTO record VALUES (70000, x'00')");
    struct store *none = NULL;
    assert_int_not_equal(open_card(&none), 0);
    assert_null(none);
    run_sql("DELETE FROM record WHERE id = 70000");
    assert_int_equal(open_card(&store), 0);
    assert_value(store, 1, "one");
    store_close(store);
}

// Copies taken between the transactions of a store at work, each compared with what the store held then.
static void test_backup(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store_model model;
    struct store_random random = {store_random_run_seed(12)};
    char copy[160];
    struct stat status;
    store_model_init(&model, 60);
    assert_int_equal(open_card(&store), 0);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(store_model_step(&model, store, &profile, &random), STORE_MODEL_OK);
        if (i % 6 == 5) {
            struct store *copied = NULL;
            (void)snprintf(copy, sizeof copy, "%s/copy-%d.db", directory, i);
            assert_int_equal(store_sqlite_backup(store, copy, message, sizeof message), 0);
            assert_int_equal(stat(copy, &status), 0);
            assert_int_equal(status.st_mode & 07777, 0600);
            assert_int_equal(store_sqlite_open(copy, NULL, &copied, message, sizeof message), 0);
            assert_true(store_model_equals(&model, copied, false, true));
            put(copied, 9, "own life", 8);
            store_close(copied);
            assert_int_equal(store_sqlite_backup(store, copy, message, sizeof message), STORE_ERR_INVALID);
            assert_non_null(strstr(message, "exists"));
        }
    }
    assert_int_equal(store_sqlite_backup(store, "/nonexistent/copy.db", message, sizeof message),
                     STORE_ERR_ACCESS);
    assert_int_equal(store_sqlite_backup(store, path, message, sizeof message), STORE_ERR_INVALID);
    assert_int_equal(store_begin(store), 0);
    (void)snprintf(copy, sizeof copy, "%s/copy.db", directory);
    assert_int_equal(store_sqlite_backup(store, copy, message, sizeof message), STORE_ERR_INVALID);
    assert_int_equal(store_abort(store), 0);
    assert_int_equal(access(copy, F_OK), -1);
    assert_true(store_model_equals(&model, store, false, true));
    store_close(store);
    store_model_free(&model);
}

static bool contains(const char *name, const uint8_t *bytes, size_t len) {
    if (access(name, F_OK) != 0) {
        return false;
    }
    size_t size = 0;
    bool found = false;
    uint8_t *data = read_file(name, &size);
    for (size_t i = 0; i + len <= size && !found; i++) {
        found = memcmp(data + i, bytes, len) == 0;
    }
    free(data);
    return found;
}

static void test_deleted_values_are_gone(void **state) {
    (void)state;
    struct store *store = NULL;
    uint8_t value[3000];
    char side[128];
    struct store_random random = {2};
    (void)snprintf(side, sizeof side, "%s-wal", path);
    assert_int_equal(open_card(&store), 0);
    for (uint16_t id = 1; id < 20; id++) {
        store_random_fill(&random, value, sizeof value);
        put(store, id, value, sizeof value);
        put(store, (uint16_t)(id + 100), "other", 5);
        assert_true(contains(path, value, 200) || contains(side, value, 200));
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store_del(store, id), 0);
        assert_int_equal(store_commit(store), 0);
        // At once, while the card is open: out of the file and out of its log.
        for (size_t i = 0; i < sizeof value; i += 100) {
            assert_false(contains(path, value + i, 32));
            assert_false(contains(side, value + i, 32));
        }
    }
    // A replaced value is gone when the card is closed.
    store_random_fill(&random, value, sizeof value);
    put(store, 1, value, sizeof value);
    put(store, 1, "short", 5);
    store_close(store);
    for (size_t i = 0; i < sizeof value; i += 100) {
        assert_false(contains(path, value + i, 32));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_swapped_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_permissions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_race_to_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_migration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backup, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_values_are_gone, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("store: SQLite files", tests, NULL, NULL);
}
