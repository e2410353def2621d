// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/store_backends.h"

#include "storage/memory.h"
#include "storage/sqlite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void demand(int result, const char *what) {
    if (result != 0) {
        (void)fprintf(stderr, "store_backends: %s: %d\n", what, result);
        abort();
    }
}

void store_temporary_directory(char *path, size_t size) {
    const char *base = getenv("TMPDIR");
    int written = snprintf(path, size, "%s/twinhsm-XXXXXX", base == NULL || *base == 0 ? "/tmp" : base);
    demand(written < 0 || (size_t)written >= size || mkdtemp(path) == NULL, "temporary directory");
}

void store_remove_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

const char *store_backend_name(enum store_backend backend) {
    static const char *const names[STORE_BACKENDS] = {"memory", "sqlite", "flash"};
    return names[backend];
}

static void open_sqlite(struct store_case *store_case) {
    // Whether commits wait for the disk is not what these tests are about.
    struct store_sqlite_options options = {.ephemeral = true};
    char message[STORE_SQLITE_MESSAGE_MAX];
    demand(store_sqlite_open(store_case->path, &options, &store_case->store, message, sizeof message),
           message);
}

static void open_flash(struct store_case *store_case) {
    demand(flash_store_mount(&store_case->flash, flash_sim_device(store_case->sim)), "mount");
    store_case->store = &store_case->flash.base;
}

void store_case_open(struct store_case *store_case, enum store_backend backend, uint32_t blocks) {
    memset(store_case, 0, sizeof *store_case);
    store_case->backend = backend;
    switch (backend) {
    case STORE_BACKEND_SQLITE:
        store_temporary_directory(store_case->directory, sizeof store_case->directory);
        (void)snprintf(store_case->path, sizeof store_case->path, "%s/card.db", store_case->directory);
        open_sqlite(store_case);
        break;
    case STORE_BACKEND_FLASH:
        store_case->sim = flash_sim_new(blocks, 1);
        demand(flash_store_format(&store_case->flash, flash_sim_device(store_case->sim), 0x5EED), "format");
        open_flash(store_case);
        break;
    case STORE_BACKEND_MEMORY:
    case STORE_BACKENDS:
    default:
        demand(store_memory_open(&store_case->store), "memory");
        break;
    }
}

void store_case_reopen(struct store_case *store_case) {
    if (store_case->backend == STORE_BACKEND_MEMORY) {
        return;
    }
    store_close(store_case->store);
    if (store_case->backend == STORE_BACKEND_SQLITE) {
        open_sqlite(store_case);
    } else {
        open_flash(store_case);
    }
}

void store_case_close(struct store_case *store_case) {
    store_close(store_case->store);
    flash_sim_free(store_case->sim);
    if (store_case->directory[0] != 0) {
        store_remove_directory(store_case->directory);
    }
    memset(store_case, 0, sizeof *store_case);
}
