// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_ENTROPY_H
#define RP2040_ENTROPY_H

/*
 * The entropy source: bits of the ring oscillator, watched by the health tests of health.h, conditioned with
 * SHA-256 (a vetted conditioning component, SP 800-90B, 3.1.5.1.1).
 */

#include <stddef.h>
#include <stdint.h>

/* entropy_start: runs the start-up test. Returns 0, or -1 when the source fails it. */
int entropy_start(void);

/*
 * entropy_get: fills `out` with `len` bytes of full entropy; 1.7 ms for each 32 bytes. Fits hsm_platform's
 * callback; `ctx` is not used. Returns 0, or -1 when a health test fails or has failed before: only a reset
 * ends that state.
 */
int entropy_get(void *ctx, uint8_t *out, size_t len);

#endif
