// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_STORE_MODEL_H
#define TESTS_SUPPORT_STORE_MODEL_H

/*
 * A plain model of a store, and random transactions that are carried out on a store and on the model at once.
 *
 * The model holds two states: `committed`, and `working` (what the open transaction has made of it). After a
 * transaction that a power cut or an error has broken off, the store must hold exactly one of the two; which
 * of them are allowed, store_model_step tells.
 */

#include "storage/store.h"
#include "tests/support/store_random.h"

/* Number of ids that a model knows. The i-th one is store_model_id(i). */
#define STORE_MODEL_IDS_MAX 2048u

struct store_model_value {
    uint8_t *data;
    size_t len;
    bool exists;
};

struct store_model {
    struct store_model_value *committed;
    struct store_model_value *working;
    uint32_t ids;
    /* Sums over all steps. */
    uint64_t transactions; /* committed */
    uint64_t aborted;
    uint64_t full;  /* transactions that ended because the store was full */
    uint64_t bytes; /* of values written by committed transactions */
};

/* What random transactions are like. */
struct store_profile {
    uint32_t changes_max;    /* changes of a transaction: 1 to this */
    uint32_t value_max;      /* most values are shorter, few as long */
    uint32_t delete_percent; /* of the changes: deletions of one record */
    uint32_t range_percent;  /* of the changes: deletions of a range of a few ids */
    uint32_t patch_percent;  /* of the changes: patches */
    uint32_t abort_percent;  /* of the transactions */
};

enum store_model_result {
    STORE_MODEL_OK,     /* done as expected: the store must hold `committed` */
    STORE_MODEL_BEFORE, /* a call failed before commit: the store must hold `committed` */
    STORE_MODEL_EITHER, /* commit failed: the store must hold `committed` or `working` */
    STORE_MODEL_WRONG   /* the store answered wrongly; a line about it is on stderr */
};

void store_model_init(struct store_model *model, uint32_t ids);
void store_model_free(struct store_model *model);
/* Copies both states. `to` needs no preparation. */
void store_model_copy(struct store_model *to, const struct store_model *from);
uint16_t store_model_id(uint32_t index);

/*
 * One random transaction. An unexpected STORE_ERR_IO ends it (BEFORE or EITHER). STORE_ERR_FULL is checked
 * against what the store said of its room, and aborts it.
 */
enum store_model_result store_model_step(struct store_model *model, struct store *store,
                                         const struct store_profile *profile, struct store_random *random);

/* Makes `committed` what `working` is, after the store has been found to hold it. */
void store_model_accept(struct store_model *model);

/* Compares everything the store holds with `committed` or (if `working`) with the working state. With
   `report`, a difference is told on stderr. */
bool store_model_equals(const struct store_model *model, struct store *store, bool working, bool report);

#endif
