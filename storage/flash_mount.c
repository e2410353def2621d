// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Formatting a region, telling a blank one, and mounting.

#include "storage/flash_internal.h"

#include <string.h>

static bool valid_size(const struct nor_device *device) {
    return device->size % NOR_BLOCK_SIZE == 0 && device->size / NOR_BLOCK_SIZE >= FLASH_BLOCKS_MIN &&
           device->size / NOR_BLOCK_SIZE <= FLASH_BLOCKS_MAX;
}

// A header whose programming was cut has no 0 bit that the whole one lacks. Salt, erase count and CRC are not
// known.
static bool could_become_header(const uint8_t *bytes, uint32_t blocks) {
    uint8_t header[FLASH_HEADER_ERASED_SIZE];
    flash_encode_erased(header, blocks, 0, 0);
    for (size_t i = 0; i < 12; i++) {
        if ((header[i] & (uint8_t)~bytes[i]) != 0) {
            return false;
        }
    }
    return true;
}

int flash_store_is_blank(const struct nor_device *device, bool *blank) {
    *blank = false;
    if (!valid_size(device)) {
        return STORE_ERR_INVALID;
    }
    uint32_t blocks = device->size / NOR_BLOCK_SIZE;
    for (uint32_t address = 0; address < device->size; address += FLASH_BLOCK_HEADER) {
        uint8_t bytes[FLASH_BLOCK_HEADER];
        if (device->read(device->context, address, bytes, sizeof bytes) != NOR_OK) {
            return STORE_ERR_IO;
        }
        size_t skip = 0;
        if (address % NOR_BLOCK_SIZE == 0) {
            // Only the last step of formatting opens a block; records can be in opened blocks only. That step
            // itself may have been cut, and be the only thing in the second part of a header.
            struct flash_block_header header;
            flash_decode_block(bytes, &header);
            if (header.opened || !could_become_header(bytes, blocks)) {
                return 0;
            }
            skip =
                header.valid ? FLASH_HEADER_ERASED_SIZE + FLASH_HEADER_OPENED_SIZE : FLASH_HEADER_ERASED_SIZE;
        }
        for (size_t i = skip; i < sizeof bytes; i++) {
            if (bytes[i] != 0xFF) {
                return 0;
            }
        }
    }
    *blank = true;
    return 0;
}

static int format_block(struct flash_store *fs, uint32_t block) {
    uint32_t address = block * NOR_BLOCK_SIZE;
    if (fs->device.erase(fs->device.context, address) == NOR_ERR_DEVICE) {
        return STORE_ERR_IO;
    }
    uint8_t bytes[FLASH_BLOCK_HEADER];
    for (uint32_t offset = 0; offset < NOR_BLOCK_SIZE; offset += sizeof bytes) {
        int result = flash_read(fs, address + offset, bytes, sizeof bytes);
        if (result != 0) {
            return result;
        }
        for (size_t i = 0; i < sizeof bytes; i++) {
            if (bytes[i] != 0xFF) {
                return FLASH_REFUSED;
            }
        }
    }
    flash_encode_erased(bytes, flash_blocks(fs), fs->erases[block] + 1, fs->salt);
    return flash_program(fs, address, bytes, FLASH_HEADER_ERASED_SIZE);
}

// Notes the erase counts of a region that is TwinHSM's already, and spoils the headers of its opened blocks:
// a format that is cut short must not leave a part of the old store to be mounted. Unopened blocks are left
// alone, so that a second attempt at a format of a blank region, cut as well, is still recognised as that.
static int spoil_headers(struct flash_store *fs) {
    for (uint32_t b = 0; b < flash_blocks(fs); b++) {
        uint8_t bytes[FLASH_BLOCK_HEADER];
        struct flash_block_header header;
        int result = flash_read(fs, b * NOR_BLOCK_SIZE, bytes, sizeof bytes);
        if (result != 0) {
            return result;
        }
        flash_decode_block(bytes, &header);
        fs->erases[b] = header.valid ? header.erases : 0;
        if (header.opened) {
            result = flash_program(fs, b * NOR_BLOCK_SIZE, NULL, sizeof bytes);
        }
        if (result == STORE_ERR_IO) {
            return result;
        }
    }
    return 0;
}

static int format(struct flash_store *fs, uint32_t salt) {
    fs->salt = salt;
    uint32_t good = 0;
    uint32_t first = FLASH_BLOCKS_MAX;
    int spoiled = spoil_headers(fs);
    if (spoiled != 0) {
        return spoiled;
    }
    for (uint32_t b = flash_blocks(fs); b-- > 0;) {
        int result = format_block(fs, b);
        if (result == 0) {
            good++;
            first = b;
        } else if (result == FLASH_REFUSED) {
            flash_set_bad(fs, b);
        } else {
            return result;
        }
    }
    while (good >= FLASH_BLOCKS_MIN - 4u && first < flash_blocks(fs)) {
        uint8_t bytes[FLASH_HEADER_OPENED_SIZE];
        flash_encode_opened(bytes, 1, fs->bad);
        int result =
            flash_program(fs, first * NOR_BLOCK_SIZE + FLASH_HEADER_ERASED_SIZE, bytes, sizeof bytes);
        if (result != FLASH_REFUSED) {
            return result;
        }
        good--;
        do {
            flash_set_bad(fs, first);
            first++;
        } while (first < flash_blocks(fs) && flash_is_bad(fs, first));
    }
    return STORE_ERR_IO;
}

int flash_store_format(struct flash_store *fs, const struct nor_device *device, uint32_t salt) {
    if (!valid_size(device)) {
        return STORE_ERR_INVALID;
    }
    memset(fs, 0, sizeof *fs);
    fs->device = *device;
    return format(fs, salt);
}

int flash_store_mount(struct flash_store *fs, const struct nor_device *device) {
    if (!valid_size(device)) {
        return STORE_ERR_INVALID;
    }
    memset(fs, 0, sizeof *fs);
    fs->device = *device;
    fs->base.ops = &flash_store_ops;
    fs->first_serial = UINT32_MAX;
    bool ours = false;
    for (uint32_t b = 0; b < flash_blocks(fs) && !ours; b++) {
        uint8_t bytes[FLASH_BLOCK_HEADER];
        struct flash_block_header header;
        int result = flash_read(fs, b * NOR_BLOCK_SIZE, bytes, sizeof bytes);
        if (result != 0) {
            return result;
        }
        flash_decode_block(bytes, &header);
        if (header.valid) {
            if (header.version != FLASH_VERSION || header.blocks != flash_blocks(fs)) {
                return STORE_ERR_FOREIGN;
            }
            fs->salt = header.salt;
            ours = true;
        }
    }
    return ours ? flash_recover(fs, NULL) : STORE_ERR_FOREIGN;
}
