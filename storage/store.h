// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

/*
 * The store: transactional records, the only thing the engine knows about persistence.
 *
 * A record is a value of 0 to STORE_VALUE_MAX bytes under a 16-bit id. All changes are made inside a
 * transaction: begin, any number of put / patch / del, then commit or abort. What commit has acknowledged
 * with 0 survives a power cut at any later moment; what was not committed leaves no trace. A transaction
 * that is cut during commit is afterwards either wholly there or wholly absent, never between.
 *
 * Reads inside a transaction see the changes of that transaction.
 *
 * The ids 0x0000 and 0xFFFF are reserved for backends and never name a record.
 *
 * One store is used by one thread at a time. Backends embed `struct store` as their first member and set
 * `ops`; the engine calls only the functions below. Values given to the store are already sealed by the
 * engine where they are secret (docs/security.md); a backend nevertheless erases superseded bytes as soon as
 * its medium permits.
 *
 * Source: docs/architecture.md, "Storage".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 KiB less one byte: a length then fits 16 bits in the flash format, and no client writes larger files. */
#define STORE_VALUE_MAX 65535u

/* Lowest and highest id that a record may have. */
#define STORE_ID_MIN 0x0001u
#define STORE_ID_MAX 0xFFFEu

enum store_error {
    STORE_OK = 0,
    STORE_ERR_NOT_FOUND = -1, /* no record under this id (or no further record, for store_next) */
    STORE_ERR_FULL = -2,      /* no room; the open transaction must be aborted, nothing committed is harmed */
    STORE_ERR_IO = -3,        /* the medium failed; the open transaction must be aborted */
    STORE_ERR_CORRUPT = -4,   /* the medium holds something that no correct run writes */
    STORE_ERR_INVALID = -5, /* the call breaks a rule of this header (bad id, length, no transaction, ...) */
    STORE_ERR_LOCKED = -6,  /* another process is the one writer of this store */
    STORE_ERR_FOREIGN = -7, /* the medium holds another format, or a version this build cannot read */
    STORE_ERR_ACCESS = -8,  /* opening only: the operating system denies reading or writing the medium */
};

/* Space and population of a store. All sizes in bytes. */
struct store_usage {
    uint32_t capacity; /* total bytes that records may fill, overhead included; UINT32_MAX = practically
                          unlimited */
    uint32_t used;     /* bytes that live records fill now, overhead included */
    uint32_t free;     /* bytes that new records may still fill */
    uint32_t records;  /* number of live records */
};

struct store;

/* What a backend implements. Each member obeys the function of the same name below. */
struct store_ops {
    int (*begin)(struct store *store);
    int (*commit)(struct store *store);
    int (*abort)(struct store *store);
    int (*put)(struct store *store, uint16_t id, const void *data, size_t len);
    int (*patch)(struct store *store, uint16_t id, size_t offset, const void *data, size_t len);
    int (*del)(struct store *store, uint16_t id);
    int (*del_range)(struct store *store, uint16_t first, uint16_t last);
    int (*get)(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len);
    int (*size)(struct store *store, uint16_t id, size_t *len);
    int (*next)(struct store *store, uint16_t after, uint16_t *id);
    int (*usage)(struct store *store, struct store_usage *usage);
    void (*close)(struct store *store);
};

/*
 * A backend sets `ops` and leaves the rest zero; the dispatch in store.c keeps the rules that are the same
 * for every medium: one transaction at a time, no change outside of one, and no commit of a transaction in
 * which a change has failed (it would be half a transaction).
 */
struct store {
    const struct store_ops *ops;
    bool in_transaction;
    int failure; /* first STORE_ERR_FULL, _IO or _CORRUPT of a change in the open transaction, else 0 */
};

/*
 * store_begin: opens a transaction. Transactions do not nest.
 * Returns 0, STORE_ERR_INVALID (one is open already), STORE_ERR_IO.
 */
int store_begin(struct store *store);

/*
 * store_commit: makes all changes since store_begin durable, at once or not at all. The transaction is closed
 * whatever is returned: on an error none of its changes is visible afterwards.
 * A transaction without changes commits without touching the medium. A transaction in which a change has
 * failed for the medium's sake (STORE_ERR_FULL, _IO, _CORRUPT) is aborted instead, and that error is
 * returned. Returns 0, STORE_ERR_FULL, STORE_ERR_IO, STORE_ERR_INVALID (no transaction open).
 */
int store_commit(struct store *store);

/*
 * store_abort: forgets all changes since store_begin. Always closes the transaction.
 * Returns 0, or STORE_ERR_INVALID (no transaction open).
 */
int store_abort(struct store *store);

/*
 * store_put: creates the record `id`, or replaces its whole value, by `len` (0..STORE_VALUE_MAX) bytes.
 * Needs an open transaction. Returns 0, STORE_ERR_FULL, STORE_ERR_IO, STORE_ERR_INVALID.
 */
int store_put(struct store *store, uint16_t id, const void *data, size_t len);

/*
 * store_patch: writes `len` bytes into an existing record from `offset` (0..current size) on. The record
 * grows when the patch reaches past its end; it never shrinks. Needs an open transaction. Returns 0,
 * STORE_ERR_NOT_FOUND, STORE_ERR_FULL, STORE_ERR_IO, STORE_ERR_INVALID (offset past the end, or the result
 * above STORE_VALUE_MAX).
 */
int store_patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len);

/*
 * store_del: removes the record `id`. Needs an open transaction. It succeeds also on a full store.
 * Returns 0, STORE_ERR_NOT_FOUND, STORE_ERR_IO, STORE_ERR_INVALID.
 */
int store_del(struct store *store, uint16_t id);

/*
 * store_del_range: removes every record with first <= id <= last; none there is no error. Needs an open
 * transaction. It succeeds also on a full store. Returns 0, STORE_ERR_IO, STORE_ERR_INVALID (first > last).
 */
int store_del_range(struct store *store, uint16_t first, uint16_t last);

/*
 * store_get: copies up to `cap` bytes of record `id` from `offset` on into `buf`; `*len` receives the number
 * copied. An offset at or past the end gives 0 bytes and no error.
 * Returns 0, STORE_ERR_NOT_FOUND, STORE_ERR_IO, STORE_ERR_CORRUPT, STORE_ERR_INVALID.
 */
int store_get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len);

/*
 * store_size: gives the length of record `id` in bytes.
 * Returns 0, STORE_ERR_NOT_FOUND, STORE_ERR_IO, STORE_ERR_CORRUPT.
 */
int store_size(struct store *store, uint16_t id, size_t *len);

/*
 * store_next: gives the lowest record id above `after` (0 to start). Ids ascend.
 * Returns 0, STORE_ERR_NOT_FOUND when there is none, STORE_ERR_IO.
 */
int store_next(struct store *store, uint16_t after, uint16_t *id);

/* store_usage: space and population as of now. Returns 0 or STORE_ERR_IO. */
int store_usage(struct store *store, struct store_usage *usage);

/* store_close: aborts an open transaction, releases everything the backend holds. NULL is allowed. */
void store_close(struct store *store);

/* store_error_text: one English line for an error code of this header, never NULL. */
const char *store_error_text(int error);

#endif
