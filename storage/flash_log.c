// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Reading, appending and marking records.

#include "storage/flash_internal.h"

#include "storage/crc32.h"

#include <string.h>

int flash_read(struct flash_store *fs, uint32_t address, void *data, size_t len) {
    return fs->device.read(fs->device.context, address, data, len) == NOR_OK ? 0 : STORE_ERR_IO;
}

// Reads back in pieces, to need no second page of RAM.
static int verify(struct flash_store *fs, uint32_t address, const uint8_t *expected, size_t len) {
    uint8_t piece[32];
    for (size_t done = 0; done < len;) {
        size_t now = len - done < sizeof piece ? len - done : sizeof piece;
        if (flash_read(fs, address + (uint32_t)done, piece, now) != 0) {
            return STORE_ERR_IO;
        }
        if (memcmp(piece, expected + done, now) != 0) {
            return FLASH_REFUSED;
        }
        done += now;
    }
    return 0;
}

int flash_program(struct flash_store *fs, uint32_t address, const uint8_t *data, size_t len) {
    uint8_t page[NOR_PAGE_SIZE];
    while (len > 0) {
        uint32_t offset = address % NOR_PAGE_SIZE;
        size_t now = NOR_PAGE_SIZE - offset < len ? NOR_PAGE_SIZE - offset : len;
        memset(page, 0xFF, sizeof page);
        if (data != NULL) {
            memcpy(page + offset, data, now);
            data += now;
        } else {
            memset(page + offset, 0, now);
        }
        int result = fs->device.program(fs->device.context, address - offset, page);
        // A driver that reports failure may still have written; what can be read decides.
        result = result == NOR_ERR_DEVICE ? STORE_ERR_IO : verify(fs, address, page + offset, now);
        if (result == STORE_ERR_IO) {
            fs->needs_recovery = true; // what is in flash is not known
        }
        if (result != 0) {
            return result;
        }
        address += (uint32_t)now;
        len -= now;
    }
    return 0;
}

int flash_read_record(struct flash_store *fs, uint16_t position, struct flash_record *record) {
    uint8_t bytes[FLASH_RECORD_HEADER];
    int result = flash_read(fs, flash_address(position), bytes, sizeof bytes);
    if (result != 0) {
        return result;
    }
    return flash_decode_record(bytes, record, fs->salt, true) == FLASH_DECODED_RECORD ? 0 : STORE_ERR_CORRUPT;
}

int flash_read_payload(struct flash_store *fs, uint16_t position, const struct flash_record *record) {
    uint8_t *payload = fs->record + FLASH_RECORD_HEADER;
    int result =
        flash_read(fs, flash_address(position) + FLASH_RECORD_HEADER, payload, flash_payload(record));
    if (result == 0 && crc32_update(0, payload, flash_payload(record)) != record->aux) {
        result = STORE_ERR_CORRUPT;
    }
    return result;
}

void flash_block_fails(struct flash_store *fs, uint8_t block) {
    fs->state[block] = FLASH_BLOCK_FAILING;
    fs->failing = true;
}

int flash_open_head(struct flash_store *fs) {
    for (;;) {
        uint32_t best = FLASH_BLOCKS_MAX;
        for (uint32_t b = 0; b < flash_blocks(fs); b++) {
            if (fs->state[b] == FLASH_BLOCK_FREE &&
                (best == FLASH_BLOCKS_MAX || fs->erases[b] < fs->erases[best])) {
                best = b;
            }
        }
        if (best == FLASH_BLOCKS_MAX) {
            return STORE_ERR_FULL;
        }
        uint8_t bytes[FLASH_HEADER_OPENED_SIZE];
        flash_encode_opened(bytes, fs->sequence, fs->bad);
        int result = flash_program(fs, best * NOR_BLOCK_SIZE + FLASH_HEADER_ERASED_SIZE, bytes, sizeof bytes);
        if (result == 0) {
            fs->sequence++;
            fs->state[best] = FLASH_BLOCK_USED;
            fs->occupied[best] = 0;
            fs->head = (uint8_t)best;
            fs->head_offset = FLASH_BLOCK_HEADER;
            return 0;
        }
        if (result != FLASH_REFUSED) {
            return result;
        }
        // The header of the next block tried will list this one as bad.
        flash_set_bad(fs, best);
    }
}

int flash_append(struct flash_store *fs, const struct flash_record *record, uint16_t *position) {
    uint32_t total = flash_total(record);
    uint32_t payload = flash_payload(record);
    flash_encode_record(fs->record, record, fs->salt);
    for (;;) {
        if (fs->head_offset + total > NOR_BLOCK_SIZE || fs->state[fs->head] != FLASH_BLOCK_USED) {
            int result = flash_open_head(fs);
            if (result != 0) {
                return result;
            }
        }
        uint8_t block = fs->head;
        uint32_t address = block * NOR_BLOCK_SIZE + fs->head_offset;
        fs->head_offset = (uint16_t)(fs->head_offset + total);
        int result = flash_program(fs, address, fs->record, FLASH_RECORD_HEADER + payload);
        if (result == 0) {
            *position = (uint16_t)(address / FLASH_UNIT);
            if (record->kind != FLASH_KIND_ERASE) {
                fs->occupied[block] = (uint16_t)(fs->occupied[block] + total);
                fs->occupied_bytes += total;
                fs->occupied_records = (uint16_t)(fs->occupied_records + (record->kind == FLASH_KIND_DATA));
            }
            return 0;
        }
        if (result != FLASH_REFUSED) {
            return result;
        }
        flash_block_fails(fs, block);
    }
}

int flash_mark_committed(struct flash_store *fs, uint16_t position) {
    int result = flash_program(fs, flash_address(position) + FLASH_MARK_COMMIT, NULL, 2);
    if (result == FLASH_REFUSED) {
        struct flash_record record;
        flash_block_fails(fs, flash_block_of(position));
        if (flash_read_record(fs, position, &record) == 0 && record.committed) {
            return 0; // not as written, but read as set now and by any later mount
        }
    }
    return result;
}

int flash_mark_dead(struct flash_store *fs, uint16_t position, const struct flash_record *record) {
    uint8_t block = flash_block_of(position);
    uint32_t address = flash_address(position);
    // In this order: a record that reads as dead is wiped for certain.
    int result = flash_program(fs, address + FLASH_RECORD_HEADER, NULL, flash_payload(record));
    if (result == 0) {
        result = flash_program(fs, address + FLASH_MARK_DEAD, NULL, 2);
    }
    if (result == FLASH_REFUSED) {
        flash_block_fails(fs, block);
        result = 0;
    }
    if (result == 0 && record->kind != FLASH_KIND_ERASE) {
        uint32_t total = flash_total(record);
        fs->occupied[block] = (uint16_t)(fs->occupied[block] - total);
        fs->occupied_bytes -= total;
        fs->occupied_records = (uint16_t)(fs->occupied_records - (record->kind == FLASH_KIND_DATA));
    }
    return result;
}

void flash_touch(struct flash_store *fs, uint16_t position) {
    if (fs->touched_count < FLASH_TOUCHED_MAX) {
        fs->touched[fs->touched_count++] = position;
    } else {
        fs->touched_overflow = true;
    }
}

void flash_touch_move(struct flash_store *fs, uint16_t from, uint16_t to) {
    for (uint16_t i = 0; i < fs->touched_count; i++) {
        if (fs->touched[i] == from) {
            fs->touched[i] = to != 0 ? to : fs->touched[--fs->touched_count];
            return;
        }
    }
}

int flash_scan_block(struct flash_store *fs, uint8_t block, flash_visit *visit, void *argument,
                     uint32_t *end) {
    uint32_t base = block * NOR_BLOCK_SIZE;
    uint32_t offset = FLASH_BLOCK_HEADER;
    bool in_step = true; // a record is expected here, not searched for
    if (end != NULL) {
        *end = offset;
    }
    while (offset + FLASH_RECORD_HEADER <= NOR_BLOCK_SIZE) {
        uint8_t bytes[FLASH_RECORD_HEADER];
        struct flash_record record;
        if (flash_read(fs, base + offset, bytes, sizeof bytes) != 0) {
            return STORE_ERR_IO;
        }
        enum flash_decoded decoded = flash_decode_record(bytes, &record, fs->salt, in_step);
        if (decoded == FLASH_DECODED_RECORD && offset + flash_total(&record) > NOR_BLOCK_SIZE) {
            decoded = FLASH_DECODED_GARBAGE;
        }
        if (decoded == FLASH_DECODED_RECORD) {
            int result = visit(fs, (uint16_t)((base + offset) / FLASH_UNIT), &record, argument);
            if (result != 0) {
                return result;
            }
            offset += flash_total(&record);
            in_step = true;
            if (end != NULL) {
                *end = offset;
            }
        } else if (decoded == FLASH_DECODED_BLANK) {
            // After a mount, writing goes on at the start of a page.
            offset = (offset / NOR_PAGE_SIZE + 1) * NOR_PAGE_SIZE;
            in_step = true;
        } else {
            offset += FLASH_UNIT;
            in_step = offset % NOR_PAGE_SIZE == 0;
        }
    }
    return 0;
}

int flash_scan(struct flash_store *fs, flash_visit *visit, void *argument) {
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        if (fs->state[b] == FLASH_BLOCK_USED || fs->state[b] == FLASH_BLOCK_FAILING) {
            int result = flash_scan_block(fs, (uint8_t)b, visit, argument, NULL);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}
