// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_DEVICE_H
#define HSM_DEVICE_H

/*
 * The device itself: its id, the device key CC00, and the certificate chain in EF 2F02. Made once, on a blank
 * store, and kept by INITIALIZE (docs/security.md, "The device key and its certificates").
 */

#include "hsm/hsm.h"

/*
 * device_open: makes the card on a blank store, else checks that the store belongs to this device and reads
 * its id. Returns 0, HSM_ERR_INTEGRITY (another device secret, or not a card), HSM_ERR_STORAGE, HSM_ERR_FULL,
 * HSM_ERR_INTERNAL.
 */
int device_open(struct hsm *hsm);

/* The development issuer and root that sign the self-made chain. Their private keys follow from public
 * labels: they prove nothing, they only give all self-made cards one chain. */
#define DEVICE_ROOT_CHR "XTTWINRCA00001"
#define DEVICE_ISSUER_CHR "XTTWINDCA00001"

/* device_development_root: public key (65 bytes, brainpoolP256r1) of the development root, a trust anchor of
 * every card. */
int device_development_root(struct hsm *hsm, uint8_t *point);

#endif
