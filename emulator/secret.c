// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator/files.h"
#include "emulator/platform_linux.h"
#include "hsm/crypto/util.h"

int secret_locate(struct secret_source *source, const char *card, const char *given, char *message,
                  size_t message_size) {
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    int len;

    source->credential = false;
    if (given != NULL) {
        len = snprintf(source->path, sizeof source->path, "%s", given);
    } else {
        if (directory != NULL && directory[0] != '\0') {
            len = snprintf(source->path, sizeof source->path, "%s/" SECRET_CREDENTIAL, directory);
            if (len > 0 && (size_t)len < sizeof source->path && access(source->path, F_OK) == 0) {
                source->credential = true;
                return 0;
            }
        }
        len = snprintf(source->path, sizeof source->path, "%s.secret", card);
    }
    if (len < 0 || (size_t)len >= sizeof source->path) {
        snprintf(message, message_size, "the path of the device secret is too long");
        return -1;
    }
    return 0;
}

bool secret_exists(const struct secret_source *source) {
    return access(source->path, F_OK) == 0 || errno != ENOENT;
}

static int check_guarded(const struct secret_source *source, const struct stat *status, char *message,
                         size_t message_size) {
    if (!S_ISREG(status->st_mode)) {
        snprintf(message, message_size,
                 "device secret %s is not a plain file: name the right one with --secret", source->path);
        return -1;
    }
    if (source->credential) {
        return 0; /* systemd guards it by other means, too */
    }
    if (status->st_uid != geteuid() && status->st_uid != 0) {
        snprintf(message, message_size,
                 "device secret %s belongs to another user (uid %u): run as that user, or: chown %u %s",
                 source->path, (unsigned)status->st_uid, (unsigned)geteuid(), source->path);
        return -1;
    }
    if ((status->st_mode & 077) != 0) {
        snprintf(message, message_size,
                 "device secret %s can be read or changed by others (mode %04o): chmod 600 %s", source->path,
                 (unsigned)(status->st_mode & 07777), source->path);
        return -1;
    }
    return 0;
}

int secret_read(const struct secret_source *source, uint8_t out[HSM_DEVICE_SECRET_LEN], char *message,
                size_t message_size) {
    uint8_t content[HSM_DEVICE_SECRET_LEN + 1];
    struct stat status;
    ssize_t len;
    int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status) != 0) {
        snprintf(message, message_size, "cannot read the device secret %s: %s", source->path,
                 strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    if (check_guarded(source, &status, message, message_size) != 0) {
        close(fd);
        return -1;
    }
    len = read(fd, content, sizeof content);
    close(fd);
    if (len != HSM_DEVICE_SECRET_LEN) {
        crypto_wipe(content, sizeof content);
        snprintf(message, message_size,
                 "device secret %s does not have %u bytes: bring the right file back from your backup",
                 source->path, HSM_DEVICE_SECRET_LEN);
        return -1;
    }
    memcpy(out, content, HSM_DEVICE_SECRET_LEN);
    crypto_wipe(content, sizeof content);
    return 0;
}

static int write_file(const char *path, const uint8_t *data, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    if (write(fd, data, len) != (ssize_t)len || fsync(fd) != 0) {
        error = errno != 0 ? errno : EIO;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error != 0) {
        (void)unlink(path);
    }
    return error;
}

int secret_create(const struct secret_source *source, uint8_t out[HSM_DEVICE_SECRET_LEN], char *message,
                  size_t message_size) {
    char temporary[sizeof source->path + 32];
    int error;

    if (platform_random(NULL, out, HSM_DEVICE_SECRET_LEN) != 0) {
        snprintf(message, message_size, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    /* Written aside and linked into place: whoever sees the name sees all 32 bytes, and an existing one
     * stays. */
    snprintf(temporary, sizeof temporary, "%s.new-%ld", source->path, (long)getpid());
    errno = 0;
    error = write_file(temporary, out, HSM_DEVICE_SECRET_LEN);
    if (error == 0) {
        if (link(temporary, source->path) != 0) {
            error = errno;
        }
        (void)unlink(temporary);
    }
    if (error == 0) {
        error = files_sync_directory_of(source->path);
    }
    if (error != 0) {
        crypto_wipe(out, HSM_DEVICE_SECRET_LEN);
        snprintf(message, message_size, "cannot create the device secret %s: %s", source->path,
                 files_explain(error));
        return -1;
    }
    return 0;
}
