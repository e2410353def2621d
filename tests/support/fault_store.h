// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_FAULT_STORE_H
#define TESTS_SUPPORT_FAULT_STORE_H

/*
 * A store around another one that fails when told to. It counts what would touch the medium (put, patch,
 * delete, commit) and lets the n-th of these fail: once, or with everything after it, as when the power goes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

struct fault_store {
    struct store base; /* what the card is given */
    struct store *inner;
    uint32_t operations; /* so far, since the last arm */
    uint32_t fail_at;    /* 1 = the next operation; 0 = never */
    bool power_cut;      /* everything after the failure fails too */
    bool dead;
    int error;        /* what the failing operation returns */
    uint32_t commits; /* of transactions with at least one change, that succeeded, since the last arm */
    uint32_t changes; /* in the open transaction */
};

void fault_store_init(struct fault_store *faults, struct store *inner);

/* fault_store_arm: the `fail_at`-th operation from now on returns `error` (of storage/store.h). */
void fault_store_arm(struct fault_store *faults, uint32_t fail_at, bool power_cut, int error);

/* fault_store_heal: no more failures; a transaction that a power cut left open is aborted. */
void fault_store_heal(struct fault_store *faults);

#endif
