// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_SANDBOX_H
#define EMULATOR_SANDBOX_H

/*
 * Confines the process to what a card needs: by landlock(7) to the files in a few directories, by seccomp(2)
 * to the system calls of a program that has files, sockets and threads, but starts no other program.
 */

#include <stddef.h>

/*
 * sandbox_enter: confines the calling thread, and all threads it creates later, for good. Files can be read,
 * written, created and removed in the `count` directories only. What the kernel does not have is left out,
 * and said in a log line.
 */
void sandbox_enter(const char *const *directories, size_t count);

#endif
