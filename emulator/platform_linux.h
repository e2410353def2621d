// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_PLATFORM_LINUX_H
#define EMULATOR_PLATFORM_LINUX_H

/* The engine's platform on Linux: one per card, with the kernel's random numbers and clock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/hsm.h"

/*
 * Rounds for PINs. The default makes VERIFY take 10 to 15 ms on a desktop processor of 2020: not felt by a
 * person, and what a thief of card file and device secret pays for each guess. At most what takes about a
 * minute.
 */
#define PLATFORM_PIN_ITERATIONS_DEFAULT 25000u
#define PLATFORM_PIN_ITERATIONS_MAX 50000000u

struct precompute;

struct platform {
    struct hsm_platform hsm; /* what hsm_open gets */
    uint8_t secret[HSM_DEVICE_SECRET_LEN];
    uint8_t serial[HSM_DEVICE_SERIAL_LEN];

    struct precompute *precompute; /* NULL = none */

    /* Called while a long command works. */
    void (*working)(void *ctx);
    void *working_ctx;

#if HSM_TEST_BUILD
    uint8_t seed[48];
    size_t seed_len; /* 0 = real random numbers */
    uint64_t seed_block;
#endif
};

/*
 * platform_open: makes a platform with random serial number and, until platform_secret was called, a random
 * device secret, as befits a card in memory. The serial number is asked for only when a blank card is made,
 * which then keeps it: so a card that replaces another never carries the other's name. Returns 0, or -1 when
 * the kernel gives no random numbers.
 */
int platform_open(struct platform *platform, uint32_t pin_iterations);

/* platform_secret: sets the device secret. */
void platform_secret(struct platform *platform, const uint8_t secret[HSM_DEVICE_SECRET_LEN]);

/* platform_random: fills `out` with `len` bytes from getrandom(2). Returns 0 or -1. Fits crypto_entropy_fn;
 * `ctx` is not used. */
int platform_random(void *ctx, uint8_t *out, size_t len);

#if HSM_TEST_BUILD
/* platform_seed: from now on everything random follows from `seed` (1 to 48 bytes), the card in slot `index`
 * included, and the date is the engine's own. Test builds only. Returns 0 or -1. */
int platform_seed(struct platform *platform, const uint8_t *seed, size_t len, unsigned index);
#endif

/* platform_close: wipes the secret. */
void platform_close(struct platform *platform);

#endif
