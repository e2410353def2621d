// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_LED_H
#define RP2040_LED_H

/*
 * The board's LED: a plain one (PICO_DEFAULT_LED_PIN of the board's header), a WS2812
 * (PICO_DEFAULT_WS2812_PIN), or none. docs/firmware.md has the patterns.
 */

enum led_state {
    LED_IDLE,    /* a short flash every 2 s; green */
    LED_WORKING, /* on; blue */
    LED_WAITING, /* 5 flashes a second: press the button; yellow */
    LED_ERROR,   /* groups of flashes, as many as the error's number; red */
    LED_OFF,     /* the bus is suspended */
};

/* led_start: sets the pin up. */
void led_start(void);

/* led_show: from now on. `number` is the number of the error, 1 to 9, for LED_ERROR. */
void led_show(enum led_state state, unsigned number);

/* led_state: what is shown. */
enum led_state led_state(void);

/* led_tick: from an interrupt, every 100 ms. */
void led_tick(void);

#endif
