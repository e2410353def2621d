// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "storage/store.h"

static bool valid_id(uint16_t id) { return id >= STORE_ID_MIN && id <= STORE_ID_MAX; }

// Errors that leave a change half made; commit must then refuse. A plain "not found" or a broken rule changed
// nothing.
static int note(struct store *store, int result) {
    if (store->failure == 0 &&
        (result == STORE_ERR_FULL || result == STORE_ERR_IO || result == STORE_ERR_CORRUPT)) {
        store->failure = result;
    }
    return result;
}

int store_begin(struct store *store) {
    if (store == NULL || store->in_transaction) {
        return STORE_ERR_INVALID;
    }
    int result = store->ops->begin(store);
    if (result == 0) {
        store->in_transaction = true;
        store->failure = 0;
    }
    return result;
}

int store_commit(struct store *store) {
    if (store == NULL || !store->in_transaction) {
        return STORE_ERR_INVALID;
    }
    store->in_transaction = false;
    if (store->failure != 0) {
        (void)store->ops->abort(store);
        return store->failure;
    }
    return store->ops->commit(store);
}

int store_abort(struct store *store) {
    if (store == NULL || !store->in_transaction) {
        return STORE_ERR_INVALID;
    }
    store->in_transaction = false;
    return store->ops->abort(store);
}

int store_put(struct store *store, uint16_t id, const void *data, size_t len) {
    if (store == NULL || !store->in_transaction || !valid_id(id) || len > STORE_VALUE_MAX ||
        (data == NULL && len != 0)) {
        return STORE_ERR_INVALID;
    }
    return note(store, store->ops->put(store, id, data, len));
}

int store_patch(struct store *store, uint16_t id, size_t offset, const void *data, size_t len) {
    if (store == NULL || !store->in_transaction || !valid_id(id) || offset > STORE_VALUE_MAX ||
        len > STORE_VALUE_MAX - offset || (data == NULL && len != 0)) {
        return STORE_ERR_INVALID;
    }
    return note(store, store->ops->patch(store, id, offset, data, len));
}

int store_del(struct store *store, uint16_t id) {
    if (store == NULL || !store->in_transaction || !valid_id(id)) {
        return STORE_ERR_INVALID;
    }
    return note(store, store->ops->del(store, id));
}

int store_del_range(struct store *store, uint16_t first, uint16_t last) {
    if (store == NULL || !store->in_transaction || first > last) {
        return STORE_ERR_INVALID;
    }
    // The reserved ids name no record, so that a range over them is cut down, not refused.
    if (first < STORE_ID_MIN) {
        first = STORE_ID_MIN;
    }
    if (last > STORE_ID_MAX) {
        last = STORE_ID_MAX;
    }
    if (first > last) {
        return STORE_OK;
    }
    return note(store, store->ops->del_range(store, first, last));
}

int store_get(struct store *store, uint16_t id, size_t offset, void *buf, size_t cap, size_t *len) {
    if (store == NULL || len == NULL || (buf == NULL && cap != 0)) {
        return STORE_ERR_INVALID;
    }
    *len = 0;
    if (!valid_id(id)) {
        return STORE_ERR_INVALID;
    }
    return store->ops->get(store, id, offset, buf, cap, len);
}

int store_size(struct store *store, uint16_t id, size_t *len) {
    if (store == NULL || len == NULL) {
        return STORE_ERR_INVALID;
    }
    *len = 0;
    if (!valid_id(id)) {
        return STORE_ERR_INVALID;
    }
    return store->ops->size(store, id, len);
}

int store_next(struct store *store, uint16_t after, uint16_t *id) {
    if (store == NULL || id == NULL) {
        return STORE_ERR_INVALID;
    }
    *id = 0;
    if (after >= STORE_ID_MAX) {
        return STORE_ERR_NOT_FOUND;
    }
    return store->ops->next(store, after, id);
}

int store_usage(struct store *store, struct store_usage *usage) {
    if (store == NULL || usage == NULL) {
        return STORE_ERR_INVALID;
    }
    return store->ops->usage(store, usage);
}

void store_close(struct store *store) {
    if (store == NULL) {
        return;
    }
    if (store->in_transaction) {
        (void)store_abort(store);
    }
    store->ops->close(store);
}

const char *store_error_text(int error) {
    switch (error) {
    case STORE_OK:
        return "no error";
    case STORE_ERR_NOT_FOUND:
        return "no such record";
    case STORE_ERR_FULL:
        return "the store is full";
    case STORE_ERR_IO:
        return "the storage medium failed to read or write";
    case STORE_ERR_CORRUPT:
        return "the stored data is damaged";
    case STORE_ERR_INVALID:
        return "the store was used against its rules";
    case STORE_ERR_LOCKED:
        return "another process is using this store";
    case STORE_ERR_FOREIGN:
        return "the medium holds another format, or a newer version of this one";
    case STORE_ERR_ACCESS:
        return "no permission to read and write the medium";
    default:
        return "unknown storage error";
    }
}
