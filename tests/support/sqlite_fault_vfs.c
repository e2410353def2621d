// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/sqlite_fault_vfs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; // in the memory behind this struct
};

static struct {
    uint64_t calls;
    uint64_t at;
    enum sqlite_fault fault;
    bool set;
    bool lasting;
    bool hit;
    bool kill;
    bool half;
} state;

static sqlite3_vfs *system_vfs;

void sqlite_fault_at(uint64_t k, enum sqlite_fault fault, bool lasting) {
    state.at = state.calls + k;
    state.fault = fault;
    state.lasting = lasting;
    state.set = true;
    state.hit = false;
    state.kill = false;
}

void sqlite_fault_kill_at(uint64_t k, bool half) {
    sqlite_fault_at(k, SQLITE_FAULT_IO, false);
    state.kill = true;
    state.half = half;
}

void sqlite_fault_clear(void) { state.set = false; }

uint64_t sqlite_fault_calls(void) { return state.calls; }

bool sqlite_fault_hit(void) { return state.hit; }

static void die(void) {
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

// Counts a call; gives the result code of the fault that is to hit it, or SQLITE_OK.
static int strike(int code, bool takes_space) {
    uint64_t number = state.calls++;
    bool chosen = state.set && (number == state.at || (state.lasting && number > state.at));
    if (!chosen) {
        return SQLITE_OK;
    }
    if (state.kill) {
        if (!state.half || code != SQLITE_IOERR_WRITE) {
            die();
        }
        return SQLITE_IOERR;
    }
    if (state.fault == SQLITE_FAULT_FULL) {
        if (!takes_space) {
            return SQLITE_OK;
        }
        state.hit = true;
        return SQLITE_FULL;
    }
    state.hit = true;
    return code;
}

static sqlite3_file *real(sqlite3_file *file) { return ((struct fault_file *)file)->real; }

static int fault_close(sqlite3_file *file) {
    // A close that failed would leave the file open; SQLite ignores the result anyway.
    return real(file)->pMethods->xClose(real(file));
}

static int fault_read(sqlite3_file *file, void *data, int len, sqlite3_int64 offset) {
    int code = strike(SQLITE_IOERR_READ, false);
    return code != SQLITE_OK ? code : real(file)->pMethods->xRead(real(file), data, len, offset);
}

static int fault_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
    int code = strike(SQLITE_IOERR_WRITE, true);
    if (code != SQLITE_OK) {
        // As disks do: some of it has arrived.
        (void)real(file)->pMethods->xWrite(real(file), data, len / 2, offset);
        if (state.kill) {
            die();
        }
        return code;
    }
    return real(file)->pMethods->xWrite(real(file), data, len, offset);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = strike(SQLITE_IOERR_TRUNCATE, false);
    return code != SQLITE_OK ? code : real(file)->pMethods->xTruncate(real(file), size);
}

static int fault_sync(sqlite3_file *file, int flags) {
    int code = strike(SQLITE_IOERR_FSYNC, true);
    // What a sync that fails has written is unknown; here it has written all.
    return code != SQLITE_OK ? code : real(file)->pMethods->xSync(real(file), flags);
}

static int fault_size(sqlite3_file *file, sqlite3_int64 *size) {
    int code = strike(SQLITE_IOERR_FSTAT, false);
    return code != SQLITE_OK ? code : real(file)->pMethods->xFileSize(real(file), size);
}

static int fault_lock(sqlite3_file *file, int level) {
    int code = strike(SQLITE_IOERR_LOCK, false);
    return code != SQLITE_OK ? code : real(file)->pMethods->xLock(real(file), level);
}

static int fault_unlock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int fault_check_reserved(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}

static int fault_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int fault_sector_size(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }

static int fault_characteristics(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// Version 1: no shared memory and no memory mapping, which the store does not use.
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = fault_close,
                                           .xRead = fault_read,
                                           .xWrite = fault_write,
                                           .xTruncate = fault_truncate,
                                           .xSync = fault_sync,
                                           .xFileSize = fault_size,
                                           .xLock = fault_lock,
                                           .xUnlock = fault_unlock,
                                           .xCheckReservedLock = fault_check_reserved,
                                           .xFileControl = fault_control,
                                           .xSectorSize = fault_sector_size,
                                           .xDeviceCharacteristics = fault_characteristics};

static int fault_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                      int *out_flags) {
    struct fault_file *fault = (struct fault_file *)file;
    (void)vfs;
    fault->base.pMethods = NULL;
    fault->real = (sqlite3_file *)(void *)(fault + 1);
    int code = strike(SQLITE_CANTOPEN, (flags & SQLITE_OPEN_CREATE) != 0);
    if (code == SQLITE_OK) {
        code = system_vfs->xOpen(system_vfs, name, fault->real, flags, out_flags);
    }
    if (code == SQLITE_OK) {
        fault->base.pMethods = &methods;
    }
    return code;
}

static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    int code = strike(SQLITE_IOERR_DELETE, false);
    return code != SQLITE_OK ? code : system_vfs->xDelete(system_vfs, name, sync);
}

static int fault_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    (void)vfs;
    int code = strike(SQLITE_IOERR_ACCESS, false);
    return code != SQLITE_OK ? code : system_vfs->xAccess(system_vfs, name, flags, result);
}

void sqlite_fault_register(void) {
    static sqlite3_vfs vfs;
    if (system_vfs != NULL) {
        return;
    }
    system_vfs = sqlite3_vfs_find(NULL);
    if (system_vfs == NULL) {
        abort();
    }
    vfs = *system_vfs;
    vfs.zName = SQLITE_FAULT_VFS_NAME;
    vfs.szOsFile = (int)sizeof(struct fault_file) + system_vfs->szOsFile;
    vfs.pNext = NULL;
    vfs.xOpen = fault_open;
    vfs.xDelete = fault_delete;
    vfs.xAccess = fault_access;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
        abort();
    }
}
