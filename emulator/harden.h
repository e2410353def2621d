// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_HARDEN_H
#define EMULATOR_HARDEN_H

/* Keeps the secrets in the process: no core dumps, no swap, no debugger of the same user (prctl(2),
 * mlockall(2)). */

#include <stdbool.h>
#include <stddef.h>

/* The sanitizers attach to the process as a debugger does, read /proc and start helpers: what hinders an
 * attacker hinders them. */
#if defined(__SANITIZE_ADDRESS__)
#define HARDEN_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HARDEN_SANITIZER true
#endif
#endif
#if !defined(HARDEN_SANITIZER)
#define HARDEN_SANITIZER false
#endif

/* harden_process: does so for the whole process, as far as the system allows; call it first of all. */
void harden_process(void);

/*
 * harden_allocate: zeroed memory of `len` bytes for secrets, on pages of its own that are not dumped, nor
 * swapped as long as the limit on locked memory (RLIMIT_MEMLOCK) suffices. Returns NULL when there is no
 * memory.
 */
void *harden_allocate(size_t len);

/* harden_release: wipes and frees what harden_allocate gave. NULL is allowed. */
void harden_release(void *memory, size_t len);

#endif
