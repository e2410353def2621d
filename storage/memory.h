// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_MEMORY_H
#define STORAGE_MEMORY_H

/*
 * A store in RAM, for cards that live as long as their process, and for tests. It allocates from the heap.
 * Every superseded or deleted value is wiped before its memory is released.
 *
 * Source: docs/storage.md, "Memory".
 */

#include "storage/store.h"

/* The records of a memory store at one moment. */
struct store_memory_snapshot;

/*
 * store_memory_open: creates an empty store in `*out`, to be released by store_close.
 * Returns 0, or STORE_ERR_FULL when there is no memory (`*out` is then NULL).
 */
int store_memory_open(struct store **out);

/*
 * store_memory_snapshot: copies all records of `store` (one made by store_memory_open) into `*out`, to be
 * released by store_memory_snapshot_free. Returns 0, STORE_ERR_INVALID (a transaction is open),
 * STORE_ERR_FULL (no memory).
 */
int store_memory_snapshot(struct store *store, struct store_memory_snapshot **out);

/*
 * store_memory_restore: replaces all records of `store` by those of `snapshot`, which stays valid and may be
 * restored any number of times, into any memory store. On an error the store is as it was. Returns 0,
 * STORE_ERR_INVALID (a transaction is open), STORE_ERR_FULL (no memory).
 */
int store_memory_restore(struct store *store, const struct store_memory_snapshot *snapshot);

/* store_memory_snapshot_free: wipes and releases a snapshot. NULL is allowed. */
void store_memory_snapshot_free(struct store_memory_snapshot *snapshot);

#endif
