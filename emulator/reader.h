// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_READER_H
#define EMULATOR_READER_H

/*
 * The way from one card to its slot of the virtual reader, in either direction:
 *
 * dialling   the reader driver inside pcscd listens, we connect. pcscd takes a waiting connection only at a
 * presence poll: twice within a fraction of a millisecond after its start, then every 400 ms. So for two
 *            seconds after the start and after each loss we try every millisecond, which now and then is
 * early enough, and ever more seldom later, up to a quarter of a second. listening  the driver connects to
 * us, as soon as pcscd starts. The listener opens with reader_listen and stays until reader_close: Debian
 * 12's driver brings pcscd down when a connection is refused or closed.
 *
 * One thread runs a reader; reader_stop and reader_cut may be called from others.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "emulator/vpcd.h"

#define READER_NAME_MAX 300u /* bytes, with the final zero: a host name of 255 and a port */

struct reader {
    char name[READER_NAME_MAX]; /* host and port, for messages */
    bool listening;
    struct sockaddr_storage address;
    socklen_t address_len;
    int listener; /* -1 when dialling */
    int wake;     /* eventfd, readable once stopping */

    pthread_mutex_t lock; /* guards the two below */
    int connection;       /* -1 when there is none */
    bool stopping;

    /* Of the running thread only. */
    const char *label; /* of the card in log lines; NULL = quiet */
    const struct vpcd_events *events;
    bool taken; /* the connection of now, or the last one, was used */
};

/*
 * reader_dial: prepares a reader that connects to `host` (name or address) and `port`. Nothing is connected
 * yet. reader_listen: prepares one that listens there, and starts to listen. Both return 0, or -1 with one
 * line in `message` that says what to do; the reader needs no reader_close then.
 */
int reader_dial(struct reader *reader, const char *host, uint16_t port, char *message, size_t message_size);
int reader_listen(struct reader *reader, const char *host, uint16_t port, char *message, size_t message_size);

/* reader_is_loopback: whether only this machine can reach the reader's address. */
bool reader_is_loopback(const struct reader *reader);

/*
 * reader_run: connects `card` with its slot, again and again, until reader_stop. It gets a power-off at the
 * start and at the end of each connection. `label` names the card in log lines, NULL makes it quiet; `events`
 * as in vpcd.h (its `silent` is not used). A line is logged when the card gets into the reader, and when it
 * leaves it.
 */
void reader_run(struct reader *reader, const struct vpcd_card *card, const struct vpcd_events *events,
                struct vpcd_buffers *buffers, const char *label);

/* reader_stop: makes reader_run return. A command under way is finished and answered first. */
void reader_stop(struct reader *reader);

/* reader_cut: after reader_stop, also gives up an answer that the host does not collect. */
void reader_cut(struct reader *reader);

/* reader_close: releases everything. reader_run must have returned. */
void reader_close(struct reader *reader);

#endif
