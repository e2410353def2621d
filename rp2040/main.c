// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * The firmware: starts the card and does what the host asks of it. Core 0 runs the engine in thread mode,
 * with USB and a tick of 100 ms in interrupts; core 1 helps with long computations (parallel.h).
 */

#include <stdbool.h>
#include <stddef.h>

#include "hardware/irq.h"
#include "hardware/sync.h"
#include "hardware/timer.h"
#include "hardware/watchdog.h"
#include "pico/time.h"

#include "hsm/hsm.h"
#include "rp2040/button.h"
#include "rp2040/entropy.h"
#include "rp2040/led.h"
#include "rp2040/nor_flash.h"
#include "rp2040/parallel.h"
#include "rp2040/platform_rp2040.h"
#include "rp2040/secret.h"
#include "rp2040/stack.h"
#include "rp2040/usb.h"
#include "storage/flash.h"

#define TICK_US 100000u

/* The hardware's longest is 8.3 s. A power-up from a damaged chip formats 128 blocks, with ticks in between.
 */
#define WATCHDOG_MS 8000u

/* Ticks that a command may take before the watchdog gives it up: an hour. RSA-4096 key generation takes
 * minutes, at bad luck many. */
#define COMMAND_TICKS 36000u

/* Ticks that thread mode may be away without a command under way: starting and formatting. */
#define START_TICKS 1200u

/* Quiet time before the store is tidied up. */
#define TIDY_US 1000000u

/* How long BOOTSEL is held for a factory reset, in ticks. */
#define RESET_TICKS 100u

/* Numbers of the errors that stop the card, as the LED flashes them (docs/firmware.md). */
enum fault {
    FAULT_NONE = 0,
    FAULT_ENTROPY = 1, /* a health test of the entropy source failed */
    FAULT_STORE = 2,   /* the store's region holds something that is no store, or a damaged one */
    FAULT_SECRET = 3,  /* the store is there, the device secret is not */
    FAULT_CARD = 4,    /* store and device secret do not belong together, or the store was edited */
    FAULT_FLASH = 5,   /* flash cannot be written */
    FAULT_STACK = 6,   /* a stack overflowed */
};

static struct hsm hsm;
static struct flash_store store;
static enum fault fault;
static uint32_t last_command; /* time of its end, microseconds */
static bool untidy = true;

/* What the tick looks at: the main loop counts turns, and is let be for as long as `patience` ticks. */
static volatile uint32_t turns;
static volatile uint32_t patience = START_TICKS;

static void tick(uint alarm) {
    static uint32_t last_turns;
    static uint32_t still;

    (void)hardware_alarm_set_target(alarm, make_timeout_time_us(TICK_US));
    if (turns != last_turns) {
        last_turns = turns;
        still = 0;
    }
    if (++still <= patience) {
        watchdog_update();
    }
    led_tick();
    usb_tick();
    __sev(); /* the main loop takes a turn */
}

static void start_tick(void) {
    uint alarm = (uint)hardware_alarm_claim_unused(true);

    hardware_alarm_set_callback(alarm, tick);
    /* As the USB service, so that neither interrupts the other. */
    irq_set_priority(hardware_alarm_get_irq_num(alarm), PICO_LOWEST_IRQ_PRIORITY);
    (void)hardware_alarm_set_target(alarm, make_timeout_time_us(TICK_US));
}

static uint32_t random_salt(void) {
    uint32_t salt = 0;

    (void)entropy_get(NULL, (uint8_t *)&salt, sizeof salt);
    return salt;
}

/* Mounts the store, or formats a region that holds nothing. It never formats anything else. */
static enum fault open_store(bool *blank) {
    struct nor_device device;

    nor_flash_store(&device);
    if (flash_store_is_blank(&device, blank) != STORE_OK) {
        return FAULT_STORE;
    }
    /* The secret comes first, so that no card is ever there without it. */
    switch (platform_start(*blank)) {
    case 0:
        break;
    case -1:
        return FAULT_ENTROPY;
    default:
        return *blank ? FAULT_FLASH : FAULT_SECRET;
    }
    if (*blank && flash_store_format(&store, &device, random_salt()) != STORE_OK) {
        return FAULT_FLASH;
    }
    return flash_store_mount(&store, &device) == STORE_OK ? FAULT_NONE : FAULT_STORE;
}

static enum fault open_card(void) {
    bool blank = false;
    enum fault found = open_store(&blank);
    int rc;

    if (found != FAULT_NONE) {
        return found;
    }
    rc = hsm_open(&hsm, platform_hsm(), &store.base);
    if (rc == HSM_OK) {
        rc = platform_seed_card(&hsm);
    }
    switch (rc) {
    case HSM_OK:
        return FAULT_NONE;
    case HSM_ERR_INTEGRITY:
        return FAULT_CARD;
    case HSM_ERR_STORAGE:
    case HSM_ERR_FULL:
        return FAULT_FLASH;
    default:
        return platform_entropy_failed() ? FAULT_ENTROPY : FAULT_CARD;
    }
}

static void stop_card(enum fault found) {
    hsm_close(&hsm);
    fault = found;
    led_show(LED_ERROR, found);
}

static size_t do_work(enum ccid_work work, const uint8_t *command, size_t len, uint8_t *response) {
    switch (work) {
    case CCID_POWER_ON:
        hsm_power_on(&hsm);
        return hsm_atr(response);
    case CCID_POWER_OFF:
        hsm_power_off(&hsm);
        return 0;
    case CCID_EXCHANGE:
    default:
        return hsm_exchange(&hsm, command, len, response, CCID_APDU_MAX);
    }
}

/* Answers the host once, if it has asked for something. */
static void serve(void) {
    enum ccid_work work;
    const uint8_t *command;
    uint8_t *response;
    size_t len;
    size_t response_len = 0;

    if (!usb_take_work(&work, &command, &len, &response)) {
        return;
    }
    if (fault == FAULT_NONE) {
        patience = COMMAND_TICKS;
        led_show(LED_WORKING, 0);
        response_len = do_work(work, command, len, response);
        led_show(LED_IDLE, 0);
        patience = START_TICKS;
        last_command = time_us_32();
        untidy = true;
        if (platform_entropy_failed()) {
            stop_card(FAULT_ENTROPY);
        } else if (!stack_intact()) {
            stop_card(FAULT_STACK);
        }
    }
    usb_work_done(fault == FAULT_NONE ? response_len : 0, fault != FAULT_NONE);
}

/* Wipes the card. Cut on the way, it leaves a region that still fails to mount, so that it can be begun
 * again. */
static _Noreturn void factory_reset(void) {
    struct nor_device device;

    led_show(LED_WORKING, 0);
    nor_flash_store(&device);
    for (uint32_t address = 0; address < device.size; address += NOR_BLOCK_SIZE) {
        (void)device.erase(device.context, address);
        turns++;
    }
    nor_flash_secret(&device);
    secret_erase(&device);
    watchdog_reboot(0, 0, 0);
    for (;;) {
        __wfe();
    }
}

/* A card that was stopped by what is in its flash waits for BOOTSEL to be held. */
static void serve_fault(void) {
    static uint32_t held_since;
    uint32_t now = time_us_32();

    if (fault != FAULT_STORE && fault != FAULT_SECRET && fault != FAULT_CARD && fault != FAULT_FLASH) {
        return;
    }
    if (!button_pressed()) {
        held_since = now;
    } else if (now - held_since >= RESET_TICKS * TICK_US) {
        factory_reset();
    }
}

static void show_idle(void) { led_show(usb_suspended() ? LED_OFF : LED_IDLE, 0); }

/* Housekeeping of the store, a step a turn, after a second without commands: the next one would have to wait
 * for it. */
static void tidy(void) {
    if (untidy && time_us_32() - last_command >= TIDY_US && flash_store_tidy(&store, &untidy) != STORE_OK) {
        untidy = false;
    }
}

static _Noreturn void run(void) {
    enum fault found;

    start_tick();
    parallel_start();
    usb_start();
    found = open_card();
    if (found != FAULT_NONE) {
        stop_card(found);
    }
    for (;;) {
        turns++;
        serve();
        if (fault != FAULT_NONE) {
            serve_fault();
        } else {
            show_idle();
            tidy();
        }
        __wfe();
    }
}

int main(void) {
    led_start();
    watchdog_enable(WATCHDOG_MS, true);
    stack_run(run);
}
