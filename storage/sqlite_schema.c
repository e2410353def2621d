// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The schema of a card file and its history. Every column: docs/sqlite-format.md.

#include "storage/sqlite_internal.h"

#include "storage/crc32.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

#define TABLE_RECORD                                                                                         \
    "(id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 65534),"                                                \
    " value BLOB NOT NULL CHECK (length(value) <= 65535),"                                                   \
    " crc INTEGER NOT NULL) STRICT;"

uint32_t sqlite_record_crc(uint16_t id, const void *value, size_t len) {
    const uint8_t prefix[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    return crc32_update(crc32_update(0, prefix, sizeof prefix), value, len);
}

int sqlite_schema_create(sqlite3 *db) {
    return sqlite3_exec(
        db,
        "BEGIN;"
        "PRAGMA application_id = " STRING(
            SQLITE_APPLICATION_ID) ";"
                                   "PRAGMA user_version = " STRING(
                                       SQLITE_SCHEMA_VERSION) ";"
                                                              "CREATE TABLE record " TABLE_RECORD "COMMIT;",
        NULL, NULL, NULL);
}

static void sql_record_crc(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    const void *value = sqlite3_value_blob(values[1]);
    size_t len = (size_t)sqlite3_value_bytes(values[1]);
    uint16_t id = (uint16_t)sqlite3_value_int(values[0]);
    sqlite3_result_int64(context, (sqlite3_int64)sqlite_record_crc(id, value, len));
}

// Version 1 had no CRC: a bit that the disk had turned was handed to the client.
static int migrate_1_to_2(sqlite3 *db) {
    int code = sqlite3_create_function(db, "record_crc", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                       sql_record_crc, NULL, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    code = sqlite3_exec(db,
                        "BEGIN;"
                        "CREATE TABLE record_2 " TABLE_RECORD
                        "INSERT INTO record_2 SELECT id, value, record_crc(id, value) FROM record;"
                        "DROP TABLE record;"
                        "ALTER TABLE record_2 RENAME TO record;"
                        "PRAGMA user_version = 2;"
                        "COMMIT;",
                        NULL, NULL, NULL);
    (void)sqlite3_create_function(db, "record_crc", 2, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    return code;
}

int sqlite_schema_migrate(sqlite3 *db, int version) {
    // Entry n leads from version n + 1 to n + 2.
    static int (*const steps[])(sqlite3 *) = {migrate_1_to_2};
    _Static_assert(sizeof steps / sizeof steps[0] == SQLITE_SCHEMA_VERSION - SQLITE_SCHEMA_OLDEST,
                   "every schema version needs a step to the next");
    if (version < SQLITE_SCHEMA_OLDEST) {
        return SQLITE_MISMATCH;
    }
    for (int from = version; from < SQLITE_SCHEMA_VERSION; from++) {
        // cppcheck-suppress negativeIndex ; sqlite_open.c has refused versions older than the oldest
        int code = steps[from - SQLITE_SCHEMA_OLDEST](db);
        if (code != SQLITE_OK) {
            if (!sqlite3_get_autocommit(db)) {
                (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            }
            return code;
        }
    }
    return SQLITE_OK;
}
