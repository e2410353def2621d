// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Descriptors: USB 2.0, chapter 9, and the smart card class descriptor of CCID revision 1.1, 5.1.
//
// Vendor and product id and both names are build variables (docs/usb-ids.md).

#include "rp2040/usb_descriptors.h"

#include <string.h>

#include "pico/unique_id.h"
#include "tusb.h"

#include "rp2040/ccid.h"

#define LE16(v) (uint8_t)((v)&0xFFu), (uint8_t)((v) >> 8 & 0xFFu)
#define LE32(v) LE16(v), LE16((uint32_t)(v) >> 16)

enum { STRING_LANGUAGES, STRING_MANUFACTURER, STRING_PRODUCT, STRING_SERIAL };

/*
 * dwFeatures: parameters by ATR (02), activation on insertion (04), voltage (08), clock (10), data rate (20)
 * and negotiation (40) are the reader's affair: there are no contacts; extended APDU level of exchange
 * (40000).
 */
#define FEATURES 0x0004007Eu

#define CONFIGURATION_LEN (9u + 9u + 54u + 7u + 7u + 7u)

static const uint8_t device_descriptor[] = {18,
                                            TUSB_DESC_DEVICE,
                                            LE16(0x0200), /* bcdUSB */
                                            0,
                                            0,
                                            0,
                                            64, /* class by interface; bMaxPacketSize0 */
                                            LE16(TWINHSM_USB_VID),
                                            LE16(TWINHSM_USB_PID),
                                            LE16(TWINHSM_VERSION_BCD),
                                            STRING_MANUFACTURER,
                                            STRING_PRODUCT,
                                            STRING_SERIAL,
                                            1};

static const uint8_t configuration_descriptor[] = {
    9,
    TUSB_DESC_CONFIGURATION,
    LE16(CONFIGURATION_LEN),
    1 /* interface */,
    1,
    0,
    0x80 /* bus powered */,
    50 /* 100 mA */,

    9,
    TUSB_DESC_INTERFACE,
    0,
    0,
    3 /* endpoints */,
    0x0B /* smart card */,
    0,
    0,
    STRING_PRODUCT,

    54,
    0x21,
    LE16(0x0110), /* bcdCCID */
    0,            /* bMaxSlotIndex: one slot */
    0x07,         /* bVoltageSupport: 5, 3, 1.8 V */
    LE32(2),      /* dwProtocols: T=1 */
    LE32(4000),
    LE32(4000), /* clock, kHz: fixed */
    0,          /* bNumClockSupported: the default only */
    LE32(10752),
    LE32(10752), /* data rate, bit/s: fixed */
    0,           /* bNumDataRatesSupported */
    LE32(254),   /* dwMaxIFSD */
    LE32(0),
    LE32(0), /* dwSynchProtocols, dwMechanical: none */
    LE32(FEATURES),
    LE32(CCID_MESSAGE_MAX), /* dwMaxCCIDMessageLength */
    0xFF,
    0xFF,    /* bClassGetResponse, bClassEnvelope: echo the APDU's class */
    LE16(0), /* wLcdLayout: none */
    0,       /* bPINSupport: none */
    1,       /* bMaxCCIDBusySlots */

    7,
    TUSB_DESC_ENDPOINT,
    USB_EP_OUT,
    TUSB_XFER_BULK,
    LE16(USB_PACKET),
    0,
    7,
    TUSB_DESC_ENDPOINT,
    USB_EP_IN,
    TUSB_XFER_BULK,
    LE16(USB_PACKET),
    0,
    7,
    TUSB_DESC_ENDPOINT,
    USB_EP_NOTIFY,
    TUSB_XFER_INTERRUPT,
    LE16(8),
    255 /* ms: nothing ever changes */};

_Static_assert(sizeof device_descriptor == 18 && sizeof configuration_descriptor == CONFIGURATION_LEN,
               "length of the descriptors");

const uint8_t *tud_descriptor_device_cb(void) { return device_descriptor; }

const uint8_t *tud_descriptor_configuration_cb(uint8_t index) {
    return index == 0 ? configuration_descriptor : NULL;
}

const uint16_t *tud_descriptor_string_cb(uint8_t index, uint16_t language) {
    static uint16_t descriptor[1 + 63];
    char serial[2 * PICO_UNIQUE_BOARD_ID_SIZE_BYTES + 1];
    const char *text;
    size_t len = 0;

    (void)language;
    switch (index) {
    case STRING_LANGUAGES:
        descriptor[1] = 0x0409; /* English (United States) */
        descriptor[0] = TUSB_DESC_STRING << 8 | 4;
        return descriptor;
    case STRING_MANUFACTURER:
        text = TWINHSM_USB_MANUFACTURER;
        break;
    case STRING_PRODUCT:
        text = TWINHSM_USB_PRODUCT;
        break;
    case STRING_SERIAL:
        pico_get_unique_board_id_string(serial, sizeof serial);
        text = serial;
        break;
    default:
        return NULL;
    }
    for (; text[len] != '\0' && len < 63; len++) {
        descriptor[1 + len] = (uint8_t)text[len];
    }
    descriptor[0] = (uint16_t)(TUSB_DESC_STRING << 8 | (2 + 2 * len));
    return descriptor;
}
