// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_STATE_LOG_H
#define TESTS_SUPPORT_STATE_LOG_H

/*
 * A store around another one that remembers the state after each commit: between which states a power cut may
 * choose.
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

#define STATE_LOG_MAX 8u

struct state {
    uint8_t digest[32]; /* over ids, lengths and values of all records */
};

struct state_log {
    struct store base; /* what the card is given */
    struct store *inner;
    struct state states[STATE_LOG_MAX]; /* [0] is the state at state_log_start */
    unsigned count;
    bool changed; /* in the open transaction */
};

/* state_of: the state of a store now. Ends the process when it cannot be read. */
struct state state_of(struct store *store);

/* state_equal: are they the same? */
bool state_equal(const struct state *a, const struct state *b);

/* state_log_start: wraps `inner` and notes its state. */
void state_log_start(struct state_log *log, struct store *inner);

#endif
