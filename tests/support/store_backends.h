// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_STORE_BACKENDS_H
#define TESTS_SUPPORT_STORE_BACKENDS_H

/* Every backend behind one face, for the tests that all of them must pass. */

#include "storage/flash.h"
#include "storage/store.h"
#include "tests/support/flash_sim.h"

enum store_backend { STORE_BACKEND_MEMORY, STORE_BACKEND_SQLITE, STORE_BACKEND_FLASH, STORE_BACKENDS };

/* One empty store, made for one test. */
struct store_case {
    enum store_backend backend;
    struct store *store;
    struct flash_sim *sim;    /* flash only */
    struct flash_store flash; /* flash only */
    char directory[64];       /* SQLite only: a directory of this case's own */
    char path[96];            /* SQLite only */
};

const char *store_backend_name(enum store_backend backend);

/* Aborts the test program when it cannot. `blocks`: size of the flash, for that backend. */
void store_case_open(struct store_case *store_case, enum store_backend backend, uint32_t blocks);
/* Closes and opens the store again, as a restart would. The memory store is left alone. */
void store_case_reopen(struct store_case *store_case);
/* Closes the store and removes what it leaves. */
void store_case_close(struct store_case *store_case);

/* A new empty directory under the directory for temporary files; `path` receives its name. Aborts if it
 * cannot. */
void store_temporary_directory(char *path, size_t size);
/* Removes a directory with the files in it. */
void store_remove_directory(const char *path);

#endif
