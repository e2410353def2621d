// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_PKA_H
#define HSM_PKA_H

/* Public key authentication: n registered keys, m of which log the user in (docs/protocol.md, "Public key
 * authentication"). */

#include "hsm/hsm.h"

/* pka_update_rights: works out from PIN and authenticated keys whether the user's right is in force. */
void pka_update_rights(struct hsm *hsm);

/* pka_pending: HSM_ERR_NOT_YET_AUTH where the user PIN is right or absent and public keys are still to
 * authenticate, else 0. */
int pka_pending(struct hsm *hsm);

#endif
