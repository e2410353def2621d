// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_VPCD_H
#define EMULATOR_VPCD_H

/*
 * The card's side of the vpcd protocol (vsmartcard's virtual reader) on one connected socket.
 *
 * Each message, in both directions, is a length of two bytes (big-endian) and that many bytes. From the host
 * a message of one byte is a control byte, any other a command APDU. ATR requests and APDUs are answered by
 * exactly one message, the other control bytes by none. An empty answer means "no card".
 *
 * Nothing that the host sends ends the conversation: unknown control bytes are ignored, and messages too
 * short for an APDU go to the card, which answers with a status word.
 *
 * Source: docs/protocol.md, "vpcd".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VPCD_MESSAGE_MAX 65535u /* bytes: what the length field can say */
#define VPCD_ATR_MAX 33u        /* bytes, ISO/IEC 7816-3, 8.2.1 */

enum vpcd_control {
    VPCD_POWER_OFF = 0x00,
    VPCD_POWER_ON = 0x01,
    VPCD_RESET = 0x02,
    VPCD_ATR = 0x04,
};

/* What sits in the reader. All members are required; they get `ctx` back. */
struct vpcd_card {
    void *ctx;

    /* Power off, power on or reset. */
    void (*power)(void *ctx, enum vpcd_control control);

    /* Writes the ATR, at most VPCD_ATR_MAX bytes. Returns its length, 0 = no card here. */
    size_t (*atr)(void *ctx, uint8_t *out);

    /* Executes a command of `len` bytes (0, or 2 to VPCD_MESSAGE_MAX), and writes the response, at most `cap`
     * bytes. Returns its length, 0 = no card here. */
    size_t (*exchange)(void *ctx, const uint8_t *command, size_t len, uint8_t *response, size_t cap);
};

/* What the owner of the connection wants to hear. Members may be NULL. */
struct vpcd_events {
    void *ctx;

    /* The host has just been told the ATR: it has taken the card. Called at most once for each vpcd_serve. */
    void (*taken)(void *ctx);

    /* The host has said nothing for `count` receive timeouts (SO_RCVTIMEO) in a row. Returns true to give it
     * up. */
    bool (*silent)(void *ctx, unsigned count);
};

/* Room for one command and its answer. They hold PINs and keys for as long as a command takes: keep them in
 * memory that is neither swapped nor dumped. */
struct vpcd_buffers {
    uint8_t command[VPCD_MESSAGE_MAX];
    uint8_t reply[2u + VPCD_MESSAGE_MAX]; /* with its length in front, for one write */
};

/* Why a conversation ended. */
enum vpcd_end {
    VPCD_END_CLOSED,    /* by the host, between two messages */
    VPCD_END_TRUNCATED, /* by the host, in the middle of a message */
    VPCD_END_ERROR,     /* the socket failed; errno says how */
    VPCD_END_SILENT,    /* events->silent gave it up */
    VPCD_END_NO_CARD,   /* the host was told that there is no card */
};

/*
 * vpcd_serve: answers the host on the connected stream socket `fd` until the connection is to end. The caller
 * closes it. Both buffers are wiped, as far as they were used, after each message and at the end.
 *
 * The host's stack may hold a message's second segment back until the first has been acknowledged (the driver
 * writes length and payload apart, with Nagle's algorithm on), so on TCP the acknowledgement is asked for
 * before each read: without that each APDU takes 40 ms and more. See tcp(7), TCP_QUICKACK.
 */
enum vpcd_end vpcd_serve(int fd, const struct vpcd_card *card, const struct vpcd_events *events,
                         struct vpcd_buffers *buffers);

#endif
