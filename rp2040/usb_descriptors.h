// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_USB_DESCRIPTORS_H
#define RP2040_USB_DESCRIPTORS_H

/* Endpoints of the smart card interface. */
#define USB_EP_OUT 0x01u
#define USB_EP_IN 0x81u
#define USB_EP_NOTIFY 0x82u
#define USB_PACKET 64u /* bytes, bulk at full speed */

#endif
