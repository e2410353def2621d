// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_BUTTON_H
#define RP2040_BUTTON_H

/*
 * The BOOTSEL button. It pulls the flash chip's select line low through a resistor, so it is read while the
 * flash is out of use for some microseconds: core 1 has to be at rest, as it is between two commands.
 */

#include <stdbool.h>

/* button_pressed: is it down now? */
bool button_pressed(void);

#endif
