// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_VPCD_CLIENT_H
#define TESTS_SUPPORT_VPCD_CLIENT_H

/*
 * The reader's side of the vpcd protocol, without pcscd: what tests, transcripts and the bench use to talk to
 * a running daemon, in either direction.
 *
 * Functions return 0 (or a length) when all went well, and -1 with errno otherwise; errno is ECONNRESET when
 * the card has closed the connection. Nothing here waits longer than the timeout of the client, 30 s unless
 * changed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VPCD_CLIENT_MESSAGE_MAX 65535u

struct vpcd_client {
    int listener; /* -1 = none */
    int fd;       /* of the connection, -1 = none */
    int timeout_ms;

    /* Writes length and payload apart, with Nagle's algorithm on, as vsmartcard's driver does. Otherwise in
     * one piece. */
    bool split;
};

/* vpcd_client_init: nothing is open yet. */
void vpcd_client_init(struct vpcd_client *client);

/*
 * vpcd_client_listen: plays the driver that the card dials: listens on 127.0.0.1 at `port` (0 = any). Returns
 * the port. vpcd_client_accept: waits for the card's connection; an earlier one is closed.
 */
int vpcd_client_listen(struct vpcd_client *client, uint16_t port);
int vpcd_client_accept(struct vpcd_client *client);

/* vpcd_client_connect: plays the driver that dials the card at 127.0.0.1 `port`, tries until it is there. */
int vpcd_client_connect(struct vpcd_client *client, uint16_t port);

/* vpcd_client_control: sends a control byte: 00 off, 01 on, 02 reset, 04 ATR (collect it with
 * vpcd_client_receive). */
int vpcd_client_control(struct vpcd_client *client, uint8_t control);

/* vpcd_client_atr: asks for the ATR. Returns its length, 0 = "no card". */
ssize_t vpcd_client_atr(struct vpcd_client *client, uint8_t *atr, size_t cap);

/* vpcd_client_transmit: sends a command APDU and receives the response. Returns its length. */
ssize_t vpcd_client_transmit(struct vpcd_client *client, const uint8_t *command, size_t len,
                             uint8_t *response, size_t cap);

/* vpcd_client_send / vpcd_client_receive: one message alone. EMSGSIZE when `cap` is too small for it. */
int vpcd_client_send(struct vpcd_client *client, const uint8_t *payload, size_t len);
ssize_t vpcd_client_receive(struct vpcd_client *client, uint8_t *payload, size_t cap);

/* vpcd_client_send_raw: bytes as they are, without a length. */
int vpcd_client_send_raw(struct vpcd_client *client, const uint8_t *bytes, size_t len);

/* vpcd_client_hang_up: closes the connection; the listener stays. */
void vpcd_client_hang_up(struct vpcd_client *client);

/* vpcd_client_close: closes everything. */
void vpcd_client_close(struct vpcd_client *client);

#endif
