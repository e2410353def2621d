// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Preloaded into the daemon: ends the process at once, as SIGKILL would, at the KILL_SHIM_AT-th call that
 * changes or syncs a file. What was written before stays; nothing of the process runs any more. For tests
 * only.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static void count(void) {
    static long at = -1;
    if (at < 0) {
        const char *text = getenv("KILL_SHIM_AT");
        at = text != NULL ? atol(text) : 0;
    }
    if (at != 0 && ++calls == at) {
        _exit(137);
    }
}

/* Each counts, then calls the real one. */
#define REAL(type, name, ...)                                                                                \
    static type (*real)(__VA_ARGS__);                                                                        \
    if (real == NULL) {                                                                                      \
        *(void **)&real = dlsym(RTLD_NEXT, name);                                                            \
    }                                                                                                        \
    count()

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return real(fd, data, len, offset);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return real(fd);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    return real(fd);
}

int ftruncate64(int fd, off64_t len) {
    REAL(int, "ftruncate64", int, off64_t);
    return real(fd, len);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return real(path);
}
