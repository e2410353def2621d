// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/vpcd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "hsm/crypto/util.h"

#define HEADER_LEN 2u

struct conversation {
    int fd;
    const struct vpcd_card *card;
    const struct vpcd_events *events;
    bool taken;
};

/* The kernel falls back to delayed acknowledgements whenever we have sent something, hence before every read.
 * On a socket that is not TCP this fails, and is not needed. */
static void acknowledge_at_once(int fd) {
    const int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/*
 * Reads exactly `len` bytes. Returns true, or false with `*end` set; `*got` receives the number of bytes that
 * are in `buf`.
 */
static bool read_exactly(const struct conversation *talk, uint8_t *buf, size_t len, size_t *got,
                         enum vpcd_end *end) {
    unsigned silent = 0;

    *got = 0;
    while (*got < len) {
        ssize_t n;

        acknowledge_at_once(talk->fd);
        n = recv(talk->fd, buf + *got, len - *got, 0);
        if (n > 0) {
            *got += (size_t)n;
            silent = 0;
        } else if (n == 0) {
            *end = *got == 0 ? VPCD_END_CLOSED : VPCD_END_TRUNCATED;
            return false;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            silent++;
            if (talk->events->silent != NULL && talk->events->silent(talk->events->ctx, silent)) {
                *end = VPCD_END_SILENT;
                return false;
            }
        } else if (errno != EINTR) {
            *end = VPCD_END_ERROR;
            return false;
        }
    }
    return true;
}

/* Sends `len` bytes of payload that stand behind the room for their length, as one segment if the kernel can.
 */
static bool send_reply(const struct conversation *talk, uint8_t *reply, size_t len) {
    size_t total = HEADER_LEN + len;
    size_t sent = 0;

    reply[0] = (uint8_t)(len >> 8);
    reply[1] = (uint8_t)len;
    while (sent < total) {
        ssize_t n = send(talk->fd, reply + sent, total - sent, MSG_NOSIGNAL);

        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static void tell_taken(struct conversation *talk) {
    if (!talk->taken) {
        talk->taken = true;
        if (talk->events->taken != NULL) {
            talk->events->taken(talk->events->ctx);
        }
    }
}

/* What comes after one message. */
enum next { NEXT_MESSAGE, NEXT_NO_CARD, NEXT_ERROR };

static enum next after_reply(bool sent, size_t len) {
    if (!sent) {
        return NEXT_ERROR;
    }
    return len > 0 ? NEXT_MESSAGE : NEXT_NO_CARD;
}

static enum next answer_control(struct conversation *talk, uint8_t control, uint8_t *reply) {
    switch (control) {
    case VPCD_POWER_OFF:
        talk->card->power(talk->card->ctx, VPCD_POWER_OFF);
        return NEXT_MESSAGE;
    case VPCD_POWER_ON:
        talk->card->power(talk->card->ctx, VPCD_POWER_ON);
        return NEXT_MESSAGE;
    case VPCD_RESET:
        talk->card->power(talk->card->ctx, VPCD_RESET);
        return NEXT_MESSAGE;
    case VPCD_ATR: {
        size_t len = talk->card->atr(talk->card->ctx, reply + HEADER_LEN);
        bool sent = send_reply(talk, reply, len);

        if (sent && len > 0) {
            tell_taken(talk);
        }
        return after_reply(sent, len);
    }
    default:
        return NEXT_MESSAGE; /* a later protocol's control byte, or noise: no answer is due */
    }
}

static enum next answer_command(struct conversation *talk, struct vpcd_buffers *buffers, size_t len) {
    size_t reply_len = talk->card->exchange(talk->card->ctx, buffers->command, len,
                                            buffers->reply + HEADER_LEN, VPCD_MESSAGE_MAX);
    bool sent;

    /* Before anything else can fail: the command may hold a PIN. */
    crypto_wipe(buffers->command, len);
    sent = send_reply(talk, buffers->reply, reply_len);
    crypto_wipe(buffers->reply, HEADER_LEN + reply_len);
    return after_reply(sent, reply_len);
}

enum vpcd_end vpcd_serve(int fd, const struct vpcd_card *card, const struct vpcd_events *events,
                         struct vpcd_buffers *buffers) {
    struct conversation talk = {.fd = fd, .card = card, .events = events};
    enum vpcd_end end = VPCD_END_CLOSED;

    for (;;) {
        uint8_t header[HEADER_LEN];
        size_t len;
        size_t got;
        enum next next;

        if (!read_exactly(&talk, header, sizeof header, &got, &end)) {
            return end;
        }
        len = (size_t)header[0] << 8 | header[1];
        if (!read_exactly(&talk, buffers->command, len, &got, &end)) {
            crypto_wipe(buffers->command, got);
            return end == VPCD_END_CLOSED ? VPCD_END_TRUNCATED : end;
        }
        if (len == 1) {
            next = answer_control(&talk, buffers->command[0], buffers->reply);
        } else {
            next = answer_command(&talk, buffers, len);
        }
        if (next != NEXT_MESSAGE) {
            return next == NEXT_NO_CARD ? VPCD_END_NO_CARD : VPCD_END_ERROR;
        }
    }
}
