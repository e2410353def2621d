// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Known secrets on a card in flash: neither the flash nor the engine's own memory holds any of them after
 * logout. The same for the daemon, its memory and its files: tests/tools/secret_probe.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hsm/hsm.h"
#include "storage/flash.h"
#include "tests/support/flash_sim.h"
#include "tests/support/known_secrets.h"

#include <string.h>

#define BLOCKS 32u
#define FLASH_SIZE ((size_t)BLOCKS * NOR_BLOCK_SIZE)

static struct hsm hsm;
static struct flash_store flash;

static int entropy(void *ctx, uint8_t *out, size_t len) {
    uint32_t *seed = ctx;
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*seed >> 24);
    }
    return 0;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    (void)ctx;
    memset(out, 0x3D, HSM_DEVICE_SECRET_LEN);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    (void)ctx;
    memset(out, 0x51, HSM_DEVICE_SERIAL_LEN);
}

static uint32_t seed = 77;
static const struct hsm_platform platform = {.ctx = &seed,
                                             .entropy = entropy,
                                             .device_secret = device_secret,
                                             .device_serial = device_serial,
                                             .pin_iterations = 10};

static uint16_t transmit(void *ctx, const uint8_t *command, size_t len) {
    (void)ctx;
    static uint8_t response[HSM_RESPONSE_MAX];
    size_t got = hsm_exchange(&hsm, command, len, response, sizeof response);
    return (uint16_t)(response[got - 2] << 8 | response[got - 1]);
}

static void found(void *ctx, const char *name, const char *form, size_t at) {
    print_error("%s: %s, %s, at %zx\n", (const char *)ctx, name, form, at);
}

static void nothing_is_left(void **state) {
    (void)state;
    static char in_flash[] = "flash";
    static char in_engine[] = "struct hsm";
    static char in_store[] = "struct flash_store";
    const char *step = "";
    struct flash_sim *sim = flash_sim_new(BLOCKS, 3);
    assert_int_equal(flash_store_format(&flash, flash_sim_device(sim), 5), STORE_OK);
    assert_int_equal(flash_store_mount(&flash, flash_sim_device(sim)), STORE_OK);
    assert_int_equal(hsm_open(&hsm, &platform, &flash.base), HSM_OK);
    hsm_power_on(&hsm);
    uint16_t sw = known_secrets_load(transmit, NULL, &step);
    if (sw != 0) {
        fail_msg("%s: status %04X", step, sw);
    }
    assert_true(known_secrets_count() >= 80);
    assert_int_equal(known_secrets_find(flash_sim_bytes(sim), FLASH_SIZE, found, in_flash), 0);
    assert_int_equal(known_secrets_find((const uint8_t *)&hsm, sizeof hsm, found, in_engine), 0);
    assert_int_equal(known_secrets_find((const uint8_t *)&flash, sizeof flash, found, in_store), 0);
    hsm_close(&hsm);
    flash_sim_free(sim);
}

static void noted(void *ctx, const char *name, const char *form, size_t at) {
    (void)form;
    (void)at;
    if (strcmp(name, "user PIN") == 0) {
        *(bool *)ctx = true;
    }
}

/* The search itself: it must find a secret that is there, whichever way round. */
static void the_search_finds(void **state) {
    (void)state;
    static const uint8_t plain[] = "...Qx7!mR2#vK9@pT4$...";
    static const uint8_t reversed[] = "...$4Tp@9Kv#2Rm!7xQ...";
    static const uint8_t whole_hex[] = "517837216d522376" /* two of the middle left out */ "4b3940705434";
    static const uint8_t right_hex[] = "517837216D523223764B394070543424";
    bool seen = false;
    assert_true(known_secrets_find(plain, sizeof plain, noted, &seen) >= 1 && seen);
    seen = false;
    assert_true(known_secrets_find(reversed, sizeof reversed, noted, &seen) >= 1 && seen);
    seen = false;
    assert_true(known_secrets_find(right_hex, sizeof right_hex, noted, &seen) >= 1 && seen);
    seen = false;
    known_secrets_find(whole_hex, sizeof whole_hex, noted, &seen);
    assert_false(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_left), cmocka_unit_test(the_search_finds)};
    return cmocka_run_group_tests_name("secrets in flash", tests, NULL, NULL);
}
