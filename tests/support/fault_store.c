// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/fault_store.h"

#include <string.h>

static struct fault_store *self(struct store *store) { return (struct fault_store *)store; }

/* Counts one operation. Returns what it has to fail with, or 0. */
static int step(struct fault_store *f) {
    if (f->dead) {
        return f->error;
    }
    f->operations++;
    if (f->operations != f->fail_at) {
        return STORE_OK;
    }
    f->dead = f->power_cut;
    return f->error;
}

static int changed(struct fault_store *f, int result) {
    f->changes += result == STORE_OK ? 1 : 0;
    return result;
}

static int fault_begin(struct store *store) {
    struct fault_store *f = self(store);
    f->changes = 0;
    return f->dead ? f->error : store_begin(f->inner);
}

static int fault_commit(struct store *store) {
    struct fault_store *f = self(store);
    int rc = f->changes != 0 ? step(f) : f->dead ? f->error : STORE_OK;
    if (rc != STORE_OK) {
        if (f->inner->in_transaction) {
            (void)store_abort(f->inner);
        }
        return rc;
    }
    rc = store_commit(f->inner);
    f->commits += rc == STORE_OK && f->changes != 0 ? 1 : 0;
    return rc;
}

static int fault_abort(struct store *store) {
    struct fault_store *f = self(store);
    return f->inner->in_transaction ? store_abort(f->inner) : STORE_OK;
}

static int fault_put(struct store *store, uint16_t id, const void *data, size_t len) {
    struct fault_store *f = self(store);
    int rc = step(f);
    return rc != STORE_OK ? rc : changed(f, store_put(f->inner, id, data, len));
}

static int fault_patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len) {
    struct fault_store *f = self(store);
    int rc = step(f);
    return rc != STORE_OK ? rc : changed(f, store_patch(f->inner, id, offset, data, len));
}

static int fault_del(struct store *store, uint16_t id) {
    struct fault_store *f = self(store);
    int rc = step(f);
    return rc != STORE_OK ? rc : changed(f, store_del(f->inner, id));
}

static int fault_del_range(struct store *store, uint16_t first, uint16_t last) {
    struct fault_store *f = self(store);
    int rc = step(f);
    return rc != STORE_OK ? rc : changed(f, store_del_range(f->inner, first, last));
}

static int fault_get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len) {
    struct fault_store *f = self(store);
    return f->dead ? f->error : store_get(f->inner, id, offset, buf, cap, len);
}

static int fault_size(struct store *store, uint16_t id, size_t *len) {
    struct fault_store *f = self(store);
    return f->dead ? f->error : store_size(f->inner, id, len);
}

static int fault_next(struct store *store, uint16_t after, uint16_t *id) {
    struct fault_store *f = self(store);
    return f->dead ? f->error : store_next(f->inner, after, id);
}

static int fault_usage(struct store *store, struct store_usage *usage) {
    struct fault_store *f = self(store);
    return f->dead ? f->error : store_usage(f->inner, usage);
}

static void fault_close(struct store *store) { (void)store; }

static const struct store_ops ops = {
    .begin = fault_begin,
    .commit = fault_commit,
    .abort = fault_abort,
    .put = fault_put,
    .patch = fault_patch,
    .del = fault_del,
    .del_range = fault_del_range,
    .get = fault_get,
    .size = fault_size,
    .next = fault_next,
    .usage = fault_usage,
    .close = fault_close,
};

void fault_store_init(struct fault_store *faults, struct store *inner) {
    memset(faults, 0, sizeof *faults);
    faults->base.ops = &ops;
    faults->inner = inner;
}

void fault_store_arm(struct fault_store *faults, uint32_t fail_at, bool power_cut, int error) {
    faults->operations = 0;
    faults->commits = 0;
    faults->fail_at = fail_at;
    faults->power_cut = power_cut;
    faults->error = error;
    faults->dead = false;
}

void fault_store_heal(struct fault_store *faults) {
    faults->fail_at = 0;
    faults->dead = false;
    if (faults->base.in_transaction) {
        (void)store_abort(&faults->base);
    }
}
