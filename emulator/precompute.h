// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_PRECOMPUTE_H
#define EMULATOR_PRECOMPUTE_H

/*
 * RSA keys found ahead of time: a thread that only gets processor time which nobody else wants (SCHED_IDLE)
 * keeps one key of 2048 bits ready, and one of 3072 and 4096 bits each from the first time that size is asked
 * for. The keys are in memory only, each is given away once, and those nobody takes are wiped at the end.
 */

#include <stddef.h>
#include <stdint.h>

struct precompute;

/* precompute_start: starts the search. Returns NULL when there is no memory, entropy or thread for it. */
struct precompute *precompute_start(void);

/*
 * precompute_take: moves a key of `bits` with exponent 65537 to `priv`, in the packed form of
 * hsm/crypto/rsa.h. Returns its length, or 0 when none is ready or `cap` bytes are not enough. Any thread may
 * call it.
 */
size_t precompute_take(struct precompute *precompute, size_t bits, uint8_t *priv, size_t cap);

/* precompute_stop: ends the search and wipes the keys. The process must exit soon after: a search in the
 * middle of a prime is parked, not finished. NULL is allowed. */
void precompute_stop(struct precompute *precompute);

#endif
