// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_NOTIFY_H
#define EMULATOR_NOTIFY_H

/*
 * Tells the outside how the daemon is doing: systemd by way of $NOTIFY_SOCKET (sd_notify(3)), scripts by a
 * file that exists from readiness to exit.
 */

#include <stddef.h>

/*
 * notify_open: connects to $NOTIFY_SOCKET if set, and takes note of `ready_file` (NULL = none; it must stay
 * valid). A file left over from an earlier run is removed. Returns 0, or -1 with one line in `message`.
 */
int notify_open(const char *ready_file, char *message, size_t message_size);

/* notify_status: a line of text for systemctl status. */
void notify_status(const char *text);

/* notify_ready: the daemon is ready. Any thread, at most once. */
void notify_ready(void);

/* notify_stopping: it is about to end; removes the ready file. */
void notify_stopping(void);

#endif
