// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/entropy.h"

#include <string.h>

#include "hardware/structs/rosc.h"

#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "rp2040/health.h"

/*
 * One output block: 256 bits, and 64 more than that in the samples, so that the conditioned output has full
 * entropy (SP 800-90C, 3.1.2).
 */
#define BLOCK_LEN 32u
#define BLOCK_SAMPLES ((8u * BLOCK_LEN + 64u) * HEALTH_SAMPLES_PER_BIT)

/*
 * Turns of the delay between two samples, 4 cycles each: the oscillator (1.8 to 12 MHz, 6.5 MHz as it comes)
 * runs through some three periods, so that neighbours are not the same bit read twice.
 */
#define DELAY_TURNS 14u

static struct health health;

static uint8_t sample(void) {
    for (unsigned i = 0; i < DELAY_TURNS; i++) {
        __asm volatile("");
    }
    return (uint8_t)(rosc_hw->randombit & 1u);
}

int entropy_start(void) {
    health_init(&health);
    for (unsigned i = 0; i < HEALTH_STARTUP_SAMPLES; i++) {
        if (!health_sample(&health, sample())) {
            return -1;
        }
    }
    return 0;
}

/* One block of full entropy. */
static int block(uint8_t out[BLOCK_LEN]) {
    uint8_t samples[BLOCK_SAMPLES / 8u];
    int rc = 0;

    memset(samples, 0, sizeof samples);
    for (unsigned i = 0; i < BLOCK_SAMPLES && rc == 0; i++) {
        uint8_t bit = sample();

        samples[i / 8u] = (uint8_t)(samples[i / 8u] << 1 | bit);
        rc = health_sample(&health, bit) ? 0 : -1;
    }
    if (rc == 0 && crypto_hash(CRYPTO_SHA256, samples, sizeof samples, out) != 0) {
        rc = -1;
    }
    crypto_wipe(samples, sizeof samples);
    return rc;
}

int entropy_get(void *ctx, uint8_t *out, size_t len) {
    uint8_t full[BLOCK_LEN];

    (void)ctx;
    while (len > 0) {
        size_t n = len < sizeof full ? len : sizeof full;

        if (health.failed || block(full) != 0) {
            crypto_wipe(full, sizeof full);
            return -1;
        }
        memcpy(out, full, n);
        out += n;
        len -= n;
    }
    crypto_wipe(full, sizeof full);
    return 0;
}
