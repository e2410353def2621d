// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_XKEK_H
#define HSM_XKEK_H

/* XKEK key domains: their key comes from a key agreement between devices (docs/protocol.md, "XKEK key
 * domains"). */

#include "hsm/apdu.h"
#include "hsm/buf.h"
#include "hsm/hsm.h"
#include "hsm/key.h"

/*
 * xkek_agree: DECIPHER with P2 84: the peer's authenticated request in the command; the agreed key becomes
 * the domain's. A transaction must be open. Returns 0, HSM_ERR_DATA, HSM_ERR_REFERENCE (key, peer's device or
 * domain not known), HSM_ERR_CONDITIONS (not a key for this), HSM_ERR_AUTH, or another error.
 */
int xkek_agree(struct hsm *hsm, const struct apdu *apdu);

/*
 * xkek_put_extension: appends the extension (65) that names the XKEK domain in the request of a key made for
 * key agreement there; nothing for any other key. Returns 0 or an error of domain_load.
 */
int xkek_put_extension(struct hsm *hsm, const struct key *key, struct writer *out);

#endif
