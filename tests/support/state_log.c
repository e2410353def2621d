// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/state_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/crypto/hash.h"

static uint8_t value[STORE_VALUE_MAX];

struct state state_of(struct store *store) {
    struct state s = {{0}};
    uint16_t id = 0;
    int rc;
    while ((rc = store_next(store, id, &id)) == STORE_OK) {
        size_t len;
        rc = store_get(store, id, 0, value, sizeof value, &len);
        if (rc != STORE_OK) {
            break;
        }
        uint8_t head[] = {(uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(len >> 8), (uint8_t)len};
        struct crypto_part parts[] = {{s.digest, sizeof s.digest}, {head, sizeof head}, {value, len}};
        uint8_t digest[32];
        crypto_hash_parts(CRYPTO_SHA256, parts, 3, digest);
        memcpy(s.digest, digest, sizeof digest);
    }
    if (rc != STORE_ERR_NOT_FOUND) {
        fprintf(stderr, "state of the store: record %04X: %s\n", id, store_error_text(rc));
        abort();
    }
    return s;
}

bool state_equal(const struct state *a, const struct state *b) {
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static struct store *inner(struct store *store) { return ((struct state_log *)store)->inner; }

static void note_change(struct store *store, int rc) {
    if (rc == STORE_OK) {
        ((struct state_log *)store)->changed = true;
    }
}

static int log_begin(struct store *store) {
    ((struct state_log *)store)->changed = false;
    return store_begin(inner(store));
}

static int log_commit(struct store *store) {
    struct state_log *log = (struct state_log *)store;
    int rc = store_commit(log->inner);
    if (rc == STORE_OK && log->changed) {
        if (log->count == STATE_LOG_MAX) {
            fprintf(stderr, "state log: more than %u commits\n", STATE_LOG_MAX);
            abort();
        }
        log->states[log->count++] = state_of(log->inner);
    }
    return rc;
}

static int log_abort(struct store *store) { return store_abort(inner(store)); }

static int log_put(struct store *store, uint16_t id, const void *data, size_t len) {
    int rc = store_put(inner(store), id, data, len);
    note_change(store, rc);
    return rc;
}

static int log_patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len) {
    int rc = store_patch(inner(store), id, offset, data, len);
    note_change(store, rc);
    return rc;
}

static int log_del(struct store *store, uint16_t id) {
    int rc = store_del(inner(store), id);
    note_change(store, rc);
    return rc;
}

static int log_del_range(struct store *store, uint16_t first, uint16_t last) {
    int rc = store_del_range(inner(store), first, last);
    note_change(store, rc);
    return rc;
}

static int log_get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len) {
    return store_get(inner(store), id, offset, buf, cap, len);
}

static int log_size(struct store *store, uint16_t id, size_t *len) {
    return store_size(inner(store), id, len);
}

static int log_next(struct store *store, uint16_t after, uint16_t *id) {
    return store_next(inner(store), after, id);
}

static int log_usage(struct store *store, struct store_usage *usage) {
    return store_usage(inner(store), usage);
}

static void log_close(struct store *store) { (void)store; /* the inner store is the caller's */ }

static const struct store_ops ops = {
    .begin = log_begin,
    .commit = log_commit,
    .abort = log_abort,
    .put = log_put,
    .patch = log_patch,
    .del = log_del,
    .del_range = log_del_range,
    .get = log_get,
    .size = log_size,
    .next = log_next,
    .usage = log_usage,
    .close = log_close,
};

void state_log_start(struct state_log *log, struct store *store) {
    memset(log, 0, sizeof *log);
    log->base.ops = &ops;
    log->inner = store;
    log->states[0] = state_of(store);
    log->count = 1;
}
