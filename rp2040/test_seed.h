// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_TEST_SEED_H
#define RP2040_TEST_SEED_H

/*
 * Test builds only (HSM_TEST_BUILD): a seed from which everything random follows, in the same way as in the
 * daemon's test build (twinhsmd --seed), so that both bodies give the same bytes for the same commands. The
 * harness writes it into the flash sector LAYOUT_TEST: magic(16) || PIN rounds, little-endian (4), 0 = as in
 * a release || length of the seed (1), 0 = real random numbers || seed (at most 48).
 */

#include "hsm/hsm.h"

/* test_seed_platform: puts seeded callbacks and the PIN rounds in, when the harness has left some. */
void test_seed_platform(struct hsm_platform *platform);

/* test_seed_card: seeds the generator of the open card, likewise. Returns 0 or the engine's error. */
int test_seed_card(struct hsm *hsm);

#endif
