// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_SECRET_H
#define RP2040_SECRET_H

/*
 * The device secret: random, made at the first boot, in a flash sector of its own. It never leaves the chip
 * by any command; who can read the flash out has it, however (docs/production.md).
 *
 * Sector: magic(16) || secret(32) || CRC-32 of both, little-endian (4), the rest erased.
 */

#include <stdbool.h>
#include <stdint.h>

#include "hsm/hsm.h"
#include "storage/nor.h"

/* secret_read: copies the secret. Returns false when there is none, or a damaged one. */
bool secret_read(const struct nor_device *device, uint8_t secret[HSM_DEVICE_SECRET_LEN]);

/*
 * secret_create: replaces whatever the sector holds by `secret`. A cut on the way leaves a sector that
 * secret_read refuses. Returns 0, or -1 when it does not read back.
 */
int secret_create(const struct nor_device *device, const uint8_t secret[HSM_DEVICE_SECRET_LEN]);

/* secret_erase: forgets the secret. */
void secret_erase(const struct nor_device *device);

#endif
