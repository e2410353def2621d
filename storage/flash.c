// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The operations of store.h on the log.

#include "storage/flash.h"

#include "storage/crc32.h"
#include "storage/flash_internal.h"

#include <string.h>

uint32_t flash_capacity(const struct flash_store *fs) {
    uint32_t good = flash_blocks(fs) - flash_count_state(fs, FLASH_BLOCK_BAD);
    uint32_t sure = good > FLASH_SPARE_BLOCKS ? (good - FLASH_SPARE_BLOCKS) * FLASH_BLOCK_SURE : 0;
    return sure > FLASH_ALLOWANCE ? sure - FLASH_ALLOWANCE : 0;
}

// Each record keeps the room for the DELETE record that may once be needed, so that deleting succeeds on a
// full store.
static uint32_t used(const struct flash_store *fs) {
    return fs->live_bytes + fs->id_count * FLASH_RECORD_HEADER;
}

static uint32_t chunk_count(size_t len) {
    return len == 0 ? 1 : (uint32_t)((len + FLASH_CHUNK - 1) / FLASH_CHUNK);
}

static uint32_t data_total(size_t len) {
    return flash_total(&(struct flash_record){.kind = FLASH_KIND_DATA, .length = (uint16_t)len});
}

// Bytes that the chunks from `first` on of a value of `len` bytes fill.
static uint32_t chunks_total(size_t len, uint32_t first) {
    uint32_t last = chunk_count(len) - 1;
    return (last - first) * data_total(FLASH_CHUNK) + data_total(len - last * (size_t)FLASH_CHUNK);
}

struct change {
    uint32_t new_bytes;
    uint32_t new_chunks;
    uint32_t old_bytes; // of what is replaced or removed
    uint32_t old_chunks;
    uint32_t new_ids;
};

// Two limits. What the store holds after the transaction must not exceed the capacity (unless it does not
// grow: a block that went bad may have lowered the capacity). And what lies in flash until then, old values
// and new ones, must leave the collector room to work.
static int check_room(const struct flash_store *fs, const struct change *change) {
    uint32_t capacity = flash_capacity(fs);
    uint32_t tombstones = (fs->id_count + change->new_ids) * FLASH_RECORD_HEADER;
    uint32_t after = fs->live_bytes + change->new_bytes - change->old_bytes + tombstones;
    uint32_t chunks_after = fs->index_count + change->new_chunks - change->old_chunks;
    if (after > used(fs) && after > capacity) {
        return STORE_ERR_FULL;
    }
    if (chunks_after > fs->index_count && chunks_after > FLASH_INDEX_MAX - FLASH_INDEX_RESERVE) {
        return STORE_ERR_FULL;
    }
    if (fs->occupied_bytes + change->new_bytes + tombstones > capacity + FLASH_ALLOWANCE ||
        fs->occupied_records + change->new_chunks > FLASH_INDEX_MAX) {
        return STORE_ERR_FULL;
    }
    return 0;
}

// Takes the chunk at `place` of the index out of the new state. Committed, it stays until the transaction is;
// written by this transaction, nobody will ever want it.
static int supersede(struct flash_store *fs, uint16_t position) {
    struct flash_record old;
    int result = flash_read_record(fs, position, &old);
    if (result == STORE_ERR_CORRUPT) {
        // Its header has rotted since the mount. It cannot be wiped in place; the erase of its block will do
        // it.
        flash_block_fails(fs, flash_block_of(position));
        return 0;
    }
    if (result != 0) {
        return result;
    }
    fs->live_bytes -= flash_total(&old);
    if (old.committed) {
        flash_touch(fs, position);
        return 0;
    }
    flash_touch_move(fs, position, 0);
    fs->pending--;
    return flash_mark_dead(fs, position, &old);
}

// Writes the chunk whose payload is in fs->record; flash_make_room has been called before it was put there.
static int write_chunk(struct flash_store *fs, uint16_t id, uint8_t chunk, uint16_t len, bool last) {
    struct flash_record record = {.kind = FLASH_KIND_DATA,
                                  .id = id,
                                  .length = len,
                                  .serial = fs->serial++,
                                  .chunk = chunk,
                                  .last = last,
                                  .aux = crc32_update(0, fs->record + FLASH_RECORD_HEADER, len)};
    uint16_t position = 0;
    int result = flash_append(fs, &record, &position);
    if (result != 0) {
        return result;
    }
    uint16_t place = 0;
    bool found = false;
    result = flash_index_find(fs, id, chunk, &place, &found);
    if (result != 0) {
        return result;
    }
    uint16_t old = found ? flash_index_position(fs, place) : 0;
    if (found) {
        fs->index[place] = (uint32_t)id << 16 | position;
    } else {
        flash_index_insert(fs, place, id, position);
    }
    fs->live_bytes += flash_total(&record);
    fs->pending++;
    flash_touch(fs, position);
    return found ? supersede(fs, old) : 0;
}

// Takes the entries of `id` from its `keep`-th on out of the index.
static int drop_entries(struct flash_store *fs, uint16_t id, uint32_t keep) {
    for (;;) {
        uint16_t count = 0;
        uint16_t start = flash_index_run(fs, id, &count);
        if (count <= keep) {
            return 0;
        }
        uint16_t place = (uint16_t)(start + count - 1);
        uint16_t position = flash_index_position(fs, place);
        flash_index_remove(fs, place);
        int result = supersede(fs, position);
        if (result != 0) {
            return result;
        }
    }
}

// Before anything is written: a read error must not leave half a change, and a failed commit must not be
// forgotten.
static int old_total(struct flash_store *fs, uint16_t start, uint16_t count, uint32_t *total) {
    *total = 0;
    for (uint16_t i = 0; i < count; i++) {
        struct flash_record record;
        int result = flash_read_record(fs, flash_index_position(fs, (uint16_t)(start + i)), &record);
        if (result == 0) {
            *total += flash_total(&record);
        } else if (result != STORE_ERR_CORRUPT) {
            return result;
        }
    }
    return 0;
}

static int begin(struct store *store) {
    struct flash_store *fs = (struct flash_store *)store;
    if (fs->needs_recovery) {
        fs->first_serial = UINT32_MAX;
        if (flash_recover(fs, NULL) != 0) {
            return STORE_ERR_IO;
        }
    }
    fs->first_serial = fs->serial;
    fs->keep_shadowed = true;
    return 0;
}

// Undoes the open transaction by reading anew what is in flash: rare enough not to keep a second index.
static int undo(struct flash_store *fs, bool *committed) {
    fs->keep_shadowed = false;
    if (fs->pending == 0 && fs->touched_count == 0 && !fs->needs_recovery) {
        *committed = false;
        return 0;
    }
    *committed = false;
    return flash_recover(fs, committed);
}

static int abort_transaction(struct store *store) {
    bool committed = false;
    // If it fails now, it is done at the next begin.
    (void)undo((struct flash_store *)store, &committed);
    return 0;
}

// The mark of the one record is the commit.
static int commit_single(struct flash_store *fs) {
    for (uint16_t i = 0; i < fs->touched_count; i++) {
        uint16_t position = fs->touched[i];
        struct flash_record record;
        int result = flash_read_record(fs, position, &record);
        if (result == 0 && (record.committed || record.dead)) {
            continue;
        }
        if (result == 0) {
            result = flash_mark_committed(fs, position);
        }
        while (result == FLASH_REFUSED) {
            // Once more, in a block that takes it.
            result = flash_read_payload(fs, position, &record);
            uint16_t copy = 0;
            if (result == 0) {
                result = flash_append(fs, &record, &copy);
            }
            if (result == 0) {
                flash_index_move(fs, record.id, position, copy);
                flash_touch_move(fs, position, copy);
                position = copy;
                result = flash_mark_committed(fs, position);
            }
        }
        return result;
    }
    return STORE_ERR_CORRUPT;
}

static int commit_many(struct flash_store *fs, struct flash_commit_range *range) {
    uint16_t position = 0;
    int result = flash_make_room(fs, FLASH_RECORD_HEADER);
    if (result != 0) {
        return result;
    }
    struct flash_record record = {.kind = FLASH_KIND_COMMIT, .aux = fs->first_serial, .serial = fs->serial++};
    result = flash_append(fs, &record, &position);
    if (result == 0) {
        *range = (struct flash_commit_range){.first = record.aux, .end = record.serial};
        flash_touch(fs, position);
    }
    return result;
}

static int commit(struct store *store) {
    struct flash_store *fs = (struct flash_store *)store;
    struct flash_commit_range range = {0};
    int result = 0;
    if (fs->pending == 0) {
        fs->keep_shadowed = false;
        return 0;
    }
    if (fs->pending == 1 && !fs->touched_overflow) {
        result = commit_single(fs);
    } else {
        result = commit_many(fs, &range);
    }
    if (result != 0) {
        // The deciding bits may be in flash or not. If flash can be read again, it tells; else the next begin
        // will ask.
        bool committed = false;
        fs->needs_recovery = true;
        if (undo(fs, &committed) == 0 && committed) {
            return 0;
        }
        return result == STORE_ERR_FULL ? STORE_ERR_FULL : STORE_ERR_IO;
    }
    if (flash_finish(fs, &range, fs->touched_overflow) != 0) {
        fs->needs_recovery = true; // committed all the same
    }
    return 0;
}

static int put(struct store *store, uint16_t id, const void *data, size_t len) {
    struct flash_store *fs = (struct flash_store *)store;
    const uint8_t *bytes = data;
    uint16_t count = 0;
    uint16_t start = flash_index_run(fs, id, &count);
    uint32_t chunks = chunk_count(len);
    struct change change = {
        .new_bytes = chunks_total(len, 0), .new_chunks = chunks, .old_chunks = count, .new_ids = count == 0};
    int result = old_total(fs, start, count, &change.old_bytes);
    if (result == 0) {
        result = check_room(fs, &change);
    }
    for (uint32_t chunk = 0; result == 0 && chunk < chunks; chunk++) {
        size_t offset = chunk * (size_t)FLASH_CHUNK;
        size_t now = len - offset < FLASH_CHUNK ? len - offset : FLASH_CHUNK;
        result = flash_make_room(fs, data_total(now));
        if (result == 0) {
            if (now != 0) {
                memcpy(fs->record + FLASH_RECORD_HEADER, bytes + offset, now);
            }
            result = write_chunk(fs, id, (uint8_t)chunk, (uint16_t)now, chunk + 1 == chunks);
        }
    }
    return result == 0 ? drop_entries(fs, id, chunks) : result;
}

static int size_of(struct flash_store *fs, uint16_t id, uint16_t *start, size_t *len) {
    uint16_t count = 0;
    *start = flash_index_run(fs, id, &count);
    if (count == 0) {
        return STORE_ERR_NOT_FOUND;
    }
    struct flash_record record;
    int result = flash_read_record(fs, flash_index_position(fs, (uint16_t)(*start + count - 1)), &record);
    if (result != 0) {
        return result;
    }
    if (record.chunk != count - 1) {
        return STORE_ERR_CORRUPT; // a chunk is missing
    }
    *len = record.chunk * (size_t)FLASH_CHUNK + record.length;
    return *len <= STORE_VALUE_MAX ? 0 : STORE_ERR_CORRUPT;
}

// Reads chunk `chunk` of record `id` into fs->record.
static int read_chunk(struct flash_store *fs, uint16_t id, uint32_t chunk, struct flash_record *record) {
    uint16_t place = 0;
    bool found = false;
    int result = flash_index_find(fs, id, (uint8_t)chunk, &place, &found);
    if (result == 0 && !found) {
        result = STORE_ERR_CORRUPT;
    }
    if (result == 0) {
        result = flash_read_record(fs, flash_index_position(fs, place), record);
    }
    if (result == 0) {
        result = flash_read_payload(fs, flash_index_position(fs, place), record);
    }
    return result;
}

static int patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len) {
    struct flash_store *fs = (struct flash_store *)store;
    const uint8_t *bytes = data;
    uint16_t start = 0;
    size_t old_len = 0;
    int result = size_of(fs, id, &start, &old_len);
    if (result != 0) {
        return result;
    }
    if (offset > old_len) {
        return STORE_ERR_INVALID;
    }
    if (len == 0) {
        return 0;
    }
    size_t new_len = offset + len > old_len ? offset + len : old_len;
    uint32_t first = (uint32_t)(offset / FLASH_CHUNK);
    uint32_t last = (uint32_t)((offset + len - 1) / FLASH_CHUNK);
    uint32_t old_last = chunk_count(old_len) - 1;
    size_t end = last == chunk_count(new_len) - 1 ? new_len : (last + 1) * (size_t)FLASH_CHUNK;
    struct change change = {.new_bytes = chunks_total(end, first), .new_chunks = last - first + 1};
    if (first <= old_last) {
        change.old_chunks = (last < old_last ? last : old_last) - first + 1;
        result = old_total(fs, (uint16_t)(start + first), (uint16_t)change.old_chunks, &change.old_bytes);
    }
    if (result == 0) {
        result = check_room(fs, &change);
    }
    for (uint32_t chunk = first; result == 0 && chunk <= last; chunk++) {
        size_t base = chunk * (size_t)FLASH_CHUNK;
        size_t from = offset > base ? offset - base : 0;
        size_t to = offset + len - base < FLASH_CHUNK ? offset + len - base : FLASH_CHUNK;
        size_t size = new_len - base < FLASH_CHUNK ? new_len - base : FLASH_CHUNK;
        result = flash_make_room(fs, data_total(size));
        if (result == 0 && chunk <= old_last) {
            struct flash_record record = {0};
            result = read_chunk(fs, id, chunk, &record);
            if (result == STORE_ERR_CORRUPT && from == 0 && to >= record.length && record.kind != 0) {
                result = 0; // nothing of the damaged piece remains
            }
        }
        if (result == 0) {
            memcpy(fs->record + FLASH_RECORD_HEADER + from, bytes + (base + from - offset), to - from);
            result = write_chunk(fs, id, (uint8_t)chunk, (uint16_t)size, chunk == chunk_count(new_len) - 1);
        }
    }
    return result;
}

static int write_delete(struct flash_store *fs, uint16_t first, uint16_t last) {
    uint16_t position = 0;
    int result = flash_make_room(fs, FLASH_RECORD_HEADER);
    if (result != 0) {
        return result;
    }
    struct flash_record record = {
        .kind = FLASH_KIND_DELETE, .id = first, .length = last, .serial = fs->serial++};
    result = flash_append(fs, &record, &position);
    if (result != 0) {
        return result;
    }
    fs->pending++;
    flash_touch(fs, position);
    for (;;) {
        uint16_t place = flash_index_lower(fs, first);
        if (place >= fs->index_count || flash_index_id(fs, place) > last) {
            return 0;
        }
        result = drop_entries(fs, flash_index_id(fs, place), 0);
        if (result != 0) {
            return result;
        }
    }
}

static int del(struct store *store, uint16_t id) {
    struct flash_store *fs = (struct flash_store *)store;
    uint16_t count = 0;
    (void)flash_index_run(fs, id, &count);
    return count == 0 ? STORE_ERR_NOT_FOUND : write_delete(fs, id, id);
}

static int del_range(struct store *store, uint16_t first, uint16_t last) {
    struct flash_store *fs = (struct flash_store *)store;
    uint16_t place = flash_index_lower(fs, first);
    if (place >= fs->index_count || flash_index_id(fs, place) > last) {
        return 0;
    }
    return write_delete(fs, first, last);
}

// After a failure that could not even be read back, the index may be wrong, and flash is asked again.
static int ready(struct flash_store *fs) {
    if (fs->index_valid || fs->base.in_transaction) {
        return 0;
    }
    fs->first_serial = UINT32_MAX;
    (void)flash_recover(fs, NULL);
    return fs->index_valid ? 0 : STORE_ERR_IO;
}

static int get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len) {
    struct flash_store *fs = (struct flash_store *)store;
    uint8_t *to = buf;
    uint16_t start = 0;
    size_t size = 0;
    int result = ready(fs);
    if (result == 0) {
        result = size_of(fs, id, &start, &size);
    }
    if (result != 0 || offset >= size) {
        return result;
    }
    size_t wanted = size - offset < cap ? size - offset : cap;
    for (size_t done = 0; done < wanted;) {
        struct flash_record record;
        size_t skip = (offset + done) % FLASH_CHUNK;
        result = read_chunk(fs, id, (uint32_t)((offset + done) / FLASH_CHUNK), &record);
        if (result == 0 && record.length <= skip) {
            result = STORE_ERR_CORRUPT; // a short chunk before the end of the value
        }
        if (result != 0) {
            return result;
        }
        size_t now = record.length - skip < wanted - done ? record.length - skip : wanted - done;
        memcpy(to + done, fs->record + FLASH_RECORD_HEADER + skip, now);
        done += now;
    }
    *len = wanted;
    return 0;
}

static int size(struct store *store, uint16_t id, size_t *len) {
    struct flash_store *fs = (struct flash_store *)store;
    uint16_t start = 0;
    int result = ready(fs);
    return result == 0 ? size_of(fs, id, &start, len) : result;
}

static int next(struct store *store, uint16_t after, uint16_t *id) {
    struct flash_store *fs = (struct flash_store *)store;
    int result = ready(fs);
    if (result != 0) {
        return result;
    }
    uint16_t place = flash_index_lower(fs, (uint16_t)(after + 1u));
    if (place >= fs->index_count) {
        return STORE_ERR_NOT_FOUND;
    }
    *id = flash_index_id(fs, place);
    return 0;
}

static int usage(struct store *store, struct store_usage *result) {
    struct flash_store *fs = (struct flash_store *)store;
    int error = ready(fs);
    uint32_t capacity = flash_capacity(fs);
    bool room = used(fs) < capacity && fs->index_count < FLASH_INDEX_MAX - FLASH_INDEX_RESERVE;
    *result = (struct store_usage){.capacity = capacity,
                                   .used = used(fs),
                                   .free = room ? capacity - used(fs) : 0,
                                   .records = fs->id_count};
    return error;
}

static void close_store(struct store *store) {
    struct flash_store *fs = (struct flash_store *)store;
    memset(fs->record, 0, sizeof fs->record);
}

const struct store_ops flash_store_ops = {
    .begin = begin,
    .commit = commit,
    .abort = abort_transaction,
    .put = put,
    .patch = patch,
    .del = del,
    .del_range = del_range,
    .get = get,
    .size = size,
    .next = next,
    .usage = usage,
    .close = close_store,
};
