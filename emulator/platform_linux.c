// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/platform_linux.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "emulator/precompute.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"

int platform_random(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -1;
        }
        out += n;
        len -= (size_t)n;
    }
    return 0;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    const struct platform *platform = ctx;

    memcpy(out, platform->secret, HSM_DEVICE_SECRET_LEN);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    const struct platform *platform = ctx;

    memcpy(out, platform->serial, HSM_DEVICE_SERIAL_LEN);
}

static void today(void *ctx, struct hsm_date *date) {
    time_t now = time(NULL);
    struct tm utc;

    (void)ctx;
    memset(date, 0, sizeof *date);
    if (gmtime_r(&now, &utc) == NULL || utc.tm_year < 100 || utc.tm_year > 199) {
        return; /* not a year that a certificate can name: as if there were no clock */
    }
    date->year = (uint16_t)(utc.tm_year + 1900);
    date->month = (uint8_t)(utc.tm_mon + 1);
    date->day = (uint8_t)utc.tm_mday;
}

static void working(void *ctx) {
    struct platform *platform = ctx;

    if (platform->working != NULL) {
        platform->working(platform->working_ctx);
    }
}

static size_t ready_rsa(void *ctx, size_t bits, uint8_t *priv, size_t cap) {
    struct platform *platform = ctx;

    return platform->precompute == NULL ? 0 : precompute_take(platform->precompute, bits, priv, cap);
}

int platform_open(struct platform *platform, uint32_t pin_iterations) {
    memset(platform, 0, sizeof *platform);
    platform->hsm = (struct hsm_platform){
        .ctx = platform,
        .entropy = platform_random,
        .device_secret = device_secret,
        .device_serial = device_serial,
        .today = today,
        .working = working,
        .ready_rsa = ready_rsa,
        .pin_iterations = pin_iterations,
    };
    if (platform_random(NULL, platform->secret, sizeof platform->secret) != 0 ||
        platform_random(NULL, platform->serial, sizeof platform->serial) != 0) {
        return -1;
    }
    return 0;
}

void platform_secret(struct platform *platform, const uint8_t secret[HSM_DEVICE_SECRET_LEN]) {
    memcpy(platform->secret, secret, HSM_DEVICE_SECRET_LEN);
}

#if HSM_TEST_BUILD
/* SHA-256 over seed and block number. */
static int seeded_entropy(void *ctx, uint8_t *out, size_t len) {
    struct platform *platform = ctx;

    while (len > 0) {
        uint8_t number[8];
        uint8_t block[32];
        const struct crypto_part parts[] = {{platform->seed, platform->seed_len}, {number, sizeof number}};
        size_t n = len < sizeof block ? len : sizeof block;

        for (size_t i = 0; i < sizeof number; i++) {
            number[i] = (uint8_t)(platform->seed_block >> (56 - 8 * i));
        }
        platform->seed_block++;
        if (crypto_hash_parts(CRYPTO_SHA256, parts, 2, block) != 0) {
            return -1;
        }
        memcpy(out, block, n);
        out += n;
        len -= n;
    }
    return 0;
}

int platform_seed(struct platform *platform, const uint8_t *seed, size_t len, unsigned index) {
    if (len == 0 || len > sizeof platform->seed) {
        return -1;
    }
    memcpy(platform->seed, seed, len);
    platform->seed_len = len;
    platform->seed_block = (uint64_t)index << 32;
    platform->hsm.entropy = seeded_entropy;
    platform->hsm.today = NULL;
    platform->hsm.ready_rsa = NULL;
    if (seeded_entropy(platform, platform->secret, sizeof platform->secret) != 0 ||
        seeded_entropy(platform, platform->serial, sizeof platform->serial) != 0) {
        return -1;
    }
    return 0;
}
#endif

void platform_close(struct platform *platform) { crypto_wipe(platform, sizeof *platform); }
