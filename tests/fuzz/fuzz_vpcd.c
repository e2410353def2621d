// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* What a reader may send over vpcd, byte by byte as it likes: the daemon's loop must answer every whole
 * message, and end with the connection and not before. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emulator/vpcd.h"

#define INPUT_MAX 8192u             /* less than the socket holds in one piece */
#define REPLY_MAX (20u * INPUT_MAX) /* an ATR for every three bytes is the most */

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

/* The host's side: takes what the card says until it hangs up. A thread, because a socket holds few small
 * messages. */
struct host {
    int fd;
    size_t len;
    uint8_t reply[REPLY_MAX];
};

static void *listen_to_card(void *arg) {
    struct host *host = arg;
    ssize_t n;
    while (host->len < sizeof host->reply &&
           (n = read(host->fd, host->reply + host->len, sizeof host->reply - host->len)) > 0) {
        host->len += (size_t)n;
    }
    return NULL;
}

static unsigned count_messages(const struct host *host) {
    unsigned count = 0;
    for (size_t at = 0; at + 2 <= host->len; count++) {
        at += 2u + (size_t)(host->reply[at] << 8 | host->reply[at + 1]);
        if (at > host->len) {
            abort();
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct vpcd_buffers buffers;
    static const struct vpcd_card card = {NULL, power, atr, exchange};
    static const struct vpcd_events nobody_listens = {0};
    static struct host host;
    pthread_t thread;
    int pair[2];
    size = size < INPUT_MAX ? size : INPUT_MAX;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], data, size) != (ssize_t)size ||
        shutdown(pair[0], SHUT_WR) != 0) {
        abort();
    }
    host.fd = pair[0];
    host.len = 0;
    answers = 0;
    if (pthread_create(&thread, NULL, listen_to_card, &host) != 0) {
        abort();
    }
    enum vpcd_end end = vpcd_serve(pair[1], &card, &nobody_listens, &buffers);
    close(pair[1]);
    pthread_join(thread, NULL);
    close(pair[0]);
    if (end != VPCD_END_CLOSED && end != VPCD_END_TRUNCATED) {
        abort();
    }
    if (count_messages(&host) != answers) {
        abort();
    }
    return 0;
}
