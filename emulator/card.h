// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_CARD_H
#define EMULATOR_CARD_H

/*
 * One slot of the virtual reader: a thread with blocking I/O on its own connection, and the card in it, made
 * of a store, a platform and the engine.
 *
 * The thread starts before the card is open, so that the reader is met as early as possible; the reader waits
 * with its first question until card_open, or gets "no card" when the slot is stopped instead.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/options.h"
#include "emulator/platform_linux.h"
#include "emulator/reader.h"
#include "emulator/vpcd.h"
#include "hsm/hsm.h"
#include "storage/store.h"

#define CARD_NAME_MAX 4128u

struct card_events {
    void *ctx;
    void (*taken)(
        void *ctx); /* the reader has taken the card, for the first time; called in the card's thread */
};

/* Holds secrets: from harden_allocate. Members are private to card.c. */
struct card {
    char name[CARD_NAME_MAX]; /* in log lines */
    unsigned slot;
    struct reader reader;
    struct card_events events;
    pthread_t thread;
    bool running;
    bool empty; /* no card will ever be in this slot; set before the thread starts */
    bool taken_once;

    pthread_mutex_t lock;   /* guards the members of this block */
    pthread_cond_t changed; /* on the monotonic clock */
    bool present;           /* hsm may be used, by the thread only */
    bool stopping;
    bool still;        /* the thread has ended or is parked, and touches nothing any more */
    int64_t grace_end; /* ms of the monotonic clock: commands that last longer are abandoned */

    struct store *store;
    struct platform platform;
    struct hsm hsm;
    struct vpcd_buffers buffers;
};

/* card_new: a slot for `reader`, which it takes over. Returns NULL when there is no memory. */
struct card *card_new(unsigned slot, const struct reader *reader, const struct card_events *events);

/* card_start: starts the slot's thread. `empty`: there will never be a card in it. Returns 0 or an errno. */
int card_start(struct card *card, bool empty);

/*
 * card_open: opens the card of the file `path`, making it when the file is absent; or, with `path` NULL,
 * makes one in memory. The reader gets it when this returns 0. Otherwise -1, with one line in `message`, and
 * files are as they were.
 */
int card_open(struct card *card, const char *path, const struct options *options,
              struct precompute *precompute, char *message, size_t message_size);

/*
 * card_stop: asks the slot to come to its end; a command under way has a second to finish and to be answered.
 * card_free: waits for that, logs the card out, wipes it and closes its store. A command that takes longer is
 * abandoned: its thread is parked for good, and nothing of it was committed. NULL is allowed.
 */
void card_stop(struct card *card);
void card_free(struct card *card);

#endif
