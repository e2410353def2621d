// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/store_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_random_seed(struct store_random *random, uint64_t seed) { random->state = seed; }

uint64_t store_random_next(struct store_random *random) {
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t store_random_below(struct store_random *random, uint32_t limit) {
    return (uint32_t)(store_random_next(random) >> 32) % limit;
}

void store_random_fill(struct store_random *random, void *data, size_t len) {
    uint8_t *to = data;
    while (len > 0) {
        uint64_t number = store_random_next(random);
        size_t now = len < sizeof number ? len : sizeof number;
        memcpy(to, &number, now);
        to += now;
        len -= now;
    }
}

uint64_t store_random_count(const char *name, uint64_t usual) {
    const char *text = getenv(name);
    return text == NULL || *text == 0 ? usual : strtoull(text, NULL, 0);
}

uint64_t store_random_run_seed(uint64_t usual) {
    uint64_t seed = store_random_count("TWINHSM_SEED", usual);
    (void)printf("seed %" PRIu64 " (TWINHSM_SEED=%" PRIu64 " replays)\n", seed, seed);
    return seed;
}
