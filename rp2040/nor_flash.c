// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/nor_flash.h"

#include <string.h>

#include "hardware/flash.h"
#include "hardware/sync.h"

#include "rp2040/layout.h"

_Static_assert(NOR_BLOCK_SIZE == FLASH_SECTOR_SIZE && NOR_PAGE_SIZE == FLASH_PAGE_SIZE,
               "the units of the SDK and of the store");

/* The context is the offset of the region in the chip. */
static uint32_t offset_of(const void *context, uint32_t address) {
    return *(const uint32_t *)context + address;
}

static int nor_read(void *context, uint32_t address, void *data, size_t len) {
    memcpy(data, (const uint8_t *)XIP_BASE + offset_of(context, address), len);
    return NOR_OK;
}

static int nor_program(void *context, uint32_t address, const uint8_t *page) {
    uint8_t copy[NOR_PAGE_SIZE];
    uint32_t state;

    /* The caller's page may be a constant, which is in flash and cannot be read from now on. */
    memcpy(copy, page, sizeof copy);
    state = save_and_disable_interrupts();
    flash_range_program(offset_of(context, address), copy, sizeof copy);
    restore_interrupts(state);
    return NOR_OK;
}

static int nor_erase(void *context, uint32_t address) {
    uint32_t state = save_and_disable_interrupts();

    flash_range_erase(offset_of(context, address), NOR_BLOCK_SIZE);
    restore_interrupts(state);
    return NOR_OK;
}

static void region(struct nor_device *device, uint32_t *offset, uint32_t size) {
    *device = (struct nor_device){
        .context = offset, .size = size, .read = nor_read, .program = nor_program, .erase = nor_erase};
}

void nor_flash_store(struct nor_device *device) {
    static uint32_t offset = LAYOUT_STORE;

    region(device, &offset, LAYOUT_STORE_SIZE);
}

void nor_flash_secret(struct nor_device *device) {
    static uint32_t offset = LAYOUT_SECRET;

    region(device, &offset, NOR_BLOCK_SIZE);
}
