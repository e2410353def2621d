// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_CCID_H
#define RP2040_CCID_H

/*
 * A CCID reader with one slot and one card that is always there, as messages: bytes of the bulk-OUT pipe in,
 * bytes of the bulk-IN pipe out. No USB stack and no hardware in here, so that it is tested on the host.
 *
 * The reader is at the extended APDU level of exchange: a message holds a whole command or response APDU, or
 * a part of a chained one. One command is under way at a time; meanwhile the reader still answers
 * GetSlotStatus and Abort, and refuses everything else as busy. All functions are called from one context
 * (the USB service interrupt); what the card has to do is handed out by `work` and answered by ccid_done
 * later.
 *
 * Source: Universal Serial Bus, Device Class: Smart Card, CCID, revision 1.1, chapter 6.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/limits.h"

#define CCID_HEADER 10u /* bytes before the data of every message */

/* Longest APDU in either direction, and dwMaxCCIDMessageLength, which holds for both. */
#define CCID_APDU_MAX (HSM_RESPONSE_MAX > HSM_COMMAND_MAX ? HSM_RESPONSE_MAX : HSM_COMMAND_MAX)
#define CCID_MESSAGE_MAX (CCID_HEADER + CCID_APDU_MAX)

/* Small messages that may wait while another one is being sent. */
#define CCID_SMALL_QUEUE 4u

enum ccid_work { CCID_POWER_ON, CCID_POWER_OFF, CCID_EXCHANGE };

struct ccid_body {
    /* Sends `len` bytes to the host; they stay unchanged until ccid_sent. Called only when nothing is on its
     * way. */
    void (*send)(const uint8_t *message, size_t len);

    /* Have the card do `work`, which ends with ccid_done. The command APDU of CCID_EXCHANGE is command[] of
     * `command_len` bytes; its response APDU, like the ATR, goes to ccid_response(). */
    void (*work)(enum ccid_work work);
};

struct ccid {
    const struct ccid_body *body;

    /* Receiving */
    uint8_t header[CCID_HEADER];
    size_t received; /* bytes of the message, header included */
    uint32_t data_len;
    bool skip;    /* the data goes nowhere: refused already, or not wanted */
    uint8_t fail; /* slot error for a message that is refused when it is complete */
    bool refused;

    /* The command APDU, put together from one message or several */
    uint8_t command[CCID_APDU_MAX];
    size_t command_len;
    bool chaining;

    /* The response to be sent, behind its message header */
    uint8_t response[CCID_MESSAGE_MAX];
    size_t response_len;  /* of the APDU */
    size_t response_sent; /* of the APDU, when it goes out in several messages */
    bool response_ready;  /* it waits for the pipe */

    /* The card */
    bool active; /* powered */
    bool dead;   /* does not come up */
    bool busy;   /* a command is under way */
    enum ccid_work doing;
    uint8_t sequence;    /* of the command under way */
    bool aborted;        /* its answer is not wanted any more */
    bool power_on_waits; /* for the end of an aborted command: after a reset of the bus */

    /* Abort: needs both a control request and a message of the same sequence number, in any order. */
    bool abort_requested;
    uint8_t abort_sequence;

    uint8_t parameters[7]; /* of T=1 */

    /* Sending */
    bool sending;
    uint8_t small_queue[CCID_SMALL_QUEUE][CCID_HEADER + 8u];
    uint8_t small_len[CCID_SMALL_QUEUE];
    uint8_t small_first;
    uint8_t small_count;
};

/* ccid_init: a reader whose card is unpowered; call it also when the host resets or configures the device. A
 * command under way is finished by the card, its answer dropped. */
void ccid_init(struct ccid *ccid, const struct ccid_body *body);

/* ccid_receive: takes the bytes of one bulk-OUT packet; none (a zero-length packet) are allowed. */
void ccid_receive(struct ccid *ccid, const uint8_t *packet, size_t len);

/* ccid_sent: the message given to `send` last has left. */
void ccid_sent(struct ccid *ccid);

/* ccid_response: where the card writes CCID_APDU_MAX bytes of response APDU or ATR. */
uint8_t *ccid_response(struct ccid *ccid);

/* ccid_done: the work is done; `len` bytes of ATR or response APDU are at ccid_response() (power off: 0).
 * `failed`: the card does not work. */
void ccid_done(struct ccid *ccid, size_t len, bool failed);

/* ccid_extend: asks the host for more time when a command is under way. To be called every second of one. */
void ccid_extend(struct ccid *ccid);

/* ccid_abort: the control request ABORT for `slot` with `sequence` (5.3.1). Returns false when it is to be
 * stalled. */
bool ccid_abort(struct ccid *ccid, uint8_t slot, uint8_t sequence);

#endif
