// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home_directory(void) {
    const char *home = getenv("HOME");
    const struct passwd *entry;

    if (home != NULL && home[0] == '/') {
        return home;
    }
    entry = getpwuid(geteuid());
    return entry != NULL ? entry->pw_dir : "/";
}

static int choose_state_directory(const char *given, char *path) {
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");

    if (given != NULL) {
        return snprintf(path, FILES_PATH_MAX, "%s", given);
    }
    if (systemd != NULL && systemd[0] == '/') {
        /* With several, separated by colons, the first is ours (systemd.exec(5)). */
        return snprintf(path, FILES_PATH_MAX, "%.*s", (int)strcspn(systemd, ":"), systemd);
    }
    if (geteuid() == 0) {
        return snprintf(path, FILES_PATH_MAX, "/var/lib/twinhsm");
    }
    if (xdg != NULL && xdg[0] == '/') {
        return snprintf(path, FILES_PATH_MAX, "%s/twinhsm", xdg);
    }
    return snprintf(path, FILES_PATH_MAX, "%s/.local/state/twinhsm", home_directory());
}

/* Creates what is missing of `path`. Returns 0 or an errno. */
static int make_directories(const char *path) {
    char partial[FILES_PATH_MAX];

    snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = strchr(partial + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(partial, 0700) != 0 && errno != EEXIST) {
            return errno;
        }
        if (slash == NULL) {
            return 0;
        }
        *slash = '/';
    }
}

int files_state_directory(const char *given, char *path, char *message, size_t message_size) {
    int len = choose_state_directory(given, path);
    struct stat status;
    int error;

    if (len <= 0 || (size_t)len >= FILES_PATH_MAX) {
        snprintf(message, message_size, "the path of the state directory is too long");
        return -1;
    }
    if (stat(path, &status) != 0) {
        error = make_directories(path);
    } else {
        error = S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    }
    if (error != 0) {
        snprintf(message, message_size,
                 "cannot create the state directory %s: %s; or choose another with --state", path,
                 files_explain(error));
        return -1;
    }
    return 0;
}

void files_directory_of(const char *path, char *directory) {
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        snprintf(directory, FILES_PATH_MAX, ".");
    } else if (slash == path) {
        snprintf(directory, FILES_PATH_MAX, "/");
    } else {
        snprintf(directory, FILES_PATH_MAX, "%.*s", (int)(slash - path), path);
    }
}

int files_sync_directory_of(const char *path) {
    char directory[FILES_PATH_MAX];
    int error = 0;
    int fd;

    files_directory_of(path, directory);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    if (fsync(fd) != 0 && errno != EINVAL) { /* EINVAL: a file system without it */
        error = errno;
    }
    close(fd);
    return error;
}

const char *files_explain(int error) {
    switch (error) {
    case ENOENT:
        return "its directory does not exist, create it first (mkdir -p)";
    case EACCES:
    case EPERM:
        return "permission denied, run as the owner of the directory or choose another place";
    case EROFS:
        return "the file system is read-only, choose another place";
    case ENOSPC:
    case EDQUOT:
        return "no space left, make room first";
    case EEXIST:
        return "it was created by someone else just now, start again";
    case ENOTDIR:
        return "a part of its path is not a directory";
    case ENAMETOOLONG:
        return "the name is too long";
    default:
        return strerror(error);
    }
}
