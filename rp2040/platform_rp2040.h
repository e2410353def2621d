// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_PLATFORM_RP2040_H
#define RP2040_PLATFORM_RP2040_H

/* The engine's platform on the RP2040. */

#include <stdbool.h>

#include "hsm/hsm.h"

/*
 * Rounds of PBKDF2 for new PINs: a VERIFY takes about half a second (docs/firmware.md has the measurement),
 * which a person bears and which a thief of the flash pays on his own, faster, machine for each guess.
 */
#define PLATFORM_PIN_ITERATIONS 3200u

/* Does the entropy source work? Set once it failed. */
bool platform_entropy_failed(void);

/* platform_start: entropy and device secret. `may_create`: the store is blank, so a new secret may be made.
 * Returns 0; -1 entropy; -2 no secret, and none may be made, or it cannot be written. */
int platform_start(bool may_create);

/* platform_hsm: the callbacks for hsm_open. */
const struct hsm_platform *platform_hsm(void);

/* platform_seed_card: test builds only, after hsm_open: seeds the card when the harness has left a seed. */
int platform_seed_card(struct hsm *hsm);

#endif
