// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// TinyUSB's configuration: a full-speed device whose only class is ours (usb.c).
#ifndef RP2040_TUSB_CONFIG_H
#define RP2040_TUSB_CONFIG_H

#define CFG_TUSB_RHPORT0_MODE (OPT_MODE_DEVICE | OPT_MODE_FULL_SPEED)
#define CFG_TUD_ENABLED 1
#define CFG_TUD_ENDPOINT0_SIZE 64

#endif
