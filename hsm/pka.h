// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_PKA_H
#define HSM_PKA_H

/* Public key authentication: n registered keys, m of which log the user in
 * (docs/public-key-authentication.md). */

#include "hsm/hsm.h"

/*
 * pka_update_rights: works out from PIN and authenticated keys whether the user's right is in force, and
 * fetches the master key where keys alone give it.
 */
void pka_update_rights(struct hsm *hsm);

/*
 * pka_pending: HSM_ERR_NOT_YET_AUTH where the user PIN is right or absent and public keys are still to
 * authenticate, else 0.
 */
int pka_pending(struct hsm *hsm);

/* pka_find: the slot (0..) of the registered key called `name`. Returns it, HSM_ERR_REFERENCE (not
 * registered), or another error. */
int pka_find(struct hsm *hsm, const uint8_t *name, size_t len);

/* pka_is_authenticated: has the key in `slot` signed a challenge in this session? */
bool pka_is_authenticated(const struct hsm *hsm, uint8_t slot);

#endif
