// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Cards written by earlier builds, which every later build must read: tests/fixtures/storage. A fixture is
// never written anew; a new version of a format gets new ones beside the old.
//
// TWINHSM_WRITE_FIXTURES=1 writes those that are missing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/flash.h"
#include "storage/sqlite.h"
#include "tests/support/flash_sim.h"
#include "tests/support/store_backends.h"
#include "tests/support/store_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define FIXTURES "tests/fixtures/storage/"

enum { BLOCKS = 16, LINE = 32 };

// What every fixture holds: the value of a record follows from its id and length.
static const struct {
    uint16_t id;
    uint16_t len;
} records[] = {{0x0001, 100}, {0x2F02, 1200}, {0xC400, 60},  {0xC401, 0},    {0xCC00, 250},
               {0xCC01, 480}, {0xCC02, 481},  {0xCE01, 700}, {0xCE02, 2000}, {0xFFFE, 1}};
enum { RECORDS = sizeof records / sizeof records[0] };

static uint8_t buffer[STORE_VALUE_MAX];
static uint8_t expected[STORE_VALUE_MAX];

static void value_of(size_t i) {
    struct store_random random = {records[i].id};
    store_random_fill(&random, expected, records[i].len);
}

static void assert_content(struct store *store) {
    uint16_t id = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        size_t len = 0;
        assert_int_equal(store_next(store, id, &id), 0);
        assert_int_equal(id, records[i].id);
        value_of(i);
        assert_int_equal(store_get(store, id, 0, buffer, sizeof buffer, &len), 0);
        assert_int_equal(len, records[i].len);
        assert_memory_equal(buffer, expected, len);
    }
    assert_int_equal(store_next(store, id, &id), STORE_ERR_NOT_FOUND);
    // And it can be written.
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_put(store, 0x0002, "new", 3), 0);
    assert_int_equal(store_del(store, 0xCE02), 0);
    assert_int_equal(store_commit(store), 0);
}

static void put_record(struct store *store, size_t i) {
    value_of(i);
    assert_int_equal(store_put(store, records[i].id, expected, records[i].len), 0);
}

static void write_content(struct store *store) {
    // With a past: values replaced, deleted, patched and given up.
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store_put(store, records[i].id, "to be replaced", 14), 0);
        assert_int_equal(store_put(store, 0xCA00, "to be deleted", 13), 0);
        assert_int_equal(store_commit(store), 0);
        assert_int_equal(store_begin(store), 0);
        put_record(store, i);
        assert_int_equal(store_commit(store), 0);
    }
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_del(store, 0xCA00), 0);
    value_of(8);
    assert_int_equal(store_put(store, records[8].id, expected, 1000), 0);
    assert_int_equal(store_patch(store, records[8].id, 1000, expected + 1000, 1000), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_put(store, 0xCB00, "given up", 8), 0);
    assert_int_equal(store_abort(store), 0);
}

/* Flash images: lines of an address and 32 bytes, all in hexadecimal; what is not named is erased. */

static void load_image(struct flash_sim *sim, const char *name) {
    char line[200];
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        char *at = NULL;
        unsigned long address = strtoul(line, &at, 16);
        assert_true(address <= BLOCKS * NOR_BLOCK_SIZE - LINE && *at == ' ');
        for (size_t i = 0; i < LINE; i++) {
            char digits[3] = {at[1 + 2 * i], at[2 + 2 * i], 0};
            flash_sim_bytes(sim)[address + i] = (uint8_t)strtoul(digits, NULL, 16);
        }
    }
    (void)fclose(file);
}

static void save_image(struct flash_sim *sim, const char *name, const char *what) {
    uint8_t blank[LINE];
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    memset(blank, 0xFF, sizeof blank);
    (void)fprintf(file, "# %s\n", what);
    for (uint32_t address = 0; address < BLOCKS * NOR_BLOCK_SIZE; address += LINE) {
        const uint8_t *bytes = flash_sim_bytes(sim) + address;
        if (memcmp(bytes, blank, sizeof blank) != 0) {
            (void)fprintf(file, "%05X ", address);
            for (size_t i = 0; i < LINE; i++) {
                (void)fprintf(file, "%02X", bytes[i]);
            }
            (void)fprintf(file, "\n");
        }
    }
    assert_int_equal(fclose(file), 0);
}

static void check_flash(const char *name) {
    static struct flash_store fs;
    struct flash_sim *sim = flash_sim_new(BLOCKS, 1);
    bool blank = true;
    load_image(sim, name);
    assert_int_equal(flash_store_is_blank(flash_sim_device(sim), &blank), 0);
    assert_false(blank);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    assert_content(&fs.base);
    flash_sim_free(sim);
}

static void test_flash_v1(void **state) {
    (void)state;
    check_flash(FIXTURES "flash-v1.hex");
}

// The same, with power cut in the clean-up of the last transaction.
static void test_flash_v1_cut(void **state) {
    (void)state;
    check_flash(FIXTURES "flash-v1-cut.hex");
}

/* Card files */

static void check_sqlite(const char *name) {
    char directory[64];
    char path[96];
    char message[STORE_SQLITE_MESSAGE_MAX];
    static uint8_t bytes[1u << 20];
    store_temporary_directory(directory, sizeof directory);
    (void)snprintf(path, sizeof path, "%s/card.db", directory);
    FILE *from = fopen(name, "rb");
    FILE *to = fopen(path, "wb");
    assert_non_null(from);
    assert_non_null(to);
    size_t size = fread(bytes, 1, sizeof bytes, from);
    assert_true(size > 0 && size < sizeof bytes);
    assert_int_equal(fwrite(bytes, 1, size, to), size);
    (void)fclose(from);
    assert_int_equal(fclose(to), 0);
    struct store *store = NULL;
    int result = store_sqlite_open(path, NULL, &store, message, sizeof message);
    if (result != 0) {
        print_error("%s\n", message);
    }
    assert_int_equal(result, 0);
    assert_content(store);
    store_close(store);
    store_remove_directory(directory);
}

static void test_sqlite_v1(void **state) {
    (void)state;
    check_sqlite(FIXTURES "sqlite-v1.db");
}

static void test_sqlite_v2(void **state) {
    (void)state;
    check_sqlite(FIXTURES "sqlite-v2.db");
}

/* Writing what is missing */

static bool missing(const char *name) { return access(name, F_OK) != 0; }

static void write_flash(void) {
    static struct flash_store fs;
    struct flash_sim *sim = flash_sim_new(BLOCKS, 1);
    assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 0x12345678), 0);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    write_content(&fs.base);
    if (missing(FIXTURES "flash-v1.hex")) {
        save_image(sim, FIXTURES "flash-v1.hex", "Flash format version 1, 16 blocks.");
    }
    // The last transaction gives three records other values and back again, and is cut behind its COMMIT
    // record.
    assert_int_equal(store_begin(&fs.base), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_put(&fs.base, records[i].id, "other", 5), 0);
    }
    assert_int_equal(store_put(&fs.base, 0xCD00, "also other", 10), 0);
    assert_int_equal(store_commit(&fs.base), 0);
    assert_int_equal(store_begin(&fs.base), 0);
    for (size_t i = 0; i < 3; i++) {
        put_record(&fs.base, i);
    }
    assert_int_equal(store_del(&fs.base, 0xCD00), 0);
    flash_sim_cut_at(sim, 4, FLASH_SIM_TORN_RANDOM);
    assert_int_equal(store_commit(&fs.base), 0);
    assert_true(flash_sim_is_off(sim));
    if (missing(FIXTURES "flash-v1-cut.hex")) {
        save_image(sim, FIXTURES "flash-v1-cut.hex",
                   "Flash format version 1, 16 blocks, power cut in a clean-up.");
    }
    flash_sim_free(sim);
}

static void write_sqlite_v1(void) {
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    assert_int_equal(sqlite3_open(FIXTURES "sqlite-v1.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA page_size = 4096; PRAGMA application_id = 0x54774853;"
                                  "PRAGMA user_version = 1; PRAGMA journal_mode = WAL;"
                                  "CREATE TABLE record (id INTEGER PRIMARY KEY, value BLOB NOT NULL);",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO record VALUES (?1, ?2)", -1, &insert, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < RECORDS; i++) {
        value_of(i);
        (void)sqlite3_bind_int(insert, 1, records[i].id);
        (void)sqlite3_bind_blob(insert, 2, expected, records[i].len, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
        (void)sqlite3_reset(insert);
    }
    (void)sqlite3_finalize(insert);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int write_fixtures(void **state) {
    (void)state;
    if (getenv("TWINHSM_WRITE_FIXTURES") == NULL) {
        return 0;
    }
    write_flash();
    if (missing(FIXTURES "sqlite-v1.db")) {
        write_sqlite_v1();
    }
    if (missing(FIXTURES "sqlite-v2.db")) {
        struct store *store = NULL;
        assert_int_equal(store_sqlite_open(FIXTURES "sqlite-v2.db", NULL, &store, NULL, 0), 0);
        write_content(store);
        store_close(store);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flash_v1),
        cmocka_unit_test(test_flash_v1_cut),
        cmocka_unit_test(test_sqlite_v1),
        cmocka_unit_test(test_sqlite_v2),
    };
    return cmocka_run_group_tests_name("store: fixtures", tests, write_fixtures, NULL);
}
