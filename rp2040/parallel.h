// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_PARALLEL_H
#define RP2040_PARALLEL_H

/*
 * Core 1: a helper that takes one half of a long computation (hsm/crypto/parallel.h), and otherwise waits.
 *
 * It waits in RAM with its interrupts off, and only core 0 writes flash, and never during a computation: so
 * flash can be written at any time without stopping core 1.
 */

#include <stdint.h>

#define PARALLEL_STACK_SIZE 8192u /* bytes; prime search needs the most (docs/firmware.md) */
extern uint32_t parallel_stack[PARALLEL_STACK_SIZE / sizeof(uint32_t)];

/* parallel_start: starts core 1. */
void parallel_start(void);

/*
 * parallel_begin: has core 1 call job(argument); returns at once. parallel_end: waits until it has returned.
 * Each begin is followed by an end before the next.
 */
void parallel_begin(void (*job)(void *), void *argument);
void parallel_end(void);

#endif
