// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_LOG_H
#define EMULATOR_LOG_H

/*
 * The daemon's log: lines on standard error, each written at once so that threads do not mix theirs. When
 * standard error is the systemd journal, a line starts with its priority (sd-daemon(3)).
 *
 * Command and response data are never logged, at no level: they may hold PINs and keys.
 */

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,  /* changes of state: default */
    LOG_LEVEL_DEBUG, /* and each APDU: header, lengths, status word, time */
};

/* log_open: chooses what is logged. Without it the level is info. Call it before threads exist. */
void log_open(enum log_level level);

/* log_level_parse: "error", "warn", "info" or "debug" to a level. Returns false for anything else. */
bool log_level_parse(const char *text, enum log_level *level);

/* log_enabled: whether a line of `level` would be written. */
bool log_enabled(enum log_level level);

/* log_line: writes one line, at most 1000 bytes, without a newline at its end. Bytes below 0x20 come out as
 * '?'. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
