// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_FLASH_H
#define STORAGE_FLASH_H

/*
 * A store in NOR flash: a log of records with commit marks. It allocates nothing; all its state is the
 * caller's struct flash_store. It survives a power cut at any program or erase, bit rot (the one record it
 * hits is reported damaged), and blocks that refuse to be erased or programmed.
 *
 * When store_commit has returned 0, no byte of a superseded or deleted value is left in flash: the store
 * overwrites it in place with zeros, without waiting for an erase. A cut in between is made up for by the
 * next mount.
 *
 * Every byte: docs/flash-format.md. Why it is built this way, and measurements: docs/storage.md.
 */

#include "storage/nor.h"
#include "storage/store.h"

/* Largest region. A record's position is kept as 16 bits in units of 8 bytes. */
#define FLASH_BLOCKS_MAX 128u

/* Smallest region. Below this the reserves leave next to nothing for records. */
#define FLASH_BLOCKS_MIN 16u

/*
 * Chunks (values are stored in chunks of FLASH_CHUNK bytes) that the index can hold: live ones, and in an
 * open transaction also the ones it replaces. This is most of the RAM of the store, 4 bytes a chunk.
 */
#define FLASH_INDEX_MAX 1536u

/* Room of the index that only replacements and deletions may use, so that they succeed on a full store. */
#define FLASH_INDEX_RESERVE 64u

/* Bytes of a value in one record: 8 full records fill a block to the last byte. */
#define FLASH_CHUNK 480u

/* Bytes of a record beside the value. */
#define FLASH_RECORD_HEADER 24u

/* Records of one transaction, new and superseded, that are remembered by position. With more, the commit
 * scans. */
#define FLASH_TOUCHED_MAX 64u

/* What flash_store_wear tells. */
struct flash_wear {
    uint32_t blocks;      /* in the region, bad ones included */
    uint32_t bad_blocks;  /* out of use */
    uint32_t erases_min;  /* of the good blocks */
    uint32_t erases_max;  /* of the good blocks */
    uint32_t erases_mean; /* of the good blocks, rounded down */
};

/* Caller-owned; nothing in it is for the caller to read or write. */
struct flash_store {
    struct store base;
    struct nor_device device;
    uint32_t index[FLASH_INDEX_MAX];     /* id << 16 | position, ascending by id, then by chunk */
    uint32_t erases[FLASH_BLOCKS_MAX];   /* erase count of each block */
    uint16_t occupied[FLASH_BLOCKS_MAX]; /* bytes of records in the block that are not dead */
    uint8_t state[FLASH_BLOCKS_MAX];     /* enum flash_block_state */
    uint8_t bad[FLASH_BLOCKS_MAX / 8u];  /* bit n % 8 of byte n / 8 set: block n is out of use */
    uint16_t touched[FLASH_TOUCHED_MAX]; /* positions that the open transaction has made or superseded */
    uint8_t record[FLASH_RECORD_HEADER + FLASH_CHUNK]; /* the record being read, written or moved */
    uint32_t salt;                                     /* start value of the CRC of record headers */
    uint32_t serial;                                   /* of the next record */
    uint32_t first_serial;                             /* of the open transaction */
    uint32_t sequence;                                 /* of the next block to be opened */
    uint32_t live_bytes;                               /* of the records that the index names */
    uint32_t occupied_bytes;                           /* sum of occupied[] */
    uint16_t head_offset;                              /* where in block `head` the next record goes */
    uint16_t index_count;                              /* chunks in index[] */
    uint16_t id_count;                                 /* different ids in index[] */
    uint16_t occupied_records;                         /* chunks in flash that are not dead */
    uint16_t touched_count;
    uint16_t pending; /* records that the open transaction has written and still wants */
    uint8_t head;     /* block being filled */
    bool touched_overflow;
    bool failing;        /* some block is FLASH_BLOCK_FAILING */
    bool keep_shadowed;  /* superseded records may still be wanted: a transaction is open */
    bool keep_killers;   /* DELETE and COMMIT records are still wanted */
    bool levelled;       /* the last collection was for wear, the next one is for space */
    bool index_valid;    /* reading is possible */
    bool needs_recovery; /* an operation was broken off; recover before the next transaction */
};

_Static_assert(sizeof(struct flash_store) <= 8192, "the flash store is to work with 8 KiB of RAM");

/*
 * flash_store_is_blank: tells whether the region holds nothing: erased throughout, or the beginning of a
 * format of an erased region that was cut short. `*blank` receives the answer. Returns 0, STORE_ERR_INVALID
 * (size of the region), STORE_ERR_IO.
 */
int flash_store_is_blank(const struct nor_device *device, bool *blank);

/*
 * flash_store_format: erases the region, whatever it holds, and makes an empty store of it. The erase counts
 * of a TwinHSM region live on. `salt` is any number, best a random one: it keeps data in values from being
 * mistaken for record headers. Takes 46 ms a block on the usual device. `*store` is used as working memory;
 * mount it afterwards. Returns 0, STORE_ERR_INVALID (size of the region), STORE_ERR_IO (device gone, or too
 * many bad blocks).
 */
int flash_store_format(struct flash_store *store, const struct nor_device *device, uint32_t salt);

/*
 * flash_store_mount: opens the store in the region, finishing what a power cut has interrupted. It never
 * formats. `device` is copied. `*store` needs no preparation; afterwards &store->base is the store. On an
 * error the region holds what it held. Returns 0, STORE_ERR_INVALID (size of the region), STORE_ERR_FOREIGN
 * (blank, another format or version, or larger limits), STORE_ERR_CORRUPT (ours, but damaged beyond what the
 * store may repair), STORE_ERR_IO.
 */
int flash_store_mount(struct flash_store *store, const struct nor_device *device);

/*
 * flash_store_tidy: does one step (at most one erase and the moving of one block's records, about 60 ms) of
 * the clean-up that a later transaction would have to wait for. For idle moments. No transaction may be open.
 * `*more` receives whether another step would be of use.
 * Returns 0, STORE_ERR_INVALID (a transaction is open), STORE_ERR_IO.
 */
int flash_store_tidy(struct flash_store *store, bool *more);

/* flash_store_wear: tells the erase counts. */
void flash_store_wear(const struct flash_store *store, struct flash_wear *wear);

#endif
