// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Making files appear whole: a database is built under a name of its own and then given its real one, so that
// a process that dies meanwhile leaves no half-made card behind.

#define _POSIX_C_SOURCE 200809L

#include "storage/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sqlite_new_file(const char *path, char *temporary, size_t temporary_size) {
    int written = snprintf(temporary, temporary_size, "%s.new-XXXXXX", path);
    if (written < 0 || (size_t)written >= temporary_size) {
        return ENAMETOOLONG;
    }
    int fd = mkstemp(temporary);
    if (fd < 0) {
        return errno;
    }
    int result = fchmod(fd, S_IRUSR | S_IWUSR) == 0 ? 0 : errno;
    (void)close(fd);
    return result;
}

// A new name is durable only when its directory is.
static int sync_directory_of(const char *path) {
    char directory[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL) {
        memcpy(directory, ".", 2);
    } else if (len == 0) {
        memcpy(directory, "/", 2);
    } else if (len < sizeof directory) {
        memcpy(directory, path, len);
        directory[len] = 0;
    } else {
        return ENAMETOOLONG;
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    // Some network file systems cannot sync a directory and say EINVAL; there is nothing more to be had from
    // them.
    int result = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    (void)close(fd);
    return result;
}

int sqlite_publish(const char *temporary, const char *path) {
    // link() refuses an existing name, which rename() would replace.
    if (link(temporary, path) == 0) {
        (void)unlink(temporary);
    } else if (errno == EEXIST) {
        return EEXIST;
    } else {
        // A file system without hard links (FAT, some network ones).
        if (access(path, F_OK) == 0) {
            return EEXIST;
        }
        if (rename(temporary, path) != 0) {
            return errno;
        }
    }
    return sync_directory_of(path);
}
