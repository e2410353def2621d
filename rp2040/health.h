// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_HEALTH_H
#define RP2040_HEALTH_H

/*
 * The continuous health tests of a binary noise source: repetition count (NIST SP 800-90B, 4.4.1) and
 * adaptive proportion (4.4.2). Nothing here knows the hardware, so that the tests are tested on the host.
 *
 * The source is credited with 1/8 bit of min-entropy a sample. That is an assumption with a wide margin,
 * so that a source which drifts towards bias or correlation still delivers what is promised; it has not been
 * measured on boards (docs/firmware.md, "Entropy"). False alarms have a probability of 2^-30 each.
 */

#include <stdbool.h>
#include <stdint.h>

/* Samples that together hold one bit of min-entropy. */
#define HEALTH_SAMPLES_PER_BIT 8u

/* Repetition count: 1 + ceil(30 / H). */
#define HEALTH_REPETITION_CUTOFF 241u

/* Adaptive proportion: the window of binary sources, and 1 + critbinom(1024, 2^-H, 1 - 2^-30). */
#define HEALTH_WINDOW 1024u
#define HEALTH_PROPORTION_CUTOFF 988u

/* Samples of the start-up test, SP 800-90B, 4.3, requirement 4: at least 1024; two windows. */
#define HEALTH_STARTUP_SAMPLES (2u * HEALTH_WINDOW)

struct health {
    bool failed; /* for ever */
    bool started;
    uint8_t last;
    uint16_t repetitions; /* of `last` */
    uint8_t first;        /* of the window */
    uint16_t matches;     /* of `first` in the window */
    uint16_t position;    /* in the window */
};

/* health_init: before the first sample. */
void health_init(struct health *health);

/* health_sample: looks at one sample (0 or 1). Returns false once a test has failed. */
bool health_sample(struct health *health, uint8_t bit);

#endif
