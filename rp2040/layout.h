// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_LAYOUT_H
#define RP2040_LAYOUT_H

/*
 * Where things are in flash. What must survive a firmware update lies at the end of the chip, the program at
 * its beginning; a .uf2 holds program blocks only, so that flashing one leaves the rest alone. The build
 * refuses a program that would reach LAYOUT_PROGRAM_END (scripts of rp2040/build.mk).
 *
 * Offsets in bytes from the start of the chip. PICO_FLASH_SIZE_BYTES comes from the board's header.
 */

#include "hardware/flash.h"

#include "storage/flash.h"

/* The store: as much as the flash store can use, or half of a smaller chip. */
#if PICO_FLASH_SIZE_BYTES >= 2 * FLASH_BLOCKS_MAX * 4096
#define LAYOUT_STORE_SIZE (FLASH_BLOCKS_MAX * FLASH_SECTOR_SIZE)
#else
#define LAYOUT_STORE_SIZE (PICO_FLASH_SIZE_BYTES / 2)
#endif
#define LAYOUT_STORE (PICO_FLASH_SIZE_BYTES - LAYOUT_STORE_SIZE)

/* The device secret, alone in its sector. */
#define LAYOUT_SECRET (LAYOUT_STORE - FLASH_SECTOR_SIZE)

/* What the test build's harness leaves for it: seed and PIN rounds. Unused in a release. */
#define LAYOUT_TEST (LAYOUT_SECRET - FLASH_SECTOR_SIZE)

#define LAYOUT_PROGRAM_END LAYOUT_TEST

_Static_assert(LAYOUT_STORE_SIZE % NOR_BLOCK_SIZE == 0 &&
                   LAYOUT_STORE_SIZE / NOR_BLOCK_SIZE >= FLASH_BLOCKS_MIN,
               "the board's flash is too small");

#endif
