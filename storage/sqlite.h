// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_SQLITE_H
#define STORAGE_SQLITE_H

/*
 * A store in an SQLite database: one file per card.
 *
 * The file is in WAL mode with synchronous=FULL: a commit costs one fsync, and what it acknowledged survives
 * the death of the process, of the kernel and of the power supply, as far as the disk keeps the promises of
 * fsync. The store holds SQLite's exclusive lock from open to close, so that there is one writer (and no
 * reader beside it). The lock is the operating system's, on the file itself: it ends with the process,
 * whatever its pid namespace.
 *
 * Every column, and the rules for versions: docs/sqlite-format.md.
 */

#include "storage/store.h"

/* Room that a message of this header needs at most, terminating zero included. Longer ones are cut. */
#define STORE_SQLITE_MESSAGE_MAX 512u

struct store_sqlite_options {
    /* A missing file is an error (STORE_ERR_NOT_FOUND) rather than a new, blank card. */
    bool must_exist;

    /*
     * Commits wait for no disk. The file stays consistent when the process dies, but a power cut or a kernel
     * crash may lose or damage it. For throw-away cards only.
     */
    bool ephemeral;

    /* Name of the SQLite VFS to use; NULL for the system's own. The tests put one in that fails on demand. */
    const char *vfs;
};

/*
 * store_sqlite_open: opens the card file `path`, or creates it (mode 0600) when there is none. Older schema
 * versions are migrated. The structure of the file is checked before it is trusted; the content of a record
 * is checked by CRC when it is read.
 *
 * `options` may be NULL for the defaults (all members zero). On success `*out` is the store, to be released
 * by store_close. On an error `*out` is NULL, `message` (if not NULL, of `message_size` bytes) holds one line
 * for a human that names the file and says what to do, and whatever the file holds is left exactly as it was.
 *
 * Returns 0,
 * STORE_ERR_NOT_FOUND (must_exist and no file), STORE_ERR_ACCESS (no permission to read or write the file or
 * its directory, or no such directory), STORE_ERR_LOCKED (another process has it open), STORE_ERR_FOREIGN (no
 * TwinHSM card file, or one of a newer version), STORE_ERR_CORRUPT (damaged), STORE_ERR_FULL (disk full),
 * STORE_ERR_IO.
 */
int store_sqlite_open(const char *path, const struct store_sqlite_options *options, struct store **out,
                      char *message, size_t message_size);

/*
 * store_sqlite_backup: writes a consistent copy of the open store to the new file `path` (mode 0600, durable
 * when the call returns). The copy is a card file of its own that store_sqlite_open can open. An existing
 * `path` is refused. The store may be in use before and after; a transaction must not be open. `message` as
 * for store_sqlite_open. Returns 0, STORE_ERR_INVALID (a transaction is open, or `path` exists),
 * STORE_ERR_ACCESS, STORE_ERR_FULL, STORE_ERR_IO, STORE_ERR_CORRUPT.
 */
int store_sqlite_backup(struct store *store, const char *path, char *message, size_t message_size);

/*
 * store_sqlite_message: one line for the log on the last call of store.h that failed on this store because of
 * the medium; "" if none has. Valid until the next call on the store.
 */
const char *store_sqlite_message(const struct store *store);

#endif
