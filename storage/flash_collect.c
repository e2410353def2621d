// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Erased blocks: making them by garbage collection, spreading the wear, and doing without blocks that fail.

#include "storage/flash_internal.h"

#include <string.h>

uint32_t flash_count_state(const struct flash_store *fs, enum flash_block_state state) {
    uint32_t count = 0;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        count += fs->state[b] == state;
    }
    return count;
}

// Takes a block out of use. The list of bad blocks stands in the header of the newest block, so that one is
// opened. When there is none, the announcement of the erase stays in force until there is: a mount will then
// try the erase once more, and come to the same result. `*recorded` receives whether the announcement is
// needless.
static int retire(struct flash_store *fs, uint8_t block, bool *recorded) {
    flash_set_bad(fs, block);
    int result = flash_open_head(fs);
    *recorded = result == 0;
    return result == STORE_ERR_FULL ? 0 : result;
}

static int verify_blank(struct flash_store *fs, uint32_t address) {
    uint8_t piece[64];
    for (uint32_t done = 0; done < NOR_BLOCK_SIZE; done += sizeof piece) {
        if (flash_read(fs, address + done, piece, sizeof piece) != 0) {
            return STORE_ERR_IO;
        }
        for (size_t i = 0; i < sizeof piece; i++) {
            if (piece[i] != 0xFF) {
                return FLASH_REFUSED;
            }
        }
    }
    return 0;
}

static int erase_and_label(struct flash_store *fs, uint8_t block) {
    uint32_t address = block * NOR_BLOCK_SIZE;
    if (fs->device.erase(fs->device.context, address) == NOR_ERR_DEVICE) {
        return STORE_ERR_IO;
    }
    int result = verify_blank(fs, address);
    if (result == 0) {
        uint8_t bytes[FLASH_HEADER_ERASED_SIZE];
        flash_encode_erased(bytes, flash_blocks(fs), fs->erases[block] + 1, fs->salt);
        result = flash_program(fs, address, bytes, sizeof bytes);
    }
    return result;
}

int flash_erase_block(struct flash_store *fs, uint8_t block, bool announced) {
    // A half-erased block can hold anything, old records included. The announcement makes the next mount
    // erase it again, and not read it.
    struct flash_record erase = {.kind = FLASH_KIND_ERASE, .id = block, .aux = fs->erases[block]};
    uint16_t position = 0;
    int result = 0;
    if (!announced) {
        erase.serial = fs->serial++;
        result = flash_append(fs, &erase, &position);
        if (result == STORE_ERR_FULL && fs->occupied[block] == 0) {
            // Several blocks have failed at once, and no room is left to announce anything. Records that are
            // zeros cannot come back either.
            announced = true;
            result = flash_program(fs, block * NOR_BLOCK_SIZE, NULL, NOR_BLOCK_SIZE);
            result = result == FLASH_REFUSED ? 0 : result;
        }
        if (result != 0) {
            return result == STORE_ERR_FULL ? STORE_ERR_IO : result;
        }
    }
    result = erase_and_label(fs, block);
    if (result == STORE_ERR_IO) {
        fs->needs_recovery = true;
        return result;
    }
    fs->occupied_bytes -= fs->occupied[block];
    fs->occupied[block] = 0;
    bool over = true;
    if (result == FLASH_REFUSED) {
        result = retire(fs, block, &over);
    } else {
        fs->erases[block]++;
        fs->state[block] = FLASH_BLOCK_FREE;
    }
    if (result == 0 && !announced && over) {
        result = flash_mark_dead(fs, position, &erase);
    }
    return result;
}

static bool wanted(const struct flash_store *fs, uint16_t position, const struct flash_record *record) {
    if (record->dead) {
        return false;
    }
    switch (record->kind) {
    case FLASH_KIND_DATA:
        return flash_index_names(fs, record->id, position) || (record->committed && fs->keep_shadowed);
    case FLASH_KIND_DELETE:
    case FLASH_KIND_COMMIT:
        return fs->keep_killers;
    default:
        return false;
    }
}

// The copy has the serial of the original: it is the same record, and a mount that sees both takes either.
static int copy_record(struct flash_store *fs, uint16_t position, const struct flash_record *record) {
    // A value that has rotted is moved with its wrong CRC, and stays known as damaged.
    int result = flash_read_payload(fs, position, record);
    if (result != 0 && result != STORE_ERR_CORRUPT) {
        return result;
    }
    bool committed = record->committed || (record->kind == FLASH_KIND_DATA && !fs->keep_shadowed);
    uint16_t copy = 0;
    do {
        result = flash_append(fs, record, &copy);
        if (result == 0 && committed) {
            result = flash_mark_committed(fs, copy);
        }
    } while (result == FLASH_REFUSED);
    if (result == 0) {
        flash_index_move(fs, record->id, position, copy);
        flash_touch_move(fs, position, copy);
    }
    return result;
}

static int move_record(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                       void *argument) {
    (void)argument;
    if (wanted(fs, position, record)) {
        int result = copy_record(fs, position, record);
        if (result != 0) {
            return result;
        }
    }
    if (!record->dead && record->kind == FLASH_KIND_DATA) {
        fs->occupied_records--;
    }
    return 0;
}

static int collect(struct flash_store *fs, uint8_t victim) {
    int result = victim == fs->head ? flash_open_head(fs) : 0;
    if (result == 0) {
        result = flash_scan_block(fs, victim, move_record, NULL, NULL);
    }
    if (result == 0) {
        result = flash_erase_block(fs, victim, false);
    }
    if (result != 0) {
        fs->needs_recovery = true; // the counts are wrong now
    }
    // To run out of blocks here is a failure of blocks, not a full store.
    return result == STORE_ERR_FULL ? STORE_ERR_IO : result;
}

static bool candidate(const struct flash_store *fs, uint32_t block) {
    return fs->state[block] == FLASH_BLOCK_USED && block != fs->head;
}

// The block whose emptying gains most; FLASH_BLOCKS_MAX if none is sure to gain anything.
static uint32_t emptiest(const struct flash_store *fs) {
    uint32_t best = FLASH_BLOCKS_MAX;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        if (candidate(fs, b) && fs->occupied[b] < FLASH_BLOCK_SURE &&
            (best == FLASH_BLOCKS_MAX || fs->occupied[b] < fs->occupied[best] ||
             (fs->occupied[b] == fs->occupied[best] && fs->erases[b] < fs->erases[best]))) {
            best = b;
        }
    }
    return best;
}

// A block that holds records nobody changes, while others wear out; FLASH_BLOCKS_MAX if there is none.
static uint32_t coldest(const struct flash_store *fs) {
    uint32_t best = FLASH_BLOCKS_MAX;
    uint32_t most = 0;
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        if (fs->state[b] != FLASH_BLOCK_BAD && fs->erases[b] > most) {
            most = fs->erases[b];
        }
        if (candidate(fs, b) && (best == FLASH_BLOCKS_MAX || fs->erases[b] < fs->erases[best])) {
            best = b;
        }
    }
    return best != FLASH_BLOCKS_MAX && most - fs->erases[best] > FLASH_WEAR_SPREAD ? best : FLASH_BLOCKS_MAX;
}

int flash_collect_step(struct flash_store *fs) {
    if (fs->failing) {
        return flash_evacuate(fs);
    }
    // Moving a cold block may gain no space, so that it takes turns with collecting for space, and needs two
    // blocks.
    if (!fs->levelled && flash_count_state(fs, FLASH_BLOCK_FREE) >= 2) {
        uint32_t cold = coldest(fs);
        if (cold != FLASH_BLOCKS_MAX) {
            fs->levelled = true;
            return collect(fs, (uint8_t)cold);
        }
    }
    fs->levelled = false;
    uint32_t victim = emptiest(fs);
    return victim == FLASH_BLOCKS_MAX ? STORE_ERR_FULL : collect(fs, (uint8_t)victim);
}

int flash_evacuate(struct flash_store *fs) {
    while (fs->failing) {
        uint32_t block = 0;
        while (block < flash_blocks(fs) && fs->state[block] != FLASH_BLOCK_FAILING) {
            block++;
        }
        if (block == flash_blocks(fs)) {
            fs->failing = false;
            break;
        }
        // When several blocks fail at once, there may be no erased one left to move records to; but blocks
        // with nothing in them can be had without moving.
        uint32_t empty = flash_count_state(fs, FLASH_BLOCK_FREE) < 2 ? emptiest(fs) : FLASH_BLOCKS_MAX;
        if (empty != FLASH_BLOCKS_MAX && fs->occupied[empty] == 0) {
            block = empty;
        }
        int result = collect(fs, (uint8_t)block);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int flash_make_room(struct flash_store *fs, uint32_t total) {
    // Every step gains space or is followed by one that does; the bound only guards against an error in that
    // argument.
    for (uint32_t steps = 0; steps < 16u * FLASH_BLOCKS_MAX; steps++) {
        bool fits = fs->state[fs->head] == FLASH_BLOCK_USED && fs->head_offset + total <= NOR_BLOCK_SIZE;
        int result = STORE_ERR_FULL;
        if (flash_count_state(fs, FLASH_BLOCK_FREE) < FLASH_FREE_MIN) {
            result = flash_collect_step(fs);
            if (result != 0 && result != STORE_ERR_FULL) {
                return result;
            }
        }
        if (result == STORE_ERR_FULL) {
            if (fits) {
                return 0;
            }
            result = flash_open_head(fs);
            if (result != 0) {
                return result;
            }
        }
    }
    return STORE_ERR_IO;
}

int flash_store_tidy(struct flash_store *fs, bool *more) {
    *more = false;
    if (fs->base.in_transaction) {
        return STORE_ERR_INVALID;
    }
    if (fs->needs_recovery) {
        int result = flash_recover(fs, NULL);
        if (result != 0) {
            return result;
        }
    }
    // With one block more than the minimum, the next transaction that fills a block need not collect.
    const uint32_t enough = FLASH_FREE_MIN + 1;
    if (flash_count_state(fs, FLASH_BLOCK_FREE) < enough) {
        int result = flash_collect_step(fs);
        if (result != 0) {
            return result == STORE_ERR_FULL ? 0 : result;
        }
        *more = flash_count_state(fs, FLASH_BLOCK_FREE) < enough && emptiest(fs) != FLASH_BLOCKS_MAX;
    }
    return 0;
}

void flash_store_wear(const struct flash_store *fs, struct flash_wear *wear) {
    uint64_t sum = 0;
    *wear = (struct flash_wear){.blocks = flash_blocks(fs), .erases_min = UINT32_MAX};
    for (uint32_t b = 0; b < wear->blocks; b++) {
        if (fs->state[b] == FLASH_BLOCK_BAD) {
            wear->bad_blocks++;
            continue;
        }
        sum += fs->erases[b];
        wear->erases_min = fs->erases[b] < wear->erases_min ? fs->erases[b] : wear->erases_min;
        wear->erases_max = fs->erases[b] > wear->erases_max ? fs->erases[b] : wear->erases_max;
    }
    wear->erases_mean =
        wear->blocks > wear->bad_blocks ? (uint32_t)(sum / (wear->blocks - wear->bad_blocks)) : 0;
}
