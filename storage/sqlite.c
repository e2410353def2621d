// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The operations of store.h on an open card file.

#include "storage/sqlite_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const statement_texts[SQLITE_STATEMENTS] = {
    [SQLITE_STATEMENT_BEGIN] = "BEGIN",
    [SQLITE_STATEMENT_COMMIT] = "COMMIT",
    [SQLITE_STATEMENT_ROLLBACK] = "ROLLBACK",
    [SQLITE_STATEMENT_PUT] = ("INSERT INTO record (id, value, crc) VALUES (?1, ?2, ?3) "
                              "ON CONFLICT (id) DO UPDATE SET value = excluded.value, crc = excluded.crc"),
    [SQLITE_STATEMENT_DEL] = "DELETE FROM record WHERE id = ?1",
    [SQLITE_STATEMENT_DEL_RANGE] = "DELETE FROM record WHERE id BETWEEN ?1 AND ?2",
    [SQLITE_STATEMENT_GET] = "SELECT value, crc FROM record WHERE id = ?1",
    [SQLITE_STATEMENT_SIZE] = "SELECT length(value) FROM record WHERE id = ?1",
    [SQLITE_STATEMENT_NEXT] = "SELECT id FROM record WHERE id > ?1 ORDER BY id LIMIT 1",
    [SQLITE_STATEMENT_COUNT] = ("SELECT count(*), (SELECT page_count FROM pragma_page_count), "
                                "(SELECT freelist_count FROM pragma_freelist_count), "
                                "(SELECT page_size FROM pragma_page_size) FROM record"),
};

int sqlite_prepare(struct sqlite_store *store) {
    for (int i = 0; i < SQLITE_STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    return SQLITE_OK;
}

// Notes what failed for store_sqlite_message. At run time a lock or a permission problem is the medium's
// failure.
static int fail(struct sqlite_store *store, int code) {
    (void)snprintf(store->message, sizeof store->message, "%s (%d)", sqlite3_errmsg(store->db),
                   sqlite3_extended_errcode(store->db));
    int result = sqlite_error(code);
    switch (result) {
    case STORE_ERR_FULL:
    case STORE_ERR_CORRUPT:
        return result;
    default:
        return STORE_ERR_IO;
    }
}

// SQLite answers some errors, reading included, by rolling the whole transaction back and leaving it. What
// came after would then be committed one by one. The transaction can only be aborted.
static bool lost(const struct sqlite_store *store) {
    return store->base.in_transaction && sqlite3_get_autocommit(store->db);
}

// A statement must be reset before it is bound again, and to end its read of the database.
static int run(struct sqlite_store *store, enum sqlite_statement statement) {
    int code = sqlite3_step(store->statements[statement]);
    int result = code == SQLITE_DONE ? 0 : fail(store, code);
    (void)sqlite3_reset(store->statements[statement]);
    return result;
}

// Before anything that may change a value, undo a change, or end in an unknown state.
static void forget_checked(struct sqlite_store *store) { store->checked = 0; }

static void bind_id(struct sqlite_store *store, enum sqlite_statement statement, int place, uint16_t id) {
    (void)sqlite3_bind_int(store->statements[statement], place, id);
}

// Some errors make SQLite roll back by itself.
static void roll_back(struct sqlite_store *store) {
    if (!sqlite3_get_autocommit(store->db)) {
        (void)sqlite3_step(store->statements[SQLITE_STATEMENT_ROLLBACK]);
        (void)sqlite3_reset(store->statements[SQLITE_STATEMENT_ROLLBACK]);
    }
}

// When the sync of a commit fails, the commit is undone in memory, but its frames lie in the log, and the
// next opener would find them valid. Emptying the log removes them.
static int make_sure(struct sqlite_store *store) {
    if (!store->unsure) {
        return 0;
    }
    roll_back(store);
    int code = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK) {
        return fail(store, code);
    }
    store->unsure = false;
    return 0;
}

static int sqlite_store_begin(struct store *base) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    forget_checked(store);
    store->deleted = false;
    int result = make_sure(store);
    if (result == 0) {
        result = run(store, SQLITE_STATEMENT_BEGIN);
    }
    return result;
}

static int sqlite_store_commit(struct store *base) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    forget_checked(store);
    // Here in_transaction is over already.
    if (sqlite3_get_autocommit(store->db)) {
        return STORE_ERR_IO;
    }
    int result = run(store, SQLITE_STATEMENT_COMMIT);
    if (result != 0) {
        char message[sizeof store->message];
        memcpy(message, store->message, sizeof message);
        store->unsure = true;
        (void)make_sure(store);
        memcpy(store->message, message, sizeof message);
        return result;
    }
    if (store->deleted) {
        // What was deleted shall be gone: out of the file (secure_delete) and out of the log. The commit
        // stands whether or not this succeeds; the next checkpoint makes up for it.
        (void)sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    return 0;
}

static int sqlite_store_abort(struct store *base) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    forget_checked(store);
    roll_back(store);
    return 0;
}

static int write_value(struct sqlite_store *store, uint16_t id, const void *data, size_t len) {
    sqlite3_stmt *put = store->statements[SQLITE_STATEMENT_PUT];
    forget_checked(store);
    if (lost(store)) {
        return STORE_ERR_IO;
    }
    bind_id(store, SQLITE_STATEMENT_PUT, 1, id);
    // A null pointer would bind SQL NULL.
    (void)sqlite3_bind_blob(put, 2, len == 0 ? "" : data, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(put, 3, (sqlite3_int64)sqlite_record_crc(id, data, len));
    int result = run(store, SQLITE_STATEMENT_PUT);
    (void)sqlite3_clear_bindings(put);
    return result;
}

static int sqlite_store_put(struct store *base, uint16_t id, const void *data, size_t len) {
    return write_value((struct sqlite_store *)base, id, data, len);
}

// Steps the GET statement to record `id` and checks its CRC. The caller resets the statement.
static int read_value(struct sqlite_store *store, uint16_t id, const uint8_t **value, size_t *len) {
    sqlite3_stmt *get = store->statements[SQLITE_STATEMENT_GET];
    if (lost(store)) {
        return STORE_ERR_IO;
    }
    bind_id(store, SQLITE_STATEMENT_GET, 1, id);
    int code = sqlite3_step(get);
    if (code == SQLITE_DONE) {
        return STORE_ERR_NOT_FOUND;
    }
    if (code != SQLITE_ROW) {
        return fail(store, code);
    }
    *value = sqlite3_column_blob(get, 0);
    *len = (size_t)sqlite3_column_bytes(get, 0);
    if (*value == NULL && sqlite3_errcode(store->db) == SQLITE_NOMEM) {
        return fail(store, SQLITE_NOMEM);
    }
    // Clients read long records in many pieces; once is enough to check the whole.
    if (store->checked != id &&
        sqlite3_column_int64(get, 1) != (sqlite3_int64)sqlite_record_crc(id, *value, *len)) {
        (void)snprintf(store->message, sizeof store->message, "record %04X is damaged (CRC)", id);
        return STORE_ERR_CORRUPT;
    }
    store->checked = id;
    return 0;
}

static int sqlite_store_patch(struct store *base, uint16_t id, size_t offset, const void *data, size_t len) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    const uint8_t *old = NULL;
    size_t old_len = 0;
    uint8_t *value = NULL;
    size_t size = 0;
    int result = read_value(store, id, &old, &old_len);
    if (result == 0 && offset > old_len) {
        result = STORE_ERR_INVALID;
    }
    if (result == 0) {
        size = offset + len > old_len ? offset + len : old_len;
        value = malloc(size == 0 ? 1 : size);
        if (value == NULL) {
            result = STORE_ERR_IO;
        } else {
            if (old_len != 0) {
                memcpy(value, old, old_len);
            }
            if (len != 0) {
                memcpy(value + offset, data, len);
            }
        }
    }
    (void)sqlite3_reset(store->statements[SQLITE_STATEMENT_GET]);
    if (result == 0) {
        result = write_value(store, id, value, size);
    }
    free(value);
    return result;
}

static int sqlite_store_del(struct store *base, uint16_t id) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    forget_checked(store);
    if (lost(store)) {
        return STORE_ERR_IO;
    }
    bind_id(store, SQLITE_STATEMENT_DEL, 1, id);
    int result = run(store, SQLITE_STATEMENT_DEL);
    if (result == 0 && sqlite3_changes(store->db) == 0) {
        return STORE_ERR_NOT_FOUND;
    }
    store->deleted = true;
    return result;
}

static int sqlite_store_del_range(struct store *base, uint16_t first, uint16_t last) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    forget_checked(store);
    if (lost(store)) {
        return STORE_ERR_IO;
    }
    bind_id(store, SQLITE_STATEMENT_DEL_RANGE, 1, first);
    bind_id(store, SQLITE_STATEMENT_DEL_RANGE, 2, last);
    int result = run(store, SQLITE_STATEMENT_DEL_RANGE);
    if (result == 0 && sqlite3_changes(store->db) != 0) {
        store->deleted = true;
    }
    return result;
}

static int sqlite_store_get(struct store *base, uint16_t id, size_t offset, void *buf, size_t cap,
                            size_t *len) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    const uint8_t *value = NULL;
    size_t size = 0;
    int result = read_value(store, id, &value, &size);
    if (result == 0 && offset < size) {
        *len = size - offset < cap ? size - offset : cap;
        if (*len != 0) {
            memcpy(buf, value + offset, *len);
        }
    }
    (void)sqlite3_reset(store->statements[SQLITE_STATEMENT_GET]);
    return result;
}

// For a query of one row with one number in it.
static int query_number(struct sqlite_store *store, enum sqlite_statement statement, uint16_t id,
                        int *number) {
    if (lost(store)) {
        return STORE_ERR_IO;
    }
    bind_id(store, statement, 1, id);
    int code = sqlite3_step(store->statements[statement]);
    int result = 0;
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int(store->statements[statement], 0);
    } else {
        result = code == SQLITE_DONE ? STORE_ERR_NOT_FOUND : fail(store, code);
    }
    (void)sqlite3_reset(store->statements[statement]);
    return result;
}

static int sqlite_store_size(struct store *base, uint16_t id, size_t *len) {
    int number = 0;
    int result = query_number((struct sqlite_store *)base, SQLITE_STATEMENT_SIZE, id, &number);
    *len = (size_t)number;
    return result;
}

static int sqlite_store_next(struct store *base, uint16_t after, uint16_t *id) {
    int number = 0;
    int result = query_number((struct sqlite_store *)base, SQLITE_STATEMENT_NEXT, after, &number);
    *id = (uint16_t)number;
    return result;
}

static int sqlite_store_usage(struct store *base, struct store_usage *usage) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    sqlite3_stmt *count = store->statements[SQLITE_STATEMENT_COUNT];
    int code = sqlite3_step(count);
    int result = 0;
    if (code == SQLITE_ROW) {
        sqlite3_int64 used = (sqlite3_column_int64(count, 1) - sqlite3_column_int64(count, 2)) *
                             sqlite3_column_int64(count, 3);
        uint32_t shown = used > (sqlite3_int64)UINT32_MAX ? UINT32_MAX : (uint32_t)used;
        *usage = (struct store_usage){.capacity = UINT32_MAX,
                                      .used = shown,
                                      .free = UINT32_MAX - shown,
                                      .records = (uint32_t)sqlite3_column_int64(count, 0)};
    } else {
        result = fail(store, code);
    }
    (void)sqlite3_reset(count);
    return result;
}

static void sqlite_store_close(struct store *base) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    for (int i = 0; i < SQLITE_STATEMENTS; i++) {
        (void)sqlite3_finalize(store->statements[i]);
    }
    (void)sqlite3_close(store->db);
    free(store);
}

const struct store_ops sqlite_store_ops = {
    .begin = sqlite_store_begin,
    .commit = sqlite_store_commit,
    .abort = sqlite_store_abort,
    .put = sqlite_store_put,
    .patch = sqlite_store_patch,
    .del = sqlite_store_del,
    .del_range = sqlite_store_del_range,
    .get = sqlite_store_get,
    .size = sqlite_store_size,
    .next = sqlite_store_next,
    .usage = sqlite_store_usage,
    .close = sqlite_store_close,
};

const char *store_sqlite_message(const struct store *store) {
    return ((const struct sqlite_store *)store)->message;
}
