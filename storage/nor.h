// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_NOR_H
#define STORAGE_NOR_H

/*
 * A NOR flash device, as the flash store sees it: erase blocks of 4 KiB, program pages of 256 bytes, read
 * bytes.
 *
 * An erase sets every bit of a block. A program clears bits and sets none: a page may be programmed again,
 * and bytes given as 0xFF leave what is there alone. The store relies on this to mark and to wipe records in
 * place. Flash with ECC over program units, which forbids programming a unit twice, is therefore not
 * suitable.
 *
 * Source: the data sheets of the Winbond W25Q series, which the RP2040 boards carry.
 */

#include <stddef.h>
#include <stdint.h>

/* Size of a block, the unit of erase, in bytes. */
#define NOR_BLOCK_SIZE 4096u

/* Size of a page, the unit of program, in bytes. */
#define NOR_PAGE_SIZE 256u

enum nor_error {
    NOR_OK = 0,
    NOR_ERR_BLOCK = -1,  /* this block refuses; others may work */
    NOR_ERR_DEVICE = -2, /* the device as a whole cannot be reached now */
};

/*
 * All addresses are in bytes from the start of the region that the store may use. Calls come from one thread,
 * and none while another is under way. A call has taken effect when it returns. The store reads back what it
 * wrote, so that a device whose driver cannot tell success from failure returns NOR_OK always.
 */
struct nor_device {
    void *context; /* handed to each callback */
    uint32_t size; /* bytes in the region: a multiple of NOR_BLOCK_SIZE */

    /* Copies `len` bytes from `address` on into `data`. Any alignment; never past `size`. */
    int (*read)(void *context, uint32_t address, void *data, size_t len);

    /* Clears in the page at `address` (a multiple of NOR_PAGE_SIZE) the bits that are 0 in the NOR_PAGE_SIZE
       bytes of `page`. */
    int (*program)(void *context, uint32_t address, const uint8_t *page);

    /* Sets all bits of the block at `address` (a multiple of NOR_BLOCK_SIZE). */
    int (*erase)(void *context, uint32_t address);
};

#endif
