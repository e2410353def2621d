// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_DESCRIPTION_H
#define HSM_DESCRIPTION_H

/* Private and secret key descriptions, EF C4xx (PKCS#15 v1.1, 6.3 and 6.5; docs/protocol.md, "Descriptions").
 */

#include "hsm/key.h"

/*
 * description_ensure: writes a description of the key when there is none, or when the one there is of another
 * key type. Clients usually write their own afterwards. A transaction must be open.
 */
int description_ensure(struct hsm *hsm, const struct key *key);

#endif
