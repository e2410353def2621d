// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The bytes in flash (docs/flash-format.md). All numbers are little endian.

#include "storage/flash_internal.h"

#include "storage/crc32.h"

#include <string.h>

// Offsets in the header of a block.
#define AT_MAGIC 0u
#define AT_VERSION 8u
#define AT_BLOCKS 10u
#define AT_ERASES 12u
#define AT_SALT 16u
#define AT_ERASED_CRC 20u
#define AT_SEQUENCE 24u
#define AT_BAD 28u
#define AT_OPENED_CRC 44u

// Offsets in the header of a record.
#define AT_ID 0u
#define AT_LENGTH 2u
#define AT_SERIAL 4u
#define AT_KIND 8u
#define AT_CHUNK 9u
#define AT_UNUSED 10u
#define AT_AUX 12u
#define AT_RECORD_CRC 16u

static void put16(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *p, uint32_t value) {
    put16(p, value);
    put16(p + 2, value >> 16);
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16; }

static bool all_bytes(const uint8_t *p, size_t len, uint8_t value) {
    for (size_t i = 0; i < len; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

// One step from the syndrome of an error in bit n to that of an error in bit n - 1 (bits in the order of the
// CRC).
static uint32_t syndrome_before(uint32_t syndrome) {
    return (syndrome >> 1) ^ ((syndrome & 1u) != 0 ? CRC32_POLYNOMIAL : 0u);
}

// Checks `len` bytes that are followed by their CRC. With `repair`, up to two wrong bits anywhere among them
// are put right in place: at these lengths any two of this code's words differ in at least six bits (Koopman
// and Chakravarty, "Cyclic Redundancy Code (CRC) Polynomial Selection For Embedded Networks", DSN 2004), so
// that the repair is unique and three or four wrong bits are still found to be wrong.
static bool check_crc(uint8_t *bytes, size_t len, uint32_t salt, bool repair) {
    uint32_t wrong = crc32_update(salt, bytes, len) ^ get32(bytes + len);
    if (wrong == 0) {
        return true;
    }
    if (!repair) {
        return false;
    }
    uint32_t one = 0x80000000u; // an error in the last bit of the CRC
    for (size_t i = (len + 4) * 8; i-- > 0; one = syndrome_before(one)) {
        if (one == wrong) {
            bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
            return true;
        }
        uint32_t other = syndrome_before(one);
        for (size_t j = i; j-- > 0; other = syndrome_before(other)) {
            if ((one ^ other) == wrong) {
                bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
                bytes[j / 8] ^= (uint8_t)(1u << (j % 8));
                return true;
            }
        }
    }
    return false;
}

// A mark is written as 0000. A cut can leave any of its bits cleared, and either reading is then right, as
// long as it stays the same; a rotten bit changes nothing.
static bool mark_set(const uint8_t *mark) {
    unsigned zeros = 0;
    for (unsigned bit = 0; bit < 16; bit++) {
        zeros += (get16(mark) & 1u << bit) == 0;
    }
    return zeros >= 8;
}

void flash_encode_erased(uint8_t bytes[FLASH_HEADER_ERASED_SIZE], uint32_t blocks, uint32_t erases,
                         uint32_t salt) {
    memcpy(bytes + AT_MAGIC, FLASH_MAGIC, 8);
    put16(bytes + AT_VERSION, FLASH_VERSION);
    put16(bytes + AT_BLOCKS, blocks);
    put32(bytes + AT_ERASES, erases);
    put32(bytes + AT_SALT, salt);
    put32(bytes + AT_ERASED_CRC, crc32_update(0, bytes, AT_ERASED_CRC));
}

void flash_encode_opened(uint8_t bytes[FLASH_HEADER_OPENED_SIZE], uint32_t sequence, const uint8_t *bad) {
    put32(bytes, sequence);
    memcpy(bytes + (AT_BAD - AT_SEQUENCE), bad, FLASH_BLOCKS_MAX / 8u);
    put32(bytes + (AT_OPENED_CRC - AT_SEQUENCE), crc32_update(0, bytes, AT_OPENED_CRC - AT_SEQUENCE));
}

void flash_decode_block(const uint8_t bytes[FLASH_BLOCK_HEADER], struct flash_block_header *header) {
    uint8_t copy[FLASH_BLOCK_HEADER];
    memcpy(copy, bytes, sizeof copy);
    *header = (struct flash_block_header){0};
    header->virgin = all_bytes(copy + AT_SEQUENCE, FLASH_HEADER_OPENED_SIZE, 0xFF);
    header->valid = check_crc(copy, AT_ERASED_CRC, 0, true) && memcmp(copy, FLASH_MAGIC, 8) == 0;
    header->opened = !header->virgin && check_crc(copy + AT_SEQUENCE, AT_OPENED_CRC - AT_SEQUENCE, 0, true);
    header->version = get16(copy + AT_VERSION);
    header->blocks = get16(copy + AT_BLOCKS);
    header->erases = get32(copy + AT_ERASES);
    header->salt = get32(copy + AT_SALT);
    header->sequence = get32(copy + AT_SEQUENCE);
    memcpy(header->bad, copy + AT_BAD, sizeof header->bad);
}

void flash_encode_record(uint8_t bytes[FLASH_RECORD_HEADER], const struct flash_record *record,
                         uint32_t salt) {
    put16(bytes + AT_ID, record->id);
    put16(bytes + AT_LENGTH, record->length);
    put32(bytes + AT_SERIAL, record->serial);
    bytes[AT_KIND] = (uint8_t)(record->kind | (record->last ? FLASH_KIND_LAST : 0u));
    bytes[AT_CHUNK] = record->chunk;
    put16(bytes + AT_UNUSED, 0xFFFFu);
    put32(bytes + AT_AUX, record->aux);
    put32(bytes + AT_RECORD_CRC, crc32_update(salt, bytes, AT_RECORD_CRC));
    put16(bytes + FLASH_MARK_COMMIT, 0xFFFFu);
    put16(bytes + FLASH_MARK_DEAD, 0xFFFFu);
}

enum flash_decoded flash_decode_record(uint8_t bytes[FLASH_RECORD_HEADER], struct flash_record *record,
                                       uint32_t salt, bool repair) {
    if (all_bytes(bytes, FLASH_RECORD_HEADER, 0xFF)) {
        return FLASH_DECODED_BLANK;
    }
    // While searching behind damage, most of what is looked at can be told from a header without a CRC.
    if (!repair && get16(bytes + AT_UNUSED) != 0xFFFFu) {
        return FLASH_DECODED_GARBAGE;
    }
    if (all_bytes(bytes, FLASH_MARK_COMMIT, 0) || !check_crc(bytes, AT_RECORD_CRC, salt, repair)) {
        return FLASH_DECODED_GARBAGE;
    }
    record->id = get16(bytes + AT_ID);
    record->length = get16(bytes + AT_LENGTH);
    record->serial = get32(bytes + AT_SERIAL);
    record->kind = bytes[AT_KIND] & (uint8_t)~FLASH_KIND_LAST;
    record->last = (bytes[AT_KIND] & FLASH_KIND_LAST) != 0;
    record->chunk = bytes[AT_CHUNK];
    record->aux = get32(bytes + AT_AUX);
    record->committed = mark_set(bytes + FLASH_MARK_COMMIT);
    record->torn_mark = record->committed && get16(bytes + FLASH_MARK_COMMIT) != 0;
    record->dead = mark_set(bytes + FLASH_MARK_DEAD);
    switch (record->kind) {
    case FLASH_KIND_DATA:
        return record->length <= FLASH_CHUNK ? FLASH_DECODED_RECORD : FLASH_DECODED_GARBAGE;
    case FLASH_KIND_DELETE:
    case FLASH_KIND_COMMIT:
    case FLASH_KIND_ERASE:
        return FLASH_DECODED_RECORD;
    default:
        return FLASH_DECODED_GARBAGE;
    }
}

uint32_t flash_payload(const struct flash_record *record) {
    return record->kind == FLASH_KIND_DATA ? record->length : 0;
}

uint32_t flash_total(const struct flash_record *record) {
    uint32_t bytes = FLASH_RECORD_HEADER + flash_payload(record);
    return (bytes + FLASH_UNIT - 1) / FLASH_UNIT * FLASH_UNIT;
}
