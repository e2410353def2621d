// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_FILES_H
#define EMULATOR_FILES_H

/* Where the daemon's files are, and what can be said when one cannot be had. */

#include <stddef.h>

#define FILES_PATH_MAX 4096u /* bytes, with the final zero: Linux's PATH_MAX */

/*
 * files_state_directory: the directory for cards that were given no path. `given` is that of --state, or NULL
 * for $STATE_DIRECTORY (set by systemd), or else /var/lib/twinhsm for root, $XDG_STATE_HOME/twinhsm or
 * ~/.local/state/twinhsm for others (XDG Base Directory Specification 0.8).
 * It is created with mode 0700, with its parents, when absent. `path` takes FILES_PATH_MAX bytes.
 * Returns 0, or -1 with one line in `message`.
 */
int files_state_directory(const char *given, char *path, char *message, size_t message_size);

/* files_directory_of: the directory part of `path`, "." when it has none; `directory` takes FILES_PATH_MAX
 * bytes. */
void files_directory_of(const char *path, char *directory);

/* files_sync_directory_of: makes the directory entry of `path` durable. Returns 0 or an errno. */
int files_sync_directory_of(const char *path);

/* files_explain: an errno in words that say what to do about it. */
const char *files_explain(int error);

#endif
