// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/led.h"

#include <stdbool.h>
#include <stdint.h>

#include "pico.h"

#if defined(PICO_DEFAULT_WS2812_PIN)
#include "hardware/clocks.h"
#include "hardware/pio.h"
#include "hardware/pio_instructions.h"
#elif defined(PICO_DEFAULT_LED_PIN)
#include "hardware/gpio.h"
#endif

static volatile enum led_state current;
static volatile unsigned error_number;
static unsigned tick;

#if defined(PICO_DEFAULT_WS2812_PIN)

/*
 * The one-wire protocol of the WS2812 takes 24 bits, green first, at 800 kbit/s: a short pulse is a 0, a long
 * one a 1. Each bit takes 10 cycles of the state machine at 8 MHz: 3 high, then 4 more high for a 1, low for
 * a 0, 3 low.
 */
#define CYCLES_PER_BIT 10u
#define BITS_PER_SECOND 800000u

static void pin_start(void) {
    /* One side-set bit (the pin) leaves four for the delay. */
    const uint side = 1;
    uint16_t instructions[4] = {
        (uint16_t)(pio_encode_out(pio_x, 1) | pio_encode_sideset(side, 0) | pio_encode_delay(2)),
        (uint16_t)(pio_encode_jmp_not_x(3) | pio_encode_sideset(side, 1) | pio_encode_delay(2)),
        (uint16_t)(pio_encode_jmp(0) | pio_encode_sideset(side, 1) | pio_encode_delay(3)),
        (uint16_t)(pio_encode_nop() | pio_encode_sideset(side, 0) | pio_encode_delay(3)),
    };
    const struct pio_program program = {.instructions = instructions, .length = 4, .origin = 0};
    pio_sm_config config = pio_get_default_sm_config();

    (void)pio_add_program_at_offset(pio0, &program, 0);
    pio_gpio_init(pio0, PICO_DEFAULT_WS2812_PIN);
    pio_sm_set_consecutive_pindirs(pio0, 0, PICO_DEFAULT_WS2812_PIN, 1, true);
    sm_config_set_wrap(&config, 0, 3);
    sm_config_set_sideset(&config, side, false, false);
    sm_config_set_sideset_pins(&config, PICO_DEFAULT_WS2812_PIN);
    sm_config_set_out_shift(&config, false, true, 24);
    sm_config_set_fifo_join(&config, PIO_FIFO_JOIN_TX);
    sm_config_set_clkdiv(&config, (float)clock_get_hz(clk_sys) / (float)(BITS_PER_SECOND * CYCLES_PER_BIT));
    pio_sm_init(pio0, 0, 0, &config);
    pio_sm_set_enabled(pio0, 0, true);
}

static void pin_set(bool on) {
    static const uint32_t colours[] = {/* green, red, blue: 8 bits each, dim */
                                       [LED_IDLE] = 0x100000u,
                                       [LED_WORKING] = 0x000010u,
                                       [LED_WAITING] = 0x101000u,
                                       [LED_ERROR] = 0x001800u,
                                       [LED_OFF] = 0};

    if (!pio_sm_is_tx_fifo_full(pio0, 0)) {
        pio_sm_put(pio0, 0, (on ? colours[current] : 0) << 8);
    }
}

#elif defined(PICO_DEFAULT_LED_PIN)

#ifndef PICO_DEFAULT_LED_PIN_INVERTED
#define PICO_DEFAULT_LED_PIN_INVERTED 0
#endif

static void pin_start(void) {
    gpio_init(PICO_DEFAULT_LED_PIN);
    gpio_set_dir(PICO_DEFAULT_LED_PIN, GPIO_OUT);
}

static void pin_set(bool on) { gpio_put(PICO_DEFAULT_LED_PIN, on != PICO_DEFAULT_LED_PIN_INVERTED); }

#else

static void pin_start(void) {}
static void pin_set(bool on) { (void)on; }

#endif

void led_start(void) {
    pin_start();
    pin_set(false);
}

/* Is it on at this tick of the state? */
static bool pattern(enum led_state state, unsigned t) {
    switch (state) {
    case LED_IDLE:
        return t % 20u == 0;
    case LED_WORKING:
        return true;
    case LED_WAITING:
        return t % 2u == 0;
    case LED_ERROR:
        /* Flashes of 200 ms, 300 ms apart, then a pause of 1.5 s. */
        return t % (5u * error_number + 15u) / 5u < error_number && t % (5u * error_number + 15u) % 5u < 2u;
    case LED_OFF:
    default:
        return false;
    }
}

void led_show(enum led_state state, unsigned number) {
    if (state != current) {
        current = state;
        tick = 0;
    }
    error_number = number;
    pin_set(pattern(state, tick));
}

enum led_state led_state(void) { return current; }

void led_tick(void) {
    tick++;
    pin_set(pattern(current, tick));
}
