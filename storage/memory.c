// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "storage/memory.h"

#include <stdlib.h>
#include <string.h>

struct record {
    uint8_t *data; // NULL for an absent record (only in the undo list)
    uint16_t id;
    uint16_t len;
};

// Records in ascending order of id.
struct table {
    struct record *records;
    size_t count;
    size_t cap;
};

struct memory_store {
    struct store base;
    struct table live;
    struct table undo; // what each id that the open transaction has touched held before it
};

struct store_memory_snapshot {
    struct table table;
};

// A plain memset before free is removed by optimisers; stores through a volatile pointer are not.
static void wipe(void *data, size_t len) {
    volatile uint8_t *p = data;
    while (len-- > 0) {
        *p++ = 0;
    }
}

static void record_free(struct record *record) {
    if (record->data != NULL) {
        wipe(record->data, record->len);
        free(record->data);
        record->data = NULL;
    }
}

static void table_clear(struct table *table) {
    for (size_t i = 0; i < table->count; i++) {
        record_free(&table->records[i]);
    }
    free(table->records);
    *table = (struct table){0};
}

// Gives the place of `id`, or where it would have to be inserted.
static size_t table_find(const struct table *table, uint16_t id) {
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (table->records[mid].id < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool table_has(const struct table *table, size_t place, uint16_t id) {
    return place < table->count && table->records[place].id == id;
}

static int table_reserve(struct table *table) {
    if (table->count < table->cap) {
        return 0;
    }
    size_t cap = table->cap == 0 ? 16 : table->cap * 2;
    struct record *records = realloc(table->records, cap * sizeof *records);
    if (records == NULL) {
        return STORE_ERR_FULL;
    }
    table->records = records;
    table->cap = cap;
    return 0;
}

// The caller has reserved the room.
static void table_insert(struct table *table, size_t place, struct record record) {
    memmove(&table->records[place + 1], &table->records[place], (table->count - place) * sizeof record);
    table->records[place] = record;
    table->count++;
}

static void table_remove(struct table *table, size_t place) {
    table->count--;
    memmove(&table->records[place], &table->records[place + 1],
            (table->count - place) * sizeof table->records[0]);
}

static int table_copy(struct table *to, const struct table *from) {
    *to = (struct table){0};
    if (from->count == 0) {
        return 0;
    }
    to->records = calloc(from->count, sizeof *to->records);
    if (to->records == NULL) {
        return STORE_ERR_FULL;
    }
    to->cap = from->count;
    for (size_t i = 0; i < from->count; i++) {
        struct record record = from->records[i];
        record.data = malloc(record.len == 0 ? 1 : record.len);
        if (record.data == NULL) {
            table_clear(to);
            return STORE_ERR_FULL;
        }
        memcpy(record.data, from->records[i].data, record.len);
        to->records[to->count++] = record;
    }
    return 0;
}

// Replaces the record `id` by `data` (owned by the store afterwards; NULL removes it). On an error nothing is
// changed and `data` still belongs to the caller.
static int replace(struct memory_store *memory, uint16_t id, uint8_t *data, uint16_t len) {
    size_t saved = table_find(&memory->undo, id);
    bool first_touch = !table_has(&memory->undo, saved, id);
    if (table_reserve(&memory->live) != 0 || (first_touch && table_reserve(&memory->undo) != 0)) {
        return STORE_ERR_FULL;
    }
    size_t place = table_find(&memory->live, id);
    bool exists = table_has(&memory->live, place, id);
    struct record old = {.data = NULL, .id = id, .len = 0};
    if (exists) {
        old = memory->live.records[place];
    }
    if (first_touch) {
        table_insert(&memory->undo, saved, old);
    } else {
        record_free(&old);
    }
    if (data == NULL) {
        if (exists) {
            table_remove(&memory->live, place);
        }
        return 0;
    }
    struct record new = {.data = data, .id = id, .len = len};
    if (exists) {
        memory->live.records[place] = new;
    } else {
        table_insert(&memory->live, place, new);
    }
    return 0;
}

static int memory_begin(struct store *store) {
    (void)store;
    return 0;
}

static int memory_commit(struct store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    table_clear(&memory->undo);
    return 0;
}

static int memory_abort(struct store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    struct table *live = &memory->live;
    // First everything that the transaction made goes, then what it removed returns: the table, which never
    // shrinks, then has the room for certain.
    for (size_t i = 0; i < memory->undo.count; i++) {
        size_t place = table_find(live, memory->undo.records[i].id);
        if (table_has(live, place, memory->undo.records[i].id)) {
            record_free(&live->records[place]);
            table_remove(live, place);
        }
    }
    for (size_t i = 0; i < memory->undo.count; i++) {
        struct record old = memory->undo.records[i];
        if (old.data != NULL) {
            table_insert(live, table_find(live, old.id), old);
        }
    }
    memory->undo.count = 0; // its values belong to the live table again
    table_clear(&memory->undo);
    return 0;
}

static int memory_put(struct store *store, uint16_t id, const void *data, size_t len) {
    struct memory_store *memory = (struct memory_store *)store;
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    if (copy == NULL) {
        return STORE_ERR_FULL;
    }
    if (len != 0) {
        memcpy(copy, data, len);
    }
    int result = replace(memory, id, copy, (uint16_t)len);
    if (result != 0) {
        wipe(copy, len);
        free(copy);
    }
    return result;
}

static int memory_patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t place = table_find(&memory->live, id);
    if (!table_has(&memory->live, place, id)) {
        return STORE_ERR_NOT_FOUND;
    }
    const struct record *old = &memory->live.records[place];
    if (offset > old->len) {
        return STORE_ERR_INVALID;
    }
    size_t size = offset + len > old->len ? offset + len : old->len;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        return STORE_ERR_FULL;
    }
    memcpy(copy, old->data, old->len);
    if (len != 0) {
        memcpy(copy + offset, data, len);
    }
    int result = replace(memory, id, copy, (uint16_t)size);
    if (result != 0) {
        wipe(copy, size);
        free(copy);
    }
    return result;
}

static int memory_del(struct store *store, uint16_t id) {
    struct memory_store *memory = (struct memory_store *)store;
    if (!table_has(&memory->live, table_find(&memory->live, id), id)) {
        return STORE_ERR_NOT_FOUND;
    }
    return replace(memory, id, NULL, 0);
}

static int memory_del_range(struct store *store, uint16_t first, uint16_t last) {
    struct memory_store *memory = (struct memory_store *)store;
    for (;;) {
        size_t place = table_find(&memory->live, first);
        if (place >= memory->live.count || memory->live.records[place].id > last) {
            return 0;
        }
        int result = replace(memory, memory->live.records[place].id, NULL, 0);
        if (result != 0) {
            return result;
        }
    }
}

static int memory_get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t place = table_find(&memory->live, id);
    if (!table_has(&memory->live, place, id)) {
        return STORE_ERR_NOT_FOUND;
    }
    const struct record *record = &memory->live.records[place];
    if (offset < record->len) {
        *len = record->len - offset < cap ? record->len - offset : cap;
    }
    if (*len != 0) {
        memcpy(buf, record->data + offset, *len);
    }
    return 0;
}

static int memory_size(struct store *store, uint16_t id, size_t *len) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t place = table_find(&memory->live, id);
    if (!table_has(&memory->live, place, id)) {
        return STORE_ERR_NOT_FOUND;
    }
    *len = memory->live.records[place].len;
    return 0;
}

static int memory_next(struct store *store, uint16_t after, uint16_t *id) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t place = table_find(&memory->live, (uint16_t)(after + 1u));
    if (place >= memory->live.count) {
        return STORE_ERR_NOT_FOUND;
    }
    *id = memory->live.records[place].id;
    return 0;
}

static int memory_usage(struct store *store, struct store_usage *usage) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t used = 0;
    for (size_t i = 0; i < memory->live.count; i++) {
        used += sizeof memory->live.records[i] + memory->live.records[i].len;
    }
    *usage = (struct store_usage){.capacity = UINT32_MAX,
                                  .used = (uint32_t)used,
                                  .free = UINT32_MAX - (uint32_t)used,
                                  .records = (uint32_t)memory->live.count};
    return 0;
}

static void memory_close(struct store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    table_clear(&memory->live);
    table_clear(&memory->undo);
    free(memory);
}

static const struct store_ops memory_ops = {
    .begin = memory_begin,
    .commit = memory_commit,
    .abort = memory_abort,
    .put = memory_put,
    .patch = memory_patch,
    .del = memory_del,
    .del_range = memory_del_range,
    .get = memory_get,
    .size = memory_size,
    .next = memory_next,
    .usage = memory_usage,
    .close = memory_close,
};

int store_memory_open(struct store **out) {
    struct memory_store *memory = calloc(1, sizeof *memory);
    *out = NULL;
    if (memory == NULL) {
        return STORE_ERR_FULL;
    }
    memory->base.ops = &memory_ops;
    *out = &memory->base;
    return 0;
}

int store_memory_snapshot(struct store *store, struct store_memory_snapshot **out) {
    struct memory_store *memory = (struct memory_store *)store;
    *out = NULL;
    if (store->in_transaction) {
        return STORE_ERR_INVALID;
    }
    struct store_memory_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        return STORE_ERR_FULL;
    }
    int result = table_copy(&snapshot->table, &memory->live);
    if (result != 0) {
        free(snapshot);
        return result;
    }
    *out = snapshot;
    return 0;
}

int store_memory_restore(struct store *store, const struct store_memory_snapshot *snapshot) {
    struct memory_store *memory = (struct memory_store *)store;
    if (store->in_transaction) {
        return STORE_ERR_INVALID;
    }
    struct table copy;
    int result = table_copy(&copy, &snapshot->table);
    if (result != 0) {
        return result;
    }
    table_clear(&memory->live);
    memory->live = copy;
    return 0;
}

void store_memory_snapshot_free(struct store_memory_snapshot *snapshot) {
    if (snapshot != NULL) {
        table_clear(&snapshot->table);
        free(snapshot);
    }
}
