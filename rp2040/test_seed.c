// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/test_seed.h"

#if HSM_TEST_BUILD

#include <string.h>

#include "hsm/crypto/hash.h"
#include "rp2040/layout.h"

static const char magic[16] = "TwinHSM seed  1";

struct test_sector {
    char magic[sizeof magic];
    uint32_t pin_iterations;
    uint8_t seed_len;
    uint8_t seed[48];
};

static uint64_t block_number;
static uint8_t secret[HSM_DEVICE_SECRET_LEN];
static uint8_t serial[HSM_DEVICE_SERIAL_LEN];

static const struct test_sector *sector(void) { return (const struct test_sector *)(XIP_BASE + LAYOUT_TEST); }

static bool present(void) { return memcmp(sector()->magic, magic, sizeof magic) == 0; }

static bool seeded(void) { return present() && sector()->seed_len >= 1 && sector()->seed_len <= 48; }

/* SHA-256 over the seed and a block number of 8 bytes. */
static int entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    while (len > 0) {
        uint8_t number[8];
        uint8_t block[32];
        const struct crypto_part parts[] = {{sector()->seed, sector()->seed_len}, {number, sizeof number}};
        size_t n = len < sizeof block ? len : sizeof block;

        for (size_t i = 0; i < sizeof number; i++) {
            number[i] = (uint8_t)(block_number >> (56 - 8 * i));
        }
        block_number++;
        if (crypto_hash_parts(CRYPTO_SHA256, parts, 2, block) != 0) {
            return -1;
        }
        memcpy(out, block, n);
        out += n;
        len -= n;
    }
    return 0;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    (void)ctx;
    memcpy(out, secret, sizeof secret);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    (void)ctx;
    memcpy(out, serial, sizeof serial);
}

void test_seed_platform(struct hsm_platform *platform) {
    if (present() && sector()->pin_iterations != 0) {
        platform->pin_iterations = sector()->pin_iterations;
    }
    if (seeded()) {
        /* In the order of the daemon, which draws the secret first. */
        (void)entropy(NULL, secret, sizeof secret);
        (void)entropy(NULL, serial, sizeof serial);
        platform->entropy = entropy;
        platform->device_secret = device_secret;
        platform->device_serial = device_serial;
    }
}

int test_seed_card(struct hsm *hsm) {
    return seeded() ? hsm_seed(hsm, sector()->seed, sector()->seed_len) : 0;
}

#endif
