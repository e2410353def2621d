// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Opening, creating and copying card files, and telling what is wrong with a file that is none.

#define _POSIX_C_SOURCE 200809L

#include "storage/sqlite_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Longest path; SQLite's own limit is smaller on some systems, and then it says so.
#define PATH_SIZE 4096u

// Two processes that open the same file at the same moment can each see the other's short lock of looking at
// the header. Trying again for this long tells that from a process that really holds the card.
#define LOCK_RETRIES 5
#define LOCK_RETRY_NANOSECONDS 20000000L

// Header fields of an SQLite database file (sqlite.org/fileformat2.html, 1.3), offsets in bytes, big endian.
#define HEADER_SIZE 100
#define HEADER_USER_VERSION 60
#define HEADER_APPLICATION_ID 68

struct opening {
    const char *path;
    struct store_sqlite_options options;
    char *message;
    size_t message_size;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct opening *opening, const char *format, ...) {
    if (opening->message == NULL || opening->message_size == 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(opening->message, opening->message_size, format, arguments);
    va_end(arguments);
}

int sqlite_error(int code) {
    switch (code & 0xFF) {
    case SQLITE_OK:
        return STORE_OK;
    case SQLITE_FULL:
        return STORE_ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STORE_ERR_LOCKED;
    case SQLITE_CORRUPT:
        return STORE_ERR_CORRUPT;
    case SQLITE_NOTADB:
        return STORE_ERR_FOREIGN;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return STORE_ERR_ACCESS;
    default:
        return STORE_ERR_IO;
    }
}

static int fail_sqlite(const struct opening *opening, sqlite3 *db, int code) {
    switch (sqlite_error(code)) {
    case STORE_ERR_FULL:
        say(opening, "%s: the disk is full; make room and start again", opening->path);
        break;
    case STORE_ERR_LOCKED:
        say(opening, "%s: another process is using this card; stop it, or use another file", opening->path);
        break;
    case STORE_ERR_CORRUPT:
        say(opening, "%s: the card file is damaged; restore it from a backup (it has been left as it was)",
            opening->path);
        break;
    case STORE_ERR_FOREIGN:
        say(opening, "%s: not a TwinHSM card file; it has been left as it was", opening->path);
        break;
    case STORE_ERR_ACCESS:
        say(opening, "%s: no permission to write the card file; check its owner and mode", opening->path);
        break;
    default:
        say(opening, "%s: cannot read or write the card file: %s", opening->path,
            db == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(db));
        break;
    }
    return sqlite_error(code);
}

static int fail_errno(const struct opening *opening, const char *verb, int error) {
    say(opening, "%s: cannot %s the card file: %s", opening->path, verb, strerror(error));
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return STORE_ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
        return STORE_ERR_ACCESS;
    case EEXIST:
        return STORE_ERR_INVALID;
    default:
        return STORE_ERR_IO;
    }
}

static bool side_file_has_content(const char *path, const char *suffix) {
    char side[PATH_SIZE + 16];
    struct stat status;
    (void)snprintf(side, sizeof side, "%s%s", path, suffix);
    return stat(side, &status) == 0 && status.st_size > 0;
}

static void remove_new_file(const char *temporary) {
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char side[PATH_SIZE + 16];
        (void)snprintf(side, sizeof side, "%s%s", temporary, suffixes[i]);
        (void)unlink(side);
    }
}

static int read_version(sqlite3 *db, int *version) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *version = sqlite3_column_int(statement, 0);
            code = SQLITE_OK;
        }
    }
    (void)sqlite3_finalize(statement);
    return code;
}

// secure_delete: freed space in the file is overwritten with zeros. cell_size_check and trusted_schema: a
// file that was edited with bad intent must not lead SQLite astray. The exclusive lock makes the
// shared-memory file needless.
static int set_up(sqlite3 *db, bool ephemeral) {
    int code = sqlite3_exec(db,
                            "PRAGMA locking_mode = EXCLUSIVE;"
                            "PRAGMA trusted_schema = OFF;"
                            "PRAGMA cell_size_check = ON;"
                            "PRAGMA temp_store = MEMORY;"
                            "PRAGMA secure_delete = ON;"
                            "PRAGMA cache_size = -1024;"
                            "PRAGMA wal_autocheckpoint = 250;"
                            "PRAGMA journal_size_limit = 0;",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, ephemeral ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL", NULL,
                            NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return code;
}

static int build(const struct opening *opening, const char *temporary) {
    sqlite3 *db = NULL;
    int code =
        sqlite3_open_v2(temporary, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, opening->options.vfs);
    if (code == SQLITE_OK) {
        // Nobody sees this file before it is whole, so that a journal on disk would protect nothing.
        code = sqlite3_exec(db,
                            "PRAGMA locking_mode = EXCLUSIVE;"
                            "PRAGMA journal_mode = MEMORY;",
                            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK && opening->options.ephemeral) {
        code = sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite_schema_create(db);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    int result = code == SQLITE_OK ? 0 : fail_sqlite(opening, db, code);
    code = sqlite3_close(db);
    if (result == 0 && code != SQLITE_OK) {
        result = fail_sqlite(opening, NULL, code);
    }
    return result;
}

static int create(const struct opening *opening) {
    // SQLite would play such a file into the new database.
    if (side_file_has_content(opening->path, "-wal") || side_file_has_content(opening->path, "-journal")) {
        say(opening,
            "%s: does not exist, but its -wal or -journal file does; put the card file back, or move them "
            "away",
            opening->path);
        return STORE_ERR_FOREIGN;
    }
    char temporary[PATH_SIZE];
    int error = sqlite_new_file(opening->path, temporary, sizeof temporary);
    if (error != 0) {
        return fail_errno(opening, "create", error);
    }
    int result = build(opening, temporary);
    if (result == 0) {
        error = sqlite_publish(temporary, opening->path);
        // Another process was faster: its card is as good as ours.
        if (error != 0 && error != EEXIST) {
            result = fail_errno(opening, "create", error);
        }
    }
    remove_new_file(temporary);
    return result;
}

static int check_access(const struct opening *opening) {
    struct stat status;
    if (stat(opening->path, &status) != 0) {
        return fail_errno(opening, "open", errno);
    }
    if (!S_ISREG(status.st_mode)) {
        say(opening, "%s: not a regular file, so not a TwinHSM card", opening->path);
        return STORE_ERR_FOREIGN;
    }
    if (access(opening->path, R_OK | W_OK) != 0) {
        return fail_errno(opening, "read and write", errno);
    }
    // SQLite keeps its write-ahead log beside the file.
    char directory[PATH_SIZE];
    const char *slash = strrchr(opening->path, '/');
    (void)snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - opening->path + 1),
                   slash == NULL ? "." : opening->path);
    if (access(directory, W_OK | X_OK) != 0) {
        return fail_errno(opening, "write in the directory of", errno);
    }
    return 0;
}

static uint32_t big_endian_32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int newer_version(const struct opening *opening, int version) {
    if (version < SQLITE_SCHEMA_OLDEST) {
        say(opening, "%s: not a TwinHSM card file (schema version %d); it has been left as it was",
            opening->path, version);
    } else {
        say(opening,
            "%s: written by a newer TwinHSM (schema version %d, this build reads up to %d); use that one",
            opening->path, version, SQLITE_SCHEMA_VERSION);
    }
    return STORE_ERR_FOREIGN;
}

// Looks at the header through SQLite's file handle, before SQLite itself does anything (with a foreign
// database it could find a journal to play back). A second handle of ours would, when closed, drop the locks
// of this process.
static int check_header(const struct opening *opening, sqlite3 *db) {
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || file == NULL || file->pMethods == NULL) {
        return fail_sqlite(opening, db, SQLITE_CANTOPEN);
    }
    code = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (code != SQLITE_OK) {
        return fail_sqlite(opening, NULL, code);
    }
    uint8_t header[HEADER_SIZE] = {0};
    sqlite3_int64 size = 0;
    code = file->pMethods->xFileSize(file, &size);
    if (code == SQLITE_OK && size >= HEADER_SIZE) {
        code = file->pMethods->xRead(file, header, HEADER_SIZE, 0);
    }
    (void)file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    if (code != SQLITE_OK) {
        return fail_sqlite(opening, NULL, code);
    }
    if (size == 0) {
        say(opening, "%s: an empty file, not a TwinHSM card; delete it to have a new card made",
            opening->path);
        return STORE_ERR_FOREIGN;
    }
    if (memcmp(header, "SQLite format 3", 16) != 0 ||
        big_endian_32(header + HEADER_APPLICATION_ID) != SQLITE_APPLICATION_ID) {
        return fail_sqlite(opening, NULL, SQLITE_NOTADB);
    }
    uint32_t version = big_endian_32(header + HEADER_USER_VERSION);
    if (version < SQLITE_SCHEMA_OLDEST || version > SQLITE_SCHEMA_VERSION) {
        return newer_version(opening, (int)version);
    }
    return 0;
}

static int quick_check(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            const char *verdict = (const char *)sqlite3_column_text(statement, 0);
            code = verdict != NULL && strcmp(verdict, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
        }
    }
    (void)sqlite3_finalize(statement);
    return code;
}

static int read_whole_file(sqlite3 *db) {
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    uint8_t piece[4096];
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK) {
        code = file->pMethods->xFileSize(file, &size);
    }
    for (sqlite3_int64 at = 0; code == SQLITE_OK && at + (sqlite3_int64)sizeof piece <= size;
         at += (sqlite3_int64)sizeof piece) {
        code = file->pMethods->xRead(file, piece, (int)sizeof piece, at);
    }
    return code;
}

// Pages, their linkage, the types and the constraints; a few milliseconds for a card of usual size. The check
// calls a page damaged that the disk would not give, so that its word counts only if the whole file can be
// read.
static int check_structure(const struct opening *opening, sqlite3 *db) {
    int code = quick_check(db);
    if (code == SQLITE_CORRUPT) {
        code = read_whole_file(db);
        if (code == SQLITE_OK) {
            code = quick_check(db);
        }
    }
    return code == SQLITE_OK ? 0 : fail_sqlite(opening, db, code);
}

static int open_database(const struct opening *opening, sqlite3 *db) {
    if (sqlite3_db_readonly(db, "main") == 1) {
        return fail_sqlite(opening, db, SQLITE_READONLY);
    }
    int result = check_header(opening, db);
    if (result != 0) {
        return result;
    }
    // Until the file has proved sound, closing it must not move anything from its log into it.
    bool has_log = side_file_has_content(opening->path, "-wal");
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log ? 1 : 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int code = set_up(db, opening->options.ephemeral);
    if (code != SQLITE_OK) {
        return fail_sqlite(opening, db, code);
    }
    result = check_structure(opening, db);
    if (result != 0) {
        return result;
    }
    // The log may hold a newer header than the file.
    int version = 0;
    code = read_version(db, &version);
    if (code != SQLITE_OK) {
        return fail_sqlite(opening, db, code);
    }
    if (version < SQLITE_SCHEMA_OLDEST || version > SQLITE_SCHEMA_VERSION) {
        return newer_version(opening, version);
    }
    code = sqlite_schema_migrate(db, version);
    if (code != SQLITE_OK) {
        return fail_sqlite(opening, db, code);
    }
    return 0;
}

static int open_once(const struct opening *opening, struct store **out) {
    int result = check_access(opening);
    if (result != 0) {
        return result;
    }
    struct sqlite_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return fail_errno(opening, "open", ENOMEM);
    }
    store->base.ops = &sqlite_store_ops;
    store->vfs = opening->options.vfs;
    int code = sqlite3_open_v2(opening->path, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               opening->options.vfs);
    result = code == SQLITE_OK ? open_database(opening, store->db) : fail_sqlite(opening, store->db, code);
    if (result == 0) {
        code = sqlite_prepare(store);
        result = code == SQLITE_OK ? 0 : fail_sqlite(opening, store->db, code);
    }
    if (result != 0) {
        store_close(&store->base);
        return result;
    }
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *out = &store->base;
    return 0;
}

int store_sqlite_open(const char *path, const struct store_sqlite_options *options, struct store **out,
                      char *message, size_t message_size) {
    struct opening opening = {.path = path, .message = message, .message_size = message_size};
    if (options != NULL) {
        opening.options = *options;
    }
    *out = NULL;
    say(&opening, "%s", "");
    if (strlen(path) >= PATH_SIZE - 32) {
        return fail_errno(&opening, "open", ENAMETOOLONG);
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        if (opening.options.must_exist) {
            say(&opening, "%s: there is no such card file", path);
            return STORE_ERR_NOT_FOUND;
        }
        int result = create(&opening);
        if (result != 0) {
            return result;
        }
    }
    int result = open_once(&opening, out);
    for (int i = 0; i < LOCK_RETRIES && result == STORE_ERR_LOCKED; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY_NANOSECONDS}, NULL);
        result = open_once(&opening, out);
    }
    return result;
}

static int copy_database(const struct opening *opening, sqlite3 *from, const char *temporary) {
    sqlite3 *to = NULL;
    int code =
        sqlite3_open_v2(temporary, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, opening->options.vfs);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(to, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL;", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
        if (backup == NULL) {
            code = sqlite3_errcode(to);
        } else {
            (void)sqlite3_backup_step(backup, -1);
            code = sqlite3_backup_finish(backup);
        }
    }
    int result = code == SQLITE_OK ? 0 : fail_sqlite(opening, to, code);
    code = sqlite3_close(to);
    if (result == 0 && code != SQLITE_OK) {
        result = fail_sqlite(opening, NULL, code);
    }
    return result;
}

int store_sqlite_backup(struct store *store, const char *path, char *message, size_t message_size) {
    struct sqlite_store *source = (struct sqlite_store *)store;
    struct opening opening = {
        .path = path, .options.vfs = source->vfs, .message = message, .message_size = message_size};
    say(&opening, "%s", "");
    if (store->in_transaction) {
        say(&opening, "%s: a backup cannot be taken in the middle of a transaction", path);
        return STORE_ERR_INVALID;
    }
    if (access(path, F_OK) == 0 || side_file_has_content(path, "-wal") ||
        side_file_has_content(path, "-journal")) {
        say(&opening, "%s: the file (or its -wal or -journal) exists already; choose a new name", path);
        return STORE_ERR_INVALID;
    }
    char temporary[PATH_SIZE];
    int error =
        strlen(path) >= PATH_SIZE - 32 ? ENAMETOOLONG : sqlite_new_file(path, temporary, sizeof temporary);
    if (error != 0) {
        return fail_errno(&opening, "create", error);
    }
    int result = copy_database(&opening, source->db, temporary);
    if (result == 0) {
        error = sqlite_publish(temporary, path);
        if (error != 0) {
            result = fail_errno(&opening, "create", error);
        }
    }
    remove_new_file(temporary);
    return result;
}
