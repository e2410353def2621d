// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "emulator/files.h"
#include "emulator/log.h"

/* Longer than any process id: a file that holds more is not one of ours. */
#define READY_FILE_MAX 16

static int notify_socket = -1;
static const char *ready_path;

static void open_socket(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len;

    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    len = strlen(path);
    if (len >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* the abstract namespace, unix(7) */
    }
    notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify_socket >= 0 && connect(notify_socket, (const struct sockaddr *)&address,
                                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
        log_warn("cannot reach the service manager at NOTIFY_SOCKET %s: %s", path, strerror(errno));
        close(notify_socket);
        notify_socket = -1;
    }
}

static int remove_leftover(const char *path, char *message, size_t message_size) {
    struct stat status;

    if (lstat(path, &status) != 0) {
        if (errno == ENOENT) {
            return 0;
        }
        snprintf(message, message_size, "cannot use the ready file %s: %s", path, files_explain(errno));
        return -1;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > READY_FILE_MAX) {
        snprintf(message, message_size,
                 "%s exists and is no ready file of an earlier run: choose another name with --ready-file",
                 path);
        return -1;
    }
    if (unlink(path) != 0) {
        snprintf(message, message_size, "cannot remove the old ready file %s: %s", path,
                 files_explain(errno));
        return -1;
    }
    return 0;
}

int notify_open(const char *ready_file, char *message, size_t message_size) {
    open_socket();
    if (ready_file != NULL) {
        if (remove_leftover(ready_file, message, message_size) != 0) {
            return -1;
        }
        ready_path = ready_file;
    }
    return 0;
}

static void tell(const char *text) {
    if (notify_socket >= 0) {
        (void)send(notify_socket, text, strlen(text), MSG_NOSIGNAL);
    }
}

void notify_status(const char *text) {
    char line[256];

    snprintf(line, sizeof line, "STATUS=%s", text);
    tell(line);
}

void notify_ready(void) {
    tell("READY=1");
    if (ready_path != NULL) {
        char pid[READY_FILE_MAX];
        int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        int fd = open(ready_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0 || write(fd, pid, (size_t)len) != len) {
            log_error("cannot write the ready file %s: %s", ready_path, strerror(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

void notify_stopping(void) {
    tell("STOPPING=1");
    if (ready_path != NULL) {
        (void)unlink(ready_path);
    }
}
