// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/usb.h"

#include <string.h>

#include "hardware/irq.h"
#include "hardware/sync.h"
#include "tusb.h"
/* The interface of class drivers is not in tusb.h. */
#include "device/usbd_pvt.h"

#include "rp2040/usb_descriptors.h"

/* Class requests, CCID 5.3. */
#define REQUEST_ABORT 0x01u
#define REQUEST_CLOCKS 0x02u
#define REQUEST_RATES 0x03u

#define NOTIFY_SLOT_CHANGE 0x50u

/* Ticks of 100 ms between two requests for more time. */
#define EXTEND_TICKS 10u

static struct ccid ccid;
static uint8_t out_packet[USB_PACKET] __attribute__((aligned(4)));
static uint8_t notification[2] = {NOTIFY_SLOT_CHANGE, 0x03}; /* slot 0: present, and changed */
static bool zero_packet; /* the message on its way has to end with a zero-length packet */
static bool opened;
static unsigned service_irq;

/* Handed between the service interrupt and thread mode; the flag is written last. */
static struct {
    volatile bool wanted;
    volatile bool done;
    enum ccid_work work;
    size_t len;
    bool failed;
} handed;

static unsigned ticks;

static void body_send(const uint8_t *message, size_t len) {
    /* TinyUSB takes no const; it only reads. */
    union {
        const uint8_t *in;
        uint8_t *out;
    } pointer = {message};

    zero_packet = len % USB_PACKET == 0;
    (void)usbd_edpt_xfer(0, USB_EP_IN, pointer.out, (uint16_t)len);
}

static void body_work(enum ccid_work work) {
    handed.work = work;
    ticks = 0;
    __dmb();
    handed.wanted = true;
    __sev();
}

static const struct ccid_body body = {.send = body_send, .work = body_work};

bool usb_take_work(enum ccid_work *work, const uint8_t **command, size_t *len, uint8_t **response) {
    if (!handed.wanted) {
        return false;
    }
    __dmb();
    handed.wanted = false;
    *work = handed.work;
    *command = ccid.command;
    *len = ccid.command_len;
    *response = ccid_response(&ccid);
    return true;
}

void usb_work_done(size_t len, bool failed) {
    handed.len = len;
    handed.failed = failed;
    __dmb();
    handed.done = true;
    usb_service();
}

static void service(void) {
    if (handed.done) {
        handed.done = false;
        ccid_done(&ccid, handed.len, handed.failed);
    }
    tud_task();
}

void usb_service(void) { irq_set_pending(service_irq); }

/* Runs after TinyUSB's own handler of the same interrupt, which queued the events. */
static void controller_interrupt(void) { usb_service(); }

void usb_tick(void) {
    if (++ticks >= EXTEND_TICKS) {
        ticks = 0;
        if (opened) {
            ccid_extend(&ccid);
        }
    }
}

bool usb_suspended(void) { return tud_suspended(); }

void usb_start(void) {
    ccid_init(&ccid, &body);
    tusb_init();
    service_irq = (unsigned)user_irq_claim_unused(true);
    irq_set_exclusive_handler(service_irq, service);
    irq_set_priority(service_irq, PICO_LOWEST_IRQ_PRIORITY);
    irq_set_enabled(service_irq, true);
    irq_add_shared_handler(USBCTRL_IRQ, controller_interrupt, PICO_SHARED_IRQ_HANDLER_LOWEST_ORDER_PRIORITY);
    usb_service();
}

/* The class driver */

static void driver_init(void) {}

static bool driver_deinit(void) { return true; }

static void driver_reset(uint8_t port) {
    (void)port;
    opened = false;
    ccid_init(&ccid, &body);
}

static uint16_t driver_open(uint8_t port, const tusb_desc_interface_t *interface, uint16_t max_len) {
    const uint16_t len = 9 + 54 + 3 * 7;
    const uint8_t *descriptor = (const uint8_t *)interface;

    if (interface->bInterfaceClass != TUSB_CLASS_SMART_CARD || max_len < len) {
        return 0;
    }
    for (descriptor += 9 + 54; descriptor < (const uint8_t *)interface + len; descriptor += 7) {
        if (!usbd_edpt_open(port, (const tusb_desc_endpoint_t *)(const void *)descriptor)) {
            return 0;
        }
    }
    ccid_init(&ccid, &body);
    opened = true;
    (void)usbd_edpt_xfer(port, USB_EP_OUT, out_packet, sizeof out_packet);
    (void)usbd_edpt_xfer(port, USB_EP_NOTIFY, notification, sizeof notification);
    return len;
}

static bool driver_control(uint8_t port, uint8_t stage, const tusb_control_request_t *request) {
    static uint32_t clock_khz = 4000;
    static uint32_t rate = 10752;

    if (request->bmRequestType_bit.type != TUSB_REQ_TYPE_CLASS) {
        return false;
    }
    if (stage != CONTROL_STAGE_SETUP) {
        return true;
    }
    switch (request->bRequest) {
    case REQUEST_ABORT:
        return ccid_abort(&ccid, (uint8_t)request->wValue, (uint8_t)(request->wValue >> 8)) &&
               tud_control_status(port, request);
    case REQUEST_CLOCKS:
        return tud_control_xfer(port, request, &clock_khz, sizeof clock_khz);
    case REQUEST_RATES:
        return tud_control_xfer(port, request, &rate, sizeof rate);
    default:
        return false;
    }
}

static bool driver_transferred(uint8_t port, uint8_t endpoint, xfer_result_t result, uint32_t len) {
    (void)result;
    if (endpoint == USB_EP_OUT) {
        ccid_receive(&ccid, out_packet, len);
        return usbd_edpt_xfer(port, USB_EP_OUT, out_packet, sizeof out_packet);
    }
    if (endpoint == USB_EP_IN) {
        if (zero_packet) {
            zero_packet = false;
            return usbd_edpt_xfer(port, USB_EP_IN, NULL, 0);
        }
        ccid_sent(&ccid);
    }
    return true;
}

const usbd_class_driver_t *usbd_app_driver_get_cb(uint8_t *count) {
    static const usbd_class_driver_t driver = {.name = "CCID",
                                               .init = driver_init,
                                               .deinit = driver_deinit,
                                               .reset = driver_reset,
                                               .open = driver_open,
                                               .control_xfer_cb = driver_control,
                                               .xfer_cb = driver_transferred};

    *count = 1;
    return &driver;
}
