// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The index in RAM. An entry holds an id and a position; which chunk of the record it is stands in flash
// only. In a sound record chunk n is the n-th entry of its id, so that finding one usually takes a single
// look into flash.

#include "storage/flash_internal.h"

#include <string.h>

uint16_t flash_index_lower(const struct flash_store *fs, uint16_t id) {
    uint32_t low = 0;
    uint32_t high = fs->index_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (flash_index_id(fs, (uint16_t)mid) < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return (uint16_t)low;
}

uint16_t flash_index_run(const struct flash_store *fs, uint16_t id, uint16_t *count) {
    uint16_t start = flash_index_lower(fs, id);
    uint16_t end = start;
    while (end < fs->index_count && flash_index_id(fs, end) == id) {
        end++;
    }
    *count = (uint16_t)(end - start);
    return start;
}

int flash_index_find(struct flash_store *fs, uint16_t id, uint8_t chunk, uint16_t *place, bool *found) {
    uint16_t count = 0;
    uint16_t start = flash_index_run(fs, id, &count);
    uint32_t low = start;
    uint32_t high = (uint32_t)start + count;
    uint32_t guess = low + chunk;
    *found = false;
    while (low < high) {
        uint32_t mid = guess < high ? guess : (low + high) / 2;
        guess = UINT32_MAX;
        struct flash_record record;
        int result = flash_read_record(fs, flash_index_position(fs, (uint16_t)mid), &record);
        if (result == STORE_ERR_CORRUPT) {
            // Rotted since the mount. It can still be replaced or deleted, as what it most probably is.
            record.chunk = (uint8_t)(mid - start);
        } else if (result != 0) {
            return result;
        }
        if (record.chunk == chunk) {
            *place = (uint16_t)mid;
            *found = true;
            return 0;
        }
        if (record.chunk < chunk) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *place = (uint16_t)low;
    return 0;
}

bool flash_index_names(const struct flash_store *fs, uint16_t id, uint16_t position) {
    uint32_t entry = (uint32_t)id << 16 | position;
    for (uint16_t i = flash_index_lower(fs, id); i < fs->index_count && flash_index_id(fs, i) == id; i++) {
        if (fs->index[i] == entry) {
            return true;
        }
    }
    return false;
}

static bool neighbour_has_id(const struct flash_store *fs, uint16_t place, uint16_t id) {
    return (place > 0 && flash_index_id(fs, (uint16_t)(place - 1)) == id) ||
           (place < fs->index_count && flash_index_id(fs, place) == id);
}

void flash_index_insert(struct flash_store *fs, uint16_t place, uint16_t id, uint16_t position) {
    if (!neighbour_has_id(fs, place, id)) {
        fs->id_count++;
    }
    memmove(&fs->index[place + 1], &fs->index[place],
            (size_t)(fs->index_count - place) * sizeof fs->index[0]);
    fs->index[place] = (uint32_t)id << 16 | position;
    fs->index_count++;
}

void flash_index_remove(struct flash_store *fs, uint16_t place) {
    uint16_t id = flash_index_id(fs, place);
    fs->index_count--;
    memmove(&fs->index[place], &fs->index[place + 1],
            (size_t)(fs->index_count - place) * sizeof fs->index[0]);
    if (!neighbour_has_id(fs, place, id)) {
        fs->id_count--;
    }
}

void flash_index_move(struct flash_store *fs, uint16_t id, uint16_t from, uint16_t to) {
    uint32_t entry = (uint32_t)id << 16 | from;
    for (uint16_t i = flash_index_lower(fs, id); i < fs->index_count && flash_index_id(fs, i) == id; i++) {
        if (fs->index[i] == entry) {
            fs->index[i] = (uint32_t)id << 16 | to;
        }
    }
}
