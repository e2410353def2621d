// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_FLASH_SIM_H
#define TESTS_SUPPORT_FLASH_SIM_H

/*
 * A simulated NOR flash that can lose power, rot, and wear out. Use:
 *
 *     struct flash_sim *sim = flash_sim_new(128, seed);
 *     flash_store_format(&fs, flash_sim_device(sim), 1);
 *     ...
 *     flash_sim_cut_at(sim, k, FLASH_SIM_TORN_RANDOM);   // power fails during the k-th operation from now
 *     ... run the workload; from the cut on, every operation fails with NOR_ERR_DEVICE ...
 *     flash_sim_power_on(sim);
 *     flash_store_mount(&fs, flash_sim_device(sim));
 *
 * To try every k of a workload, take an image of the flash before it, run it once uncut and read
 * flash_sim_operations, then for each k restore the image, set the cut, run, power on, mount and check. An
 * operation is a program or an erase; reads are not counted, and change nothing.
 *
 * The simulator aborts the test program when it is used against the rules of nor.h (alignment, bounds).
 */

#include "storage/nor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the operation that the power cut interrupts leaves behind. */
enum flash_sim_torn {
    FLASH_SIM_TORN_NOTHING,  /* nothing has happened yet */
    FLASH_SIM_TORN_COMPLETE, /* all has happened, but nobody was told */
    FLASH_SIM_TORN_PREFIX,   /* program: a random number of leading bytes; erase: of leading bytes */
    FLASH_SIM_TORN_RANDOM, /* program: a random subset of the bits to be cleared; erase: of the bits to be set
                            */
    FLASH_SIM_TORN_KINDS
};

/* Sums since flash_sim_new or flash_sim_reset_counters. */
struct flash_sim_counters {
    uint64_t programs;         /* pages */
    uint64_t erases;           /* blocks */
    uint64_t bytes_programmed; /* bytes other than 0xFF in programmed pages */
    uint64_t bytes_read;
};

/* Duration of operations of a usual serial NOR flash (Winbond W25Q16JV: typical values), in nanoseconds. */
#define FLASH_SIM_ERASE_NS 45000000ull
#define FLASH_SIM_PROGRAM_NS 400000ull
#define FLASH_SIM_READ_NS_PER_BYTE 20ull

struct flash_sim;

/* Makes an erased flash of `blocks` blocks. `seed` decides everything random about it. Aborts without memory.
 */
struct flash_sim *flash_sim_new(uint32_t blocks, uint64_t seed);
void flash_sim_free(struct flash_sim *sim);

/* The device to hand to the flash store; valid as long as the simulator. */
const struct nor_device *flash_sim_device(struct flash_sim *sim);

/* The bytes of the flash, to look at or to spoil: device size bytes. */
uint8_t *flash_sim_bytes(struct flash_sim *sim);

/* Copies the content (not counters, cuts or refusals) out of and into the simulator: device size bytes. */
void flash_sim_save(const struct flash_sim *sim, uint8_t *image);
void flash_sim_load(struct flash_sim *sim, const uint8_t *image);

/* Starts the random numbers of the simulator anew. */
void flash_sim_seed(struct flash_sim *sim, uint64_t seed);

/* Programs and erases tried since flash_sim_new or the last flash_sim_restart_operations. */
uint64_t flash_sim_operations(const struct flash_sim *sim);
void flash_sim_restart_operations(struct flash_sim *sim);

/* Power fails during the `k`-th operation from now (0 is the next). */
void flash_sim_cut_at(struct flash_sim *sim, uint64_t k, enum flash_sim_torn torn);
/* Power fails during the `k`-th erase from now (0 is the next). */
void flash_sim_cut_at_erase(struct flash_sim *sim, uint64_t k, enum flash_sim_torn torn);
/* Whether the cut has happened. */
bool flash_sim_is_off(const struct flash_sim *sim);
/* Power returns; no cut is set. */
void flash_sim_power_on(struct flash_sim *sim);

/* From now on `block` refuses to be erased or programmed. `silently`: it says that all went well. A refused
   program clears a random part of its bits at most, a refused erase changes nothing. */
void flash_sim_refuse_erase(struct flash_sim *sim, uint32_t block, bool silently);
void flash_sim_refuse_program(struct flash_sim *sim, uint32_t block, bool silently);
void flash_sim_heal(struct flash_sim *sim);

/* Flips `bits` random bits among the `len` bytes from `address` on. */
void flash_sim_rot(struct flash_sim *sim, uint32_t address, size_t len, unsigned bits);

/* Erases of a block since flash_sim_new. */
uint32_t flash_sim_block_erases(const struct flash_sim *sim, uint32_t block);

void flash_sim_reset_counters(struct flash_sim *sim);
struct flash_sim_counters flash_sim_counters(const struct flash_sim *sim);
/* Time that the counted operations would have taken, in nanoseconds. */
uint64_t flash_sim_nanoseconds(const struct flash_sim_counters *counters);

#endif
