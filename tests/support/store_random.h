// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_STORE_RANDOM_H
#define TESTS_SUPPORT_STORE_RANDOM_H

/*
 * Random numbers for the storage tests: the same everywhere for the same seed, so that a printed seed replays
 * a test. The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014).
 */

#include <stddef.h>
#include <stdint.h>

struct store_random {
    uint64_t state;
};

void store_random_seed(struct store_random *random, uint64_t seed);
uint64_t store_random_next(struct store_random *random);
/* A number from 0 to `limit` - 1; `limit` at least 1. */
uint32_t store_random_below(struct store_random *random, uint32_t limit);
void store_random_fill(struct store_random *random, void *data, size_t len);

/*
 * The seed of this run: from the environment variable TWINHSM_SEED if it is set (decimal, or hexadecimal with
 * 0x), else `usual`. Prints it.
 */
uint64_t store_random_run_seed(uint64_t usual);

/* A count from the environment variable `name`, else `usual`. */
uint64_t store_random_count(const char *name, uint64_t usual);

#endif
