// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_SQLITE_FAULT_VFS_H
#define TESTS_SUPPORT_SQLITE_FAULT_VFS_H

/*
 * An SQLite VFS that passes everything to the system's own, counts the calls that touch files, and fails one
 * of them, or all from one on, as a failing or full disk would.
 */

#include <stdbool.h>
#include <stdint.h>

#define SQLITE_FAULT_VFS_NAME "twinhsm-fault"

enum sqlite_fault {
    SQLITE_FAULT_IO,   /* the call fails with an I/O error; a write may have happened in part */
    SQLITE_FAULT_FULL, /* writes (and opening a new file) fail for want of space; other calls succeed */
    SQLITE_FAULTS
};

/* Registers the VFS under SQLITE_FAULT_VFS_NAME. */
void sqlite_fault_register(void);

/* Makes the `k`-th call from now (0 is the next) fail, and with `lasting` every later one as well. */
void sqlite_fault_at(uint64_t k, enum sqlite_fault fault, bool lasting);

/* Nothing fails any more. */
void sqlite_fault_clear(void);

/* Calls since the program began; and whether a fault has been met since sqlite_fault_at. */
uint64_t sqlite_fault_calls(void);
bool sqlite_fault_hit(void);

/*
 * The chosen call does not fail but ends the process by SIGKILL: before it does anything, or (with `half`,
 * for a write) when half of it is done.
 */
void sqlite_fault_kill_at(uint64_t k, bool half);

#endif
