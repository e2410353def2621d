// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_XKEK_H
#define HSM_XKEK_H

/* XKEK key domains: their key comes from a key agreement between devices (docs/protocol.md, "XKEK key
 * domains"). */

#include "hsm/apdu.h"
#include "hsm/hsm.h"

/* xkek_agree: DECIPHER with P2 84: the peer's certificate in the command, the agreed key becomes the
 * domain's. */
int xkek_agree(struct hsm *hsm, const struct apdu *apdu);

#endif
