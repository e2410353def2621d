// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/flash_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/store_random.h"

struct block {
    uint32_t erases;
    bool refuses_erase;
    bool refuses_program;
    bool silent;
};

enum torn_style { TORN_HALF_THE_BITS, TORN_FEW_BITS, TORN_MOST_BITS, TORN_SOME_BYTES, TORN_STYLES };

struct flash_sim {
    struct nor_device device;
    uint8_t *bytes;
    struct block *blocks;
    struct store_random random;
    struct flash_sim_counters counters;
    uint64_t operations;
    uint64_t cut; // value of `operations` at which power fails
    enum flash_sim_torn torn;
    enum torn_style style; // of the operation being cut
    bool cut_set;
    bool cut_erases; // `cut` counts down erases instead
    bool off;
};

static void demand(bool holds, const char *rule) {
    if (!holds) {
        (void)fprintf(stderr, "flash_sim: the device was used against its rules: %s\n", rule);
        abort();
    }
}

// Counts an operation; tells whether power fails during it.
static bool fails_now(struct flash_sim *sim, bool is_erase) {
    bool now = sim->cut_set && !sim->cut_erases && sim->operations == sim->cut;
    if (sim->cut_set && sim->cut_erases && is_erase) {
        now = sim->cut-- == 0;
    }
    sim->operations++;
    if (now) {
        sim->off = true;
        sim->style = (enum torn_style)store_random_below(&sim->random, TORN_STYLES);
    }
    return now;
}

// Which bits of a byte the torn operation has got to. Half of all bits at random would leave nothing that can
// still be read; few bits, nearly all, or single whole bytes among untouched ones are what could mislead a
// reader.
static uint8_t changed_bits(struct flash_sim *sim) {
    uint64_t random = store_random_next(&sim->random);
    switch (sim->style) {
    case TORN_FEW_BITS:
        return (uint8_t)(random & random >> 8 & random >> 16 & random >> 24);
    case TORN_MOST_BITS:
        return (uint8_t)(random | random >> 8 | random >> 16 | random >> 24);
    case TORN_SOME_BYTES:
        return random % 11 == 0 ? 0xFF : 0;
    case TORN_HALF_THE_BITS:
    case TORN_STYLES:
    default:
        return (uint8_t)random;
    }
}

// Between the old byte and the new one: the bits that differ have changed or not.
static uint8_t torn_byte(struct flash_sim *sim, uint8_t old, uint8_t new, bool in_prefix) {
    switch (sim->torn) {
    case FLASH_SIM_TORN_COMPLETE:
        return new;
    case FLASH_SIM_TORN_PREFIX:
        return in_prefix ? new : old;
    case FLASH_SIM_TORN_RANDOM: {
        uint8_t changed = changed_bits(sim);
        return (uint8_t)((old & ~changed) | (changed & new));
    }
    case FLASH_SIM_TORN_NOTHING:
    case FLASH_SIM_TORN_KINDS:
    default:
        return old;
    }
}

static int sim_read(void *context, uint32_t address, void *data, size_t len) {
    struct flash_sim *sim = context;
    demand(address <= sim->device.size && len <= sim->device.size - address, "read within the region");
    if (sim->off) {
        return NOR_ERR_DEVICE;
    }
    memcpy(data, sim->bytes + address, len);
    sim->counters.bytes_read += len;
    return NOR_OK;
}

static int sim_program(void *context, uint32_t address, const uint8_t *page) {
    struct flash_sim *sim = context;
    demand(address % NOR_PAGE_SIZE == 0 && address < sim->device.size, "program a page of the region");
    if (sim->off) {
        return NOR_ERR_DEVICE;
    }
    struct block *block = &sim->blocks[address / NOR_BLOCK_SIZE];
    uint8_t *old = sim->bytes + address;
    bool cut = fails_now(sim, false);
    uint32_t prefix = store_random_below(&sim->random, NOR_PAGE_SIZE + 1);
    sim->counters.programs++;
    for (uint32_t i = 0; i < NOR_PAGE_SIZE; i++) {
        uint8_t new = old[i] & page[i];
        sim->counters.bytes_programmed += page[i] != 0xFF;
        if (cut) {
            new = torn_byte(sim, old[i], new, i < prefix);
        } else if (block->refuses_program) {
            new = i < prefix / 2 ? (uint8_t)(old[i] & (page[i] | store_random_next(&sim->random))) : old[i];
        }
        old[i] = new;
    }
    if (cut) {
        return NOR_ERR_DEVICE;
    }
    return block->refuses_program && !block->silent ? NOR_ERR_BLOCK : NOR_OK;
}

static int sim_erase(void *context, uint32_t address) {
    struct flash_sim *sim = context;
    demand(address % NOR_BLOCK_SIZE == 0 && address < sim->device.size, "erase a block of the region");
    if (sim->off) {
        return NOR_ERR_DEVICE;
    }
    struct block *block = &sim->blocks[address / NOR_BLOCK_SIZE];
    uint8_t *old = sim->bytes + address;
    bool cut = fails_now(sim, true);
    uint32_t prefix = store_random_below(&sim->random, NOR_BLOCK_SIZE + 1);
    sim->counters.erases++;
    block->erases++;
    for (uint32_t i = 0; i < NOR_BLOCK_SIZE; i++) {
        if (cut) {
            old[i] = torn_byte(sim, old[i], 0xFF, i < prefix);
        } else if (!block->refuses_erase) {
            old[i] = 0xFF;
        }
    }
    if (cut) {
        return NOR_ERR_DEVICE;
    }
    return block->refuses_erase && !block->silent ? NOR_ERR_BLOCK : NOR_OK;
}

struct flash_sim *flash_sim_new(uint32_t blocks, uint64_t seed) {
    struct flash_sim *sim = calloc(1, sizeof *sim);
    demand(sim != NULL, "memory");
    sim->device = (struct nor_device){.context = sim,
                                      .size = blocks * NOR_BLOCK_SIZE,
                                      .read = sim_read,
                                      .program = sim_program,
                                      .erase = sim_erase};
    sim->bytes = malloc(sim->device.size);
    sim->blocks = calloc(blocks, sizeof *sim->blocks);
    demand(sim->bytes != NULL && sim->blocks != NULL, "memory");
    memset(sim->bytes, 0xFF, sim->device.size);
    flash_sim_seed(sim, seed);
    return sim;
}

void flash_sim_free(struct flash_sim *sim) {
    if (sim != NULL) {
        free(sim->bytes);
        free(sim->blocks);
        free(sim);
    }
}

const struct nor_device *flash_sim_device(struct flash_sim *sim) { return &sim->device; }

uint8_t *flash_sim_bytes(struct flash_sim *sim) { return sim->bytes; }

void flash_sim_save(const struct flash_sim *sim, uint8_t *image) {
    memcpy(image, sim->bytes, sim->device.size);
}

void flash_sim_load(struct flash_sim *sim, const uint8_t *image) {
    memcpy(sim->bytes, image, sim->device.size);
}

void flash_sim_seed(struct flash_sim *sim, uint64_t seed) { store_random_seed(&sim->random, seed); }

uint64_t flash_sim_operations(const struct flash_sim *sim) { return sim->operations; }

void flash_sim_restart_operations(struct flash_sim *sim) { sim->operations = 0; }

void flash_sim_cut_at(struct flash_sim *sim, uint64_t k, enum flash_sim_torn torn) {
    sim->cut = sim->operations + k;
    sim->cut_set = true;
    sim->cut_erases = false;
    sim->torn = torn;
}

void flash_sim_cut_at_erase(struct flash_sim *sim, uint64_t k, enum flash_sim_torn torn) {
    sim->cut = k;
    sim->cut_set = true;
    sim->cut_erases = true;
    sim->torn = torn;
}

bool flash_sim_is_off(const struct flash_sim *sim) { return sim->off; }

void flash_sim_power_on(struct flash_sim *sim) {
    sim->off = false;
    sim->cut_set = false;
}

void flash_sim_refuse_erase(struct flash_sim *sim, uint32_t block, bool silently) {
    sim->blocks[block].refuses_erase = true;
    sim->blocks[block].silent = silently;
}

void flash_sim_refuse_program(struct flash_sim *sim, uint32_t block, bool silently) {
    sim->blocks[block].refuses_program = true;
    sim->blocks[block].silent = silently;
}

void flash_sim_heal(struct flash_sim *sim) {
    for (uint32_t b = 0; b < sim->device.size / NOR_BLOCK_SIZE; b++) {
        sim->blocks[b].refuses_erase = false;
        sim->blocks[b].refuses_program = false;
    }
}

void flash_sim_rot(struct flash_sim *sim, uint32_t address, size_t len, unsigned bits) {
    for (unsigned i = 0; i < bits; i++) {
        uint32_t bit = store_random_below(&sim->random, (uint32_t)len * 8);
        sim->bytes[address + bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

uint32_t flash_sim_block_erases(const struct flash_sim *sim, uint32_t block) {
    return sim->blocks[block].erases;
}

void flash_sim_reset_counters(struct flash_sim *sim) { sim->counters = (struct flash_sim_counters){0}; }

struct flash_sim_counters flash_sim_counters(const struct flash_sim *sim) {
    return sim->counters;
}

uint64_t flash_sim_nanoseconds(const struct flash_sim_counters *counters) {
    return counters->erases * FLASH_SIM_ERASE_NS + counters->programs * FLASH_SIM_PROGRAM_NS +
           counters->bytes_read * FLASH_SIM_READ_NS_PER_BYTE;
}
