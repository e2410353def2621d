// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_NOR_FLASH_H
#define RP2040_NOR_FLASH_H

/*
 * The board's flash chip, as storage/nor.h wants it.
 *
 * While the chip erases (45 ms, at worst 400) or programs (0.4 ms, at worst 3), nothing can be fetched from
 * it: the calls below keep interrupts off for that long, and core 1 is known to wait in RAM (parallel.c). The
 * USB controller answers NAK by itself meanwhile.
 */

#include "storage/nor.h"

/* nor_flash_store: the region of the store (layout.h). */
void nor_flash_store(struct nor_device *device);

/* nor_flash_secret: the sector of the device secret. */
void nor_flash_secret(struct nor_device *device);

#endif
