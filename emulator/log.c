// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_LEN 1000u

static enum log_level current_level = LOG_LEVEL_INFO;
static bool to_journal;

static const struct {
    const char *name;
    const char *journal_prefix; /* syslog priority, sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "<3>"},
    [LOG_LEVEL_WARN] = {"warn", "<4>"},
    [LOG_LEVEL_INFO] = {"info", "<6>"},
    [LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the journal's socket. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char expected[64];

    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    snprintf(expected, sizeof expected, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(stream, expected) == 0;
}

void log_open(enum log_level level) {
    current_level = level;
    to_journal = stderr_is_journal();
}

bool log_level_parse(const char *text, enum log_level *level) {
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level) { return level <= current_level; }

void log_line(enum log_level level, const char *format, ...) {
    char line[LINE_MAX_LEN + 2];
    va_list args;
    int start;
    int len;

    if (!log_enabled(level)) {
        return;
    }
    start = snprintf(line, sizeof line, "%stwinhsmd: ", to_journal ? levels[level].journal_prefix : "");
    va_start(args, format);
    len = vsnprintf(line + start, LINE_MAX_LEN - (size_t)start, format, args);
    va_end(args);
    if (len < 0) {
        return;
    }
    len = (int)strlen(line);
    /* A file name must not be able to forge a second line or steer a terminal. */
    for (int i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F) {
            line[i] = '?';
        }
    }
    line[len] = '\n';
    if (write(STDERR_FILENO, line, (size_t)len + 1u) < 0) {
        return; /* nobody left to tell */
    }
}
