// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_USB_H
#define RP2040_USB_H

/*
 * The USB device: descriptors, the smart card class (0x0B) as a TinyUSB class driver, and the interrupt in
 * which all of it runs.
 *
 * The USB controller's interrupt only queues events; it pends a software interrupt of the lowest priority,
 * which runs TinyUSB and the CCID reader. So the engine computes in thread mode on both cores, and USB is
 * served at any moment (except while flash is written).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rp2040/ccid.h"

#define USB_SERIAL_LEN 16u /* hexadecimal digits of the flash chip's unique id */

/* usb_start: connects to the bus. */
void usb_start(void);

/* usb_service: runs the service interrupt soon. From any context. */
void usb_service(void);

/* usb_tick: from an interrupt of the same priority, every 100 ms. */
void usb_tick(void);

/*
 * The card's side, in thread mode.
 * usb_take_work: is there something for the card to do? `*work`, `*command` and `*len` receive it; the
 * response goes to `*response`. usb_work_done answers it.
 */
bool usb_take_work(enum ccid_work *work, const uint8_t **command, size_t *len, uint8_t **response);
void usb_work_done(size_t len, bool failed);

/* usb_suspended: does the bus sleep? */
bool usb_suspended(void);

#endif
