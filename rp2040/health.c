// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/health.h"

#include <string.h>

void health_init(struct health *health) { memset(health, 0, sizeof *health); }

static void repetition_count(struct health *health, uint8_t bit) {
    if (health->started && bit == health->last) {
        health->repetitions++;
    } else {
        health->started = true;
        health->last = bit;
        health->repetitions = 1;
    }
    if (health->repetitions >= HEALTH_REPETITION_CUTOFF) {
        health->failed = true;
    }
}

static void adaptive_proportion(struct health *health, uint8_t bit) {
    if (health->position == 0) {
        health->first = bit;
        health->matches = 0;
    }
    if (bit == health->first) {
        health->matches++;
    }
    if (health->matches >= HEALTH_PROPORTION_CUTOFF) {
        health->failed = true;
    }
    health->position = (uint16_t)((health->position + 1u) % HEALTH_WINDOW);
}

bool health_sample(struct health *health, uint8_t bit) {
    repetition_count(health, bit);
    adaptive_proportion(health, bit);
    return !health->failed;
}
