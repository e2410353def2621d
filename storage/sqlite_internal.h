// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_SQLITE_INTERNAL_H
#define STORAGE_SQLITE_INTERNAL_H

/* What the files of the SQLite backend share. Nobody else includes this. */

#include "storage/sqlite.h"

#include <sqlite3.h>

enum sqlite_statement {
    SQLITE_STATEMENT_BEGIN,
    SQLITE_STATEMENT_COMMIT,
    SQLITE_STATEMENT_ROLLBACK,
    SQLITE_STATEMENT_PUT,
    SQLITE_STATEMENT_DEL,
    SQLITE_STATEMENT_DEL_RANGE,
    SQLITE_STATEMENT_GET,
    SQLITE_STATEMENT_SIZE,
    SQLITE_STATEMENT_NEXT,
    SQLITE_STATEMENT_COUNT,
    SQLITE_STATEMENTS
};

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *statements[SQLITE_STATEMENTS];
    const char *vfs;
    uint16_t checked; /* the record whose CRC was right when last read, 0 if it may have changed since */
    bool deleted;     /* the open transaction has removed records */
    bool unsure; /* a commit failed; its frames may lie in the WAL and must be cut off before the next one */
    char message[STORE_SQLITE_MESSAGE_MAX];
};

extern const struct store_ops sqlite_store_ops;

/* sqlite_error: the store's error code for an SQLite result code (extended or primary). */
int sqlite_error(int code);

/* sqlite_prepare: makes the statements of `store`. Returns an SQLite result code. */
int sqlite_prepare(struct sqlite_store *store);

/*
 * sqlite_record_crc: the CRC column of a record: CRC-32 over the id (2 bytes, big endian) and the value, so
 * that a value under another record's id does not pass.
 */
uint32_t sqlite_record_crc(uint16_t id, const void *value, size_t len);

/*
 * sqlite_new_file: makes an empty file beside `path` (mode 0600, a name of its own) for a database that is
 * published under `path` when it is whole. `temporary` receives its name. Returns 0 or an errno value.
 */
int sqlite_new_file(const char *path, char *temporary, size_t temporary_size);

/*
 * sqlite_publish: gives the finished file `temporary` the name `path`, which must not exist, and makes that
 * durable. The file has its new name or none when this returns. Returns 0 or an errno value.
 */
int sqlite_publish(const char *temporary, const char *path);

/*
 * sqlite_schema_create: writes the newest schema into the empty database `db`.
 * sqlite_schema_migrate: brings `db` to the newest schema, step by step, each step one transaction.
 * Both return an SQLite result code.
 */
int sqlite_schema_create(sqlite3 *db);
int sqlite_schema_migrate(sqlite3 *db, int version);

/* "TwHS" in the header field application_id: tells a TwinHSM card from any other SQLite database. */
#define SQLITE_APPLICATION_ID 0x54774853

/* The schema version this build writes, in the header field user_version; and the oldest that it can migrate.
 */
#define SQLITE_SCHEMA_VERSION 2
#define SQLITE_SCHEMA_OLDEST 1

#endif
