// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* What a reader may send over vpcd, byte by byte as it likes: the daemon's loop must answer every whole
 * message, and end with the connection and not before. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emulator/vpcd.h"

#define INPUT_MAX 8192u /* less than the socket holds: both ends are in this thread */

static unsigned answers; /* that the host has to get */

static void power(void *ctx, enum vpcd_control control) {
    (void)ctx;
    (void)control;
}

static size_t atr(void *ctx, uint8_t *out) {
    (void)ctx;
    answers++;
    memset(out, 0x3B, VPCD_ATR_MAX);
    return VPCD_ATR_MAX;
}

/* Answers with 9000 and the first bytes of the command. */
static size_t exchange(void *ctx, const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    (void)ctx;
    size_t n = len < 4 ? len : 4;
    if (cap < n + 2 || len == 1) {
        abort();
    }
    answers++;
    memcpy(response, command, n);
    memcpy(response + n, "\x90", 2);
    return n + 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct vpcd_buffers buffers;
    static const struct vpcd_card card = {NULL, power, atr, exchange};
    static const struct vpcd_events nobody_listens = {0};
    static uint8_t reply[4 * INPUT_MAX + 64];
    int pair[2];
    size = size < INPUT_MAX ? size : INPUT_MAX;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], data, size) != (ssize_t)size ||
        shutdown(pair[0], SHUT_WR) != 0) {
        abort();
    }
    answers = 0;
    enum vpcd_end end = vpcd_serve(pair[1], &card, &nobody_listens, &buffers);
    close(pair[1]);
    if (end != VPCD_END_CLOSED && end != VPCD_END_TRUNCATED) {
        abort();
    }
    ssize_t got = 0;
    ssize_t n;
    while ((size_t)got < sizeof reply && (n = read(pair[0], reply + got, sizeof reply - (size_t)got)) > 0) {
        got += n;
    }
    close(pair[0]);
    unsigned seen = 0;
    for (ssize_t at = 0; at + 2 <= got; seen++) {
        at += 2 + (reply[at] << 8 | reply[at + 1]);
        if (at > got) {
            abort();
        }
    }
    if (seen != answers) {
        abort();
    }
    return 0;
}
