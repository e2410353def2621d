// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/platform_rp2040.h"

#include <string.h>

#include "pico/time.h"
#include "pico/unique_id.h"

#include "hsm/crypto/util.h"
#include "rp2040/button.h"
#include "rp2040/entropy.h"
#include "rp2040/led.h"
#include "rp2040/nor_flash.h"
#include "rp2040/secret.h"
#if HSM_TEST_BUILD
#include "rp2040/test_seed.h"
#endif

_Static_assert(HSM_DEVICE_SERIAL_LEN == PICO_UNIQUE_BOARD_ID_SIZE_BYTES, "serial number");

static struct nor_device secret_sector;
static bool entropy_failed;

bool platform_entropy_failed(void) { return entropy_failed; }

static int entropy(void *ctx, uint8_t *out, size_t len) {
    int rc = entropy_get(ctx, out, len);

    if (rc != 0) {
        entropy_failed = true;
    }
    return rc;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    (void)ctx;
    return secret_read(&secret_sector, out) ? 0 : -1;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    pico_unique_board_id_t id;

    (void)ctx;
    pico_get_unique_board_id(&id);
    memcpy(out, id.id, HSM_DEVICE_SERIAL_LEN);
}

/* A press counts only when it begins after the question: a button that is held or jammed is no consent. */
static int presence(void *ctx, uint32_t timeout_ms) {
    absolute_time_t end = make_timeout_time_ms(timeout_ms);
    bool released = false;
    int rc = -1;

    (void)ctx;
    led_show(LED_WAITING, 0);
    while (rc != 0 && !time_reached(end)) {
        if (!button_pressed()) {
            released = true;
        } else if (released) {
            rc = 0;
        }
        busy_wait_ms(10);
    }
    led_show(LED_WORKING, 0);
    return rc;
}

static struct hsm_platform callbacks = {
    .entropy = entropy,
    .device_secret = device_secret,
    .device_serial = device_serial,
    .presence = presence,
    .pin_iterations = PLATFORM_PIN_ITERATIONS,
};

static int create_secret(void) {
    uint8_t secret[HSM_DEVICE_SECRET_LEN];
    int rc = entropy(NULL, secret, sizeof secret) != 0    ? -1
             : secret_create(&secret_sector, secret) != 0 ? -2
                                                          : 0;

    crypto_wipe(secret, sizeof secret);
    return rc;
}

int platform_start(bool may_create) {
    uint8_t secret[HSM_DEVICE_SECRET_LEN];
    bool there;

    nor_flash_secret(&secret_sector);
    if (entropy_start() != 0) {
        entropy_failed = true;
        return -1;
    }
#if HSM_TEST_BUILD
    test_seed_platform(&callbacks);
#endif
    there = secret_read(&secret_sector, secret);
    crypto_wipe(secret, sizeof secret);
    if (there) {
        return 0;
    }
    return may_create ? create_secret() : -2;
}

const struct hsm_platform *platform_hsm(void) { return &callbacks; }

int platform_seed_card(struct hsm *hsm) {
#if HSM_TEST_BUILD
    return test_seed_card(hsm);
#else
    (void)hsm;
    return 0;
#endif
}
