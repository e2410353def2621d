// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_FLASH_INTERNAL_H
#define STORAGE_FLASH_INTERNAL_H

/* What the files of the flash store share. Nobody else includes this. Layout: docs/flash-format.md. */

#include "storage/flash.h"

/* Beside the errors of store.h: a block refused a program or an erase, and another one is to be tried. */
#define FLASH_REFUSED (-100)

#define FLASH_BLOCK_HEADER 64u
#define FLASH_BLOCK_ROOM (NOR_BLOCK_SIZE - FLASH_BLOCK_HEADER)

/* Positions and sizes of records are multiples of this, so that a position fits 16 bits. */
#define FLASH_UNIT 8u

#define FLASH_RECORD_MAX (FLASH_RECORD_HEADER + FLASH_CHUNK)

/* Full records leave no gap in a block; garbage collection counts on it (docs/flash-format.md, "Reserves").
 */
_Static_assert(FLASH_BLOCK_ROOM == 8u * FLASH_RECORD_MAX, "8 full records fill a block");
_Static_assert(FLASH_BLOCKS_MAX *NOR_BLOCK_SIZE / FLASH_UNIT <= 65536u, "positions fit 16 bits");
_Static_assert(FLASH_BLOCKS_MAX <= 256u, "block numbers fit 8 bits");

/*
 * Bytes of records that one block is sure to take, even if every record leaves the largest possible gap at
 * its end: a gap is smaller than a record.
 */
#define FLASH_BLOCK_SURE (FLASH_BLOCK_ROOM - FLASH_RECORD_MAX)

/* Collection begins when fewer erased blocks are left: one to move records to, two for blocks that refuse. */
#define FLASH_FREE_MIN 3u

/* Blocks that hold no records by right: the erased ones, the one being filled, and one for COMMIT and ERASE.
 */
#define FLASH_SPARE_BLOCKS (FLASH_FREE_MIN + 2u)

/*
 * Bytes that a transaction may fill beyond the capacity until it is committed, when afterwards the store
 * holds no more than the capacity: old and new values exist side by side meanwhile. It makes changing small
 * records possible on a full store, and an INITIALIZE that deletes everything and writes a dozen small files.
 */
#define FLASH_ALLOWANCE (4u * FLASH_BLOCK_SURE)

/* A block is emptied for the sake of wear when it has been erased this many times less than the most worn
 * one. */
#define FLASH_WEAR_SPREAD 12u

/* Blocks with an unreadable header that a mount tolerates. One cut explains one of them; rot may add a few.
 */
#define FLASH_DAMAGED_MAX 4u

enum flash_block_state {
    FLASH_BLOCK_FREE,      /* erased, header written, not opened */
    FLASH_BLOCK_USED,      /* opened; holds records */
    FLASH_BLOCK_FAILING,   /* opened; has refused a program; to be emptied and erased */
    FLASH_BLOCK_DIRTY,     /* holds nothing of use; to be erased */
    FLASH_BLOCK_ANNOUNCED, /* the same, and an ERASE record says so */
    FLASH_BLOCK_DAMAGED,   /* header unreadable; what it is turns out while mounting */
    FLASH_BLOCK_BAD,       /* out of use */
};

enum flash_kind {
    FLASH_KIND_DATA = 0x01,   /* one chunk of a value */
    FLASH_KIND_DELETE = 0x02, /* the ids `id` to `length` have no value older than this record */
    FLASH_KIND_COMMIT = 0x04, /* the records with serials from `aux` up to this one's are committed */
    FLASH_KIND_ERASE = 0x08,  /* block `id`, erased `aux` times, is about to be erased */
};

/* Flag in the kind byte: the value ended with this chunk when the record was written. */
#define FLASH_KIND_LAST 0x80u

struct flash_record {
    uint16_t id;
    uint16_t length;
    uint32_t serial;
    uint32_t aux; /* CRC of the payload, or as enum flash_kind says */
    uint8_t kind;
    uint8_t chunk;
    bool last;
    bool committed;
    bool torn_mark; /* the commit mark counts as set, but is not wholly so */
    bool dead;
};

struct flash_block_header {
    uint32_t erases;
    uint32_t salt;
    uint32_t sequence;
    uint16_t version;
    uint16_t blocks;
    uint8_t bad[FLASH_BLOCKS_MAX / 8u];
    bool valid;  /* the part written after an erase can be read */
    bool opened; /* the part written when the block was opened can be read */
    bool virgin; /* the part written when the block is opened is erased */
};

enum flash_decoded { FLASH_DECODED_RECORD, FLASH_DECODED_BLANK, FLASH_DECODED_GARBAGE };

/* flash_layout.c: between bytes and structs. Up to two wrong bits of a header are put right. */

#define FLASH_MAGIC "TwinHSMf"
#define FLASH_VERSION 1u
#define FLASH_HEADER_ERASED_SIZE 24u /* bytes written after an erase, from 0 on */
#define FLASH_HEADER_OPENED_SIZE 24u /* bytes written when opened, from FLASH_HEADER_ERASED_SIZE on */
#define FLASH_MARK_COMMIT 20u        /* offset of the commit mark in a record: 2 bytes */
#define FLASH_MARK_DEAD 22u          /* offset of the dead mark in a record: 2 bytes */

void flash_encode_erased(uint8_t bytes[FLASH_HEADER_ERASED_SIZE], uint32_t blocks, uint32_t erases,
                         uint32_t salt);
void flash_encode_opened(uint8_t bytes[FLASH_HEADER_OPENED_SIZE], uint32_t sequence, const uint8_t *bad);
void flash_decode_block(const uint8_t bytes[FLASH_BLOCK_HEADER], struct flash_block_header *header);
void flash_encode_record(uint8_t bytes[FLASH_RECORD_HEADER], const struct flash_record *record,
                         uint32_t salt);
enum flash_decoded flash_decode_record(uint8_t bytes[FLASH_RECORD_HEADER], struct flash_record *record,
                                       uint32_t salt, bool repair);

/* flash_payload: bytes of value in the record. flash_total: bytes that the record fills in its block. */
uint32_t flash_payload(const struct flash_record *record);
uint32_t flash_total(const struct flash_record *record);

static inline uint32_t flash_address(uint16_t position) { return (uint32_t)position * FLASH_UNIT; }
static inline uint8_t flash_block_of(uint16_t position) {
    return (uint8_t)(flash_address(position) / NOR_BLOCK_SIZE);
}
static inline uint32_t flash_blocks(const struct flash_store *fs) { return fs->device.size / NOR_BLOCK_SIZE; }

static inline bool flash_is_bad(const struct flash_store *fs, uint32_t block) {
    return (fs->bad[block / 8u] & 1u << block % 8u) != 0;
}
static inline void flash_set_bad(struct flash_store *fs, uint32_t block) {
    fs->bad[block / 8u] = (uint8_t)(fs->bad[block / 8u] | 1u << block % 8u);
    fs->state[block] = FLASH_BLOCK_BAD;
}

/* flash_index.c: the sorted list of live chunks. */

/* First place in the index with an id of at least `id`; index_count if none. */
uint16_t flash_index_lower(const struct flash_store *fs, uint16_t id);
/* First place of record `id`; `*count` receives the number of its chunks. */
uint16_t flash_index_run(const struct flash_store *fs, uint16_t id, uint16_t *count);
/* Place of a chunk, or where it belongs; `*found` tells which. Reads flash. */
int flash_index_find(struct flash_store *fs, uint16_t id, uint8_t chunk, uint16_t *place, bool *found);
bool flash_index_names(const struct flash_store *fs, uint16_t id, uint16_t position);
/* The caller has made sure of room, and corrects live_bytes. */
void flash_index_insert(struct flash_store *fs, uint16_t place, uint16_t id, uint16_t position);
void flash_index_remove(struct flash_store *fs, uint16_t place);
void flash_index_move(struct flash_store *fs, uint16_t id, uint16_t from, uint16_t to);
static inline uint16_t flash_index_position(const struct flash_store *fs, uint16_t place) {
    return (uint16_t)fs->index[place];
}
static inline uint16_t flash_index_id(const struct flash_store *fs, uint16_t place) {
    return (uint16_t)(fs->index[place] >> 16);
}

/* flash_log.c: reading, appending and marking records. */

int flash_read(struct flash_store *fs, uint32_t address, void *data, size_t len);
/* Programs and reads back. `data` NULL stands for zeros. 0, FLASH_REFUSED or STORE_ERR_IO. */
int flash_program(struct flash_store *fs, uint32_t address, const uint8_t *data, size_t len);
int flash_read_record(struct flash_store *fs, uint16_t position, struct flash_record *record);
/* Reads the payload into fs->record behind the header's room. STORE_ERR_CORRUPT when its CRC is wrong. */
int flash_read_payload(struct flash_store *fs, uint16_t position, const struct flash_record *record);
/* Writes fs->record (payload in place, header from `record`) to the head; room has been made by
 * flash_make_room. */
int flash_append(struct flash_store *fs, const struct flash_record *record, uint16_t *position);
/* Sets the commit mark. FLASH_REFUSED if it does not read as set afterwards. */
int flash_mark_committed(struct flash_store *fs, uint16_t position);
/* Wipes the payload, sets the dead mark. A refusal makes the block a failing one and is no error. */
int flash_mark_dead(struct flash_store *fs, uint16_t position, const struct flash_record *record);
void flash_block_fails(struct flash_store *fs, uint8_t block);
/* Opens an erased block as the new head. STORE_ERR_FULL if there is none. */
int flash_open_head(struct flash_store *fs);
void flash_touch(struct flash_store *fs, uint16_t position);
void flash_touch_move(struct flash_store *fs, uint16_t from, uint16_t to); /* to 0: forget */

typedef int flash_visit(struct flash_store *fs, uint16_t position, const struct flash_record *record,
                        void *argument);
/* Calls `visit` for each record of `block`, dead ones included; a result other than 0 ends the scan. `*end`,
   if not NULL, receives the offset behind the last record. */
int flash_scan_block(struct flash_store *fs, uint8_t block, flash_visit *visit, void *argument,
                     uint32_t *end);
/* The same for all blocks in use. */
int flash_scan(struct flash_store *fs, flash_visit *visit, void *argument);

/* flash_collect.c: erased blocks, garbage collection, wear. */

uint32_t flash_count_state(const struct flash_store *fs, enum flash_block_state state);
/* Makes room at the head for a record of `total` bytes, collecting as needed. */
int flash_make_room(struct flash_store *fs, uint32_t total);
/* Empties and erases all failing blocks. */
int flash_evacuate(struct flash_store *fs);
int flash_erase_block(struct flash_store *fs, uint8_t block, bool announced);
/* One step for flash_store_tidy. STORE_ERR_FULL when no block is worth it. */
int flash_collect_step(struct flash_store *fs);

/* flash_mount.c and flash_recover.c. */

struct flash_commit_range {
    uint32_t first;
    uint32_t end; /* first == end: empty */
};
/* Carries out what a commit has decided: settles, wipes, and removes DELETE and COMMIT records. `all`: look
   at every record, not only at the touched ones. */
int flash_finish(struct flash_store *fs, const struct flash_commit_range *range, bool all);
/* Reads the whole region anew, and finishes or undoes what was interrupted. `*committed`, if not NULL,
   receives whether the transaction that began with fs->first_serial counts as committed. */
int flash_recover(struct flash_store *fs, bool *committed);
uint32_t flash_capacity(const struct flash_store *fs);

/* flash.c */
extern const struct store_ops flash_store_ops;

#endif
