// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// From what is in flash to the state in RAM; and finishing or undoing what was interrupted.

#include "storage/flash_internal.h"

#include <string.h>

struct loading {
    struct flash_commit_range range; // of the COMMIT record found
    bool deletes;                    // DELETE records found
    bool repair;                     // something is to be finished, undone or wiped
    bool committed;                  // a record from fs->first_serial on counts
};

static bool covered(const struct flash_commit_range *range, const struct flash_record *record) {
    return record->serial >= range->first && record->serial < range->end;
}

/* Finishing a commit. */

static int settle(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                  void *argument) {
    // A mark that a cut or rot left between is set anew, so that no further rotten bit can turn it over.
    if (record->dead || !(record->torn_mark || (!record->committed && covered(argument, record))) ||
        (record->kind != FLASH_KIND_DATA && record->kind != FLASH_KIND_DELETE)) {
        return 0;
    }
    int result = flash_mark_committed(fs, position);
    return result == FLASH_REFUSED ? 0 : result; // its block will be emptied, and the copy settled
}

static int wipe(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                void *argument) {
    (void)argument;
    if (record->dead || record->kind != FLASH_KIND_DATA || flash_index_names(fs, record->id, position)) {
        return 0;
    }
    return flash_mark_dead(fs, position, record);
}

static int bury(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                void *argument) {
    (void)argument;
    if (record->dead || record->kind == FLASH_KIND_DATA) {
        return 0;
    }
    // In the head, whose header was written before: nothing else tells yet that the block is bad.
    if (record->kind == FLASH_KIND_ERASE && record->id < flash_blocks(fs) && flash_is_bad(fs, record->id) &&
        flash_block_of(position) == fs->head) {
        return 0;
    }
    return flash_mark_dead(fs, position, record);
}

static int each(struct flash_store *fs, bool all, flash_visit *visit, void *argument) {
    if (all) {
        return flash_scan(fs, visit, argument);
    }
    for (uint16_t i = 0; i < fs->touched_count; i++) {
        struct flash_record record;
        int result = flash_read_record(fs, fs->touched[i], &record);
        if (result == 0) {
            result = visit(fs, fs->touched[i], &record, argument);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int flash_finish(struct flash_store *fs, const struct flash_commit_range *range, bool all) {
    struct flash_commit_range copy = *range;
    fs->keep_shadowed = false;
    int result = each(fs, all, settle, &copy);
    if (result == 0) {
        result = each(fs, all, wipe, NULL);
    }
    // What could not be wiped must be gone before the record that overrules it goes.
    if (result == 0) {
        result = flash_evacuate(fs);
    }
    if (result == 0) {
        result = each(fs, all, bury, NULL);
    }
    if (result == 0) {
        fs->keep_killers = false;
        result = flash_evacuate(fs);
        fs->keep_killers = true;
    }
    fs->touched_count = 0;
    fs->touched_overflow = false;
    fs->pending = 0;
    return result;
}

/* Reading block headers. */

static bool first_record_blank(struct flash_store *fs, uint32_t block) {
    uint8_t bytes[FLASH_RECORD_HEADER];
    struct flash_record record;
    return flash_read(fs, block * NOR_BLOCK_SIZE + FLASH_BLOCK_HEADER, bytes, sizeof bytes) == 0 &&
           flash_decode_record(bytes, &record, fs->salt, false) == FLASH_DECODED_BLANK;
}

static enum flash_block_state state_of(struct flash_store *fs, uint32_t block,
                                       const struct flash_block_header *header) {
    if (!header->valid) {
        return FLASH_BLOCK_DAMAGED;
    }
    if (header->opened) {
        return FLASH_BLOCK_USED;
    }
    if (header->virgin) {
        return FLASH_BLOCK_FREE;
    }
    // Opening it was cut short, unless records say that this is rot.
    return first_record_blank(fs, block) ? FLASH_BLOCK_DIRTY : FLASH_BLOCK_USED;
}

static int load_headers(struct flash_store *fs) {
    bool any_opened = false;
    fs->sequence = 0;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        uint8_t bytes[FLASH_BLOCK_HEADER];
        struct flash_block_header header;
        if (flash_read(fs, b * NOR_BLOCK_SIZE, bytes, sizeof bytes) != 0) {
            return STORE_ERR_IO;
        }
        flash_decode_block(bytes, &header);
        fs->erases[b] = header.valid ? header.erases : 0;
        fs->state[b] = (uint8_t)state_of(fs, b, &header);
        if (header.opened && (!any_opened || header.sequence >= fs->sequence)) {
            any_opened = true;
            fs->head = (uint8_t)b;
            fs->sequence = header.sequence;
            memcpy(fs->bad, header.bad, sizeof fs->bad);
        }
    }
    if (!any_opened) {
        return STORE_ERR_FOREIGN;
    }
    fs->sequence++;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        if (flash_is_bad(fs, b)) {
            fs->state[b] = FLASH_BLOCK_BAD;
        }
    }
    return 0;
}

// Announcements that matter are in the head: nothing is written between one and its erase.
static int load_announcement(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                             void *argument) {
    (void)position;
    (void)argument;
    uint16_t block = record->id;
    if (record->kind != FLASH_KIND_ERASE || record->dead || block >= flash_blocks(fs) || block == fs->head ||
        fs->state[block] == FLASH_BLOCK_BAD) {
        return 0;
    }
    // A count that is higher already tells that the erase was done, and only the end of the announcement was
    // cut off.
    if (fs->state[block] == FLASH_BLOCK_DAMAGED || fs->erases[block] == record->aux) {
        fs->state[block] = FLASH_BLOCK_ANNOUNCED;
        fs->erases[block] = record->aux;
    }
    return 0;
}

static int load_states(struct flash_store *fs) {
    int result = load_headers(fs);
    if (result == 0) {
        result = flash_scan_block(fs, fs->head, load_announcement, NULL, NULL);
    }
    if (result != 0) {
        return result;
    }
    uint32_t damaged = flash_count_state(fs, FLASH_BLOCK_DAMAGED);
    uint32_t most = 0;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        most = fs->erases[b] > most ? fs->erases[b] : most;
    }
    for (uint32_t b = 0; b < flash_blocks(fs) && damaged > 0; b++) {
        if (fs->state[b] == FLASH_BLOCK_DAMAGED) {
            // Its records have checks of their own. Collection will give it a new header.
            fs->state[b] = FLASH_BLOCK_USED;
            fs->erases[b] = most;
        }
    }
    return damaged > FLASH_DAMAGED_MAX ? STORE_ERR_CORRUPT : 0;
}

/* Reading records. */

static int index_record(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                        struct loading *loading) {
    uint16_t place = 0;
    bool found = false;
    int result = flash_index_find(fs, record->id, record->chunk, &place, &found);
    if (result != 0) {
        return result;
    }
    if (!found) {
        if (fs->index_count == FLASH_INDEX_MAX) {
            return STORE_ERR_FOREIGN; // written with larger limits
        }
        flash_index_insert(fs, place, record->id, position);
        return 0;
    }
    struct flash_record old;
    loading->repair = true;
    result = flash_read_record(fs, flash_index_position(fs, place), &old);
    if (result != 0) {
        return result;
    }
    bool newer = record->serial > old.serial;
    if (record->serial == old.serial) {
        // An original and its copy. They differ only if one has rotted.
        result = flash_read_payload(fs, flash_index_position(fs, place), &old);
        if (result != 0 && result != STORE_ERR_CORRUPT) {
            return result;
        }
        newer = result == STORE_ERR_CORRUPT;
    }
    if (newer) {
        fs->index[place] = (uint32_t)record->id << 16 | position;
    }
    return 0;
}

static int load_record(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                       void *argument) {
    struct loading *loading = argument;
    if (record->serial >= fs->serial) {
        fs->serial = record->serial + 1;
    }
    if (record->dead) {
        return 0;
    }
    if (record->kind != FLASH_KIND_ERASE) {
        uint8_t block = flash_block_of(position);
        fs->occupied[block] = (uint16_t)(fs->occupied[block] + flash_total(record));
        fs->occupied_bytes += flash_total(record);
    }
    if (record->kind == FLASH_KIND_DATA) {
        fs->occupied_records++;
        loading->repair = loading->repair || !record->committed || record->torn_mark;
        if (!record->committed) {
            return 0;
        }
        loading->committed = loading->committed || record->serial >= fs->first_serial;
        return index_record(fs, position, record, loading);
    }
    loading->repair = true;
    if (record->kind == FLASH_KIND_COMMIT && record->serial > loading->range.end) {
        loading->range = (struct flash_commit_range){.first = record->aux, .end = record->serial};
    } else if (record->kind == FLASH_KIND_DELETE) {
        loading->deletes = true;
    }
    return 0;
}

static int load_covered(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                        void *argument) {
    struct loading *loading = argument;
    if (record->dead || record->committed || record->kind != FLASH_KIND_DATA ||
        !covered(&loading->range, record)) {
        return 0;
    }
    return index_record(fs, position, record, loading);
}

static int load_delete(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                       void *argument) {
    (void)position;
    struct loading *loading = argument;
    if (record->dead || record->kind != FLASH_KIND_DELETE ||
        !(record->committed || covered(&loading->range, record))) {
        return 0;
    }
    loading->committed = loading->committed || record->serial >= fs->first_serial;
    uint16_t place = flash_index_lower(fs, record->id);
    while (place < fs->index_count && flash_index_id(fs, place) <= record->length) {
        struct flash_record old;
        int result = flash_read_record(fs, flash_index_position(fs, place), &old);
        if (result != 0) {
            return result;
        }
        if (old.serial < record->serial) {
            flash_index_remove(fs, place);
        } else {
            place++;
        }
    }
    return 0;
}

// Removes the chunks that lie behind the end of a value which has been replaced by a shorter one.
static int trim(struct flash_store *fs, struct loading *loading) {
    uint16_t place = 0;
    while (place < fs->index_count) {
        uint16_t count = 0;
        uint16_t id = flash_index_id(fs, place);
        (void)flash_index_run(fs, id, &count);
        uint32_t end_serial = 0; // of the newest end of the value that was met in this run
        for (uint16_t i = 0; count > 1 && i < count;) {
            struct flash_record record;
            int result = flash_read_record(fs, flash_index_position(fs, (uint16_t)(place + i)), &record);
            if (result != 0) {
                return result;
            }
            if (record.serial < end_serial) {
                flash_index_remove(fs, (uint16_t)(place + i));
                count--;
                loading->repair = true;
                continue;
            }
            if (record.last) {
                end_serial = record.serial;
            }
            i++;
        }
        place = (uint16_t)(place + count);
    }
    return 0;
}

static int sum_live(struct flash_store *fs) {
    fs->live_bytes = 0;
    for (uint16_t i = 0; i < fs->index_count; i++) {
        struct flash_record record;
        int result = flash_read_record(fs, flash_index_position(fs, i), &record);
        if (result != 0) {
            return result;
        }
        fs->live_bytes += flash_total(&record);
    }
    return 0;
}

static int load_records(struct flash_store *fs, struct loading *loading) {
    int result = flash_scan(fs, load_record, loading);
    if (result == 0 && loading->range.first != loading->range.end) {
        loading->committed = loading->committed || loading->range.end > fs->first_serial;
        result = flash_scan(fs, load_covered, loading);
    }
    if (result == 0 && loading->deletes) {
        result = flash_scan(fs, load_delete, loading);
    }
    if (result == 0) {
        result = trim(fs, loading);
    }
    if (result == 0) {
        result = sum_live(fs);
    }
    return result;
}

/* The end of the log. */

static int ignore_record(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                         void *argument) {
    (void)fs;
    (void)position;
    (void)record;
    (void)argument;
    return 0;
}

// Finds where to go on in the head: at the start of a page in which nothing can have been tried. A program
// that was cut may leave bits that read as erased and are not; they are in the page of the last byte that
// reads as programmed, or just behind it. What a torn record left behind the log's end is to be wiped:
// `*torn` bytes from `*torn_at` on.
static int find_end(struct flash_store *fs, uint32_t *torn_at, uint32_t *torn) {
    uint32_t end = 0;
    int result = flash_scan_block(fs, fs->head, ignore_record, NULL, &end);
    uint32_t programmed = FLASH_BLOCK_HEADER;
    for (uint32_t offset = NOR_BLOCK_SIZE; result == 0 && offset > FLASH_BLOCK_HEADER; offset -= FLASH_UNIT) {
        static const uint8_t blank[FLASH_UNIT] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
        uint8_t piece[FLASH_UNIT];
        result = flash_read(fs, fs->head * NOR_BLOCK_SIZE + offset - FLASH_UNIT, piece, sizeof piece);
        if (result == 0 && memcmp(piece, blank, sizeof piece) != 0) {
            programmed = offset;
            break;
        }
    }
    *torn_at = fs->head * NOR_BLOCK_SIZE + end;
    *torn = programmed > end ? programmed - end : 0;
    fs->head_offset = (uint16_t)((programmed / NOR_PAGE_SIZE + 1) * NOR_PAGE_SIZE);
    return result;
}

static bool is_zero(struct flash_store *fs, uint32_t address, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        uint8_t byte = 0;
        if (flash_read(fs, address + i, &byte, 1) != 0 || byte != 0) {
            return false;
        }
    }
    return true;
}

static int wipe_torn(struct flash_store *fs, uint32_t torn_at, uint32_t torn) {
    if (is_zero(fs, torn_at, torn)) {
        return 0;
    }
    int result = flash_program(fs, torn_at, NULL, torn);
    if (result == FLASH_REFUSED) {
        flash_block_fails(fs, fs->head);
        result = 0;
    }
    return result;
}

static int erase_dirty_blocks(struct flash_store *fs) {
    int result = 0;
    for (uint32_t b = 0; result == 0 && b < flash_blocks(fs); b++) {
        // A dirty block was erased and never opened, so that it holds no records that an erase which is cut
        // could bring back: it needs no announcement.
        if (fs->state[b] == FLASH_BLOCK_DIRTY || fs->state[b] == FLASH_BLOCK_ANNOUNCED) {
            result = flash_erase_block(fs, (uint8_t)b, true);
        }
    }
    return result;
}

int flash_recover(struct flash_store *fs, bool *committed) {
    struct loading loading = {.repair = false};
    uint32_t torn_at = 0;
    uint32_t torn = 0;
    fs->needs_recovery = true;
    fs->index_valid = false;
    fs->keep_shadowed = false;
    fs->keep_killers = true;
    fs->failing = false;
    fs->touched_overflow = false;
    fs->touched_count = 0;
    fs->pending = 0;
    fs->index_count = 0;
    fs->id_count = 0;
    fs->occupied_bytes = 0;
    fs->occupied_records = 0;
    fs->serial = 1;
    memset(fs->occupied, 0, sizeof fs->occupied);
    int result = load_states(fs);
    if (result == 0) {
        result = load_records(fs, &loading);
    }
    if (result == 0) {
        result = find_end(fs, &torn_at, &torn);
    }
    if (result != 0) {
        return result;
    }
    fs->index_valid = true;
    if (committed != NULL) {
        *committed = loading.committed;
    }
    // From here on flash is written.
    result = wipe_torn(fs, torn_at, torn);
    if (result == 0) {
        result = erase_dirty_blocks(fs);
    }
    if (result == 0 && (loading.repair || fs->failing)) {
        result = flash_finish(fs, &loading.range, true);
    }
    fs->needs_recovery = result != 0;
    return result;
}
