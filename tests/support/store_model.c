// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/store_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *demand(void *memory) {
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void value_set(struct store_model_value *value, const void *data, size_t len) {
    uint8_t *copy = demand(malloc(len + 1));
    if (len != 0) {
        memcpy(copy, data, len);
    }
    free(value->data);
    *value = (struct store_model_value){.data = copy, .len = len, .exists = true};
}

static void value_clear(struct store_model_value *value) {
    free(value->data);
    *value = (struct store_model_value){0};
}

static void values_copy(struct store_model_value *to, const struct store_model_value *from, uint32_t ids) {
    for (uint32_t i = 0; i < ids; i++) {
        bool same = to[i].exists == from[i].exists && to[i].len == from[i].len &&
                    (to[i].len == 0 || memcmp(to[i].data, from[i].data, to[i].len) == 0);
        if (same) {
            continue;
        }
        if (from[i].exists) {
            value_set(&to[i], from[i].data, from[i].len);
        } else {
            value_clear(&to[i]);
        }
    }
}

void store_model_init(struct store_model *model, uint32_t ids) {
    *model = (struct store_model){.ids = ids};
    model->committed = demand(calloc(ids, sizeof *model->committed));
    model->working = demand(calloc(ids, sizeof *model->working));
}

void store_model_free(struct store_model *model) {
    for (uint32_t i = 0; i < model->ids; i++) {
        value_clear(&model->committed[i]);
        value_clear(&model->working[i]);
    }
    free(model->committed);
    free(model->working);
}

void store_model_copy(struct store_model *to, const struct store_model *from) {
    store_model_init(to, from->ids);
    values_copy(to->committed, from->committed, from->ids);
    values_copy(to->working, from->working, from->ids);
}

// Neighbours in groups of 16, the groups far apart, as file identifiers are.
uint16_t store_model_id(uint32_t index) { return (uint16_t)(0x0101u + (index / 16u) * 0x1F0u + index % 16u); }

void store_model_accept(struct store_model *model) {
    values_copy(model->committed, model->working, model->ids);
}

bool store_model_equals(const struct store_model *model, struct store *store, bool working, bool report) {
    static uint8_t buffer[STORE_VALUE_MAX + 1];
    const struct store_model_value *values = working ? model->working : model->committed;
    uint16_t id = 0;
    uint32_t records = 0;
    for (uint32_t i = 0; i < model->ids; i++) {
        const struct store_model_value *value = &values[i];
        size_t len = 0;
        size_t size = 0;
        if (!value->exists) {
            continue;
        }
        records++;
        int result = store_next(store, id, &id);
        if (result != 0 || id != store_model_id(i)) {
            if (report) {
                (void)fprintf(stderr, "expected record %04X next, got %04X (%d)\n", store_model_id(i), id,
                              result);
            }
            return false;
        }
        result = store_get(store, id, 0, buffer, sizeof buffer, &len);
        int size_result = store_size(store, id, &size);
        if (result != 0 || size_result != 0 || len != value->len || size != len ||
            (len != 0 && memcmp(buffer, value->data, len) != 0)) {
            if (report) {
                (void)fprintf(stderr, "record %04X: get %d, size %d, %zu bytes of %zu, %s\n", id, result,
                              size_result, len, value->len,
                              len == value->len && len != 0 && memcmp(buffer, value->data, len) != 0
                                  ? "other content"
                                  : "");
            }
            return false;
        }
    }
    struct store_usage usage = {0};
    uint16_t more = 0;
    if (store_next(store, id, &more) != STORE_ERR_NOT_FOUND || store_usage(store, &usage) != 0 ||
        usage.records != records) {
        if (report) {
            (void)fprintf(stderr, "record %04X should not be there, or the count %u is not %u\n", more,
                          usage.records, records);
        }
        return false;
    }
    return true;
}

static enum store_model_result wrong(const char *call, uint16_t id, int result, int expected) {
    (void)fprintf(stderr, "%s of %04X gave %d, expected %d\n", call, id, result, expected);
    return STORE_MODEL_WRONG;
}

// Short ones often, long ones sometimes; the lengths around which backends change what they do more often
// still.
static size_t random_len(struct store_random *random, uint32_t max) {
    static const uint16_t edges[] = {0, 1, 479, 480, 481, 959, 960, 961, 4095, 4096, 4097};
    uint32_t kind = store_random_below(random, 16);
    uint32_t len = 0;
    if (kind == 0) {
        len = edges[store_random_below(random, sizeof edges / sizeof edges[0])];
    } else if (kind == 1) {
        len = store_random_below(random, max + 1);
    } else if (kind < 6) {
        len = store_random_below(random, max / 8 + 2);
    } else {
        len = store_random_below(random, 320);
    }
    return len <= max ? len : max;
}

// Bytes that the log may need for a value of this length, generously.
static uint64_t footprint(size_t len) { return len + (len / 480 + 2) * 32 + 24; }

struct step {
    struct store_model *model;
    struct store *store;
    struct store_random *random;
    const struct store_profile *profile;
    uint64_t footprint;
    uint64_t bytes;
    uint64_t used_before;
    uint64_t capacity;
    uint32_t records_before;
};

static int change_put(struct step *step, uint32_t index, int *expected) {
    static uint8_t buffer[STORE_VALUE_MAX];
    size_t len = random_len(step->random, step->profile->value_max);
    store_random_fill(step->random, buffer, len);
    *expected = 0;
    step->footprint += footprint(len);
    int result = store_put(step->store, store_model_id(index), buffer, len);
    if (result == 0) {
        value_set(&step->model->working[index], buffer, len);
        step->bytes += len;
    }
    return result;
}

static int change_patch(struct step *step, uint32_t index, int *expected) {
    static uint8_t buffer[STORE_VALUE_MAX];
    struct store_model_value *value = &step->model->working[index];
    uint32_t limit = step->profile->value_max;
    size_t offset = store_random_below(step->random, (uint32_t)value->len + 1);
    if (store_random_below(step->random, 3) == 0) {
        offset = value->len;
    }
    size_t len = random_len(step->random, limit);
    if (offset + len > limit) {
        len = offset < limit ? limit - offset : 0;
    }
    store_random_fill(step->random, buffer, len);
    bool past_the_end = store_random_below(step->random, 50) == 0;
    if (past_the_end) {
        offset = value->len + 1;
        len = 1;
    }
    *expected = !value->exists ? STORE_ERR_NOT_FOUND : past_the_end ? STORE_ERR_INVALID : 0;
    step->footprint += footprint(len + 960);
    int result = store_patch(step->store, store_model_id(index), offset, buffer, len);
    if (result == 0 && *expected == 0) {
        size_t size = offset + len > value->len ? offset + len : value->len;
        uint8_t *whole = demand(calloc(1, size + 1));
        if (value->len != 0) {
            memcpy(whole, value->data, value->len);
        }
        memcpy(whole + offset, buffer, len);
        value_set(value, whole, size);
        free(whole);
        step->bytes += len;
    }
    return result;
}

static int change_delete(struct step *step, uint32_t index, int *expected) {
    struct store_model_value *value = &step->model->working[index];
    *expected = value->exists ? 0 : STORE_ERR_NOT_FOUND;
    step->footprint += 24;
    int result = store_del(step->store, store_model_id(index));
    if (result == 0) {
        value_clear(value);
    }
    return result;
}

static int change_range(struct step *step, uint32_t index, int *expected) {
    uint32_t last = index + store_random_below(step->random, 6);
    last = last < step->model->ids ? last : step->model->ids - 1;
    *expected = 0;
    step->footprint += 24;
    int result = store_del_range(step->store, store_model_id(index), store_model_id(last));
    for (uint32_t i = index; result == 0 && i <= last; i++) {
        value_clear(&step->model->working[i]);
    }
    return result;
}

static int change(struct step *step, uint16_t *id, const char **name, int *expected) {
    uint32_t index = store_random_below(step->random, step->model->ids);
    uint32_t kind = store_random_below(step->random, 100);
    const struct store_profile *profile = step->profile;
    *id = store_model_id(index);
    if (kind < profile->delete_percent) {
        *name = "del";
        return change_delete(step, index, expected);
    }
    kind -= profile->delete_percent;
    if (kind < profile->range_percent) {
        *name = "del_range";
        return change_range(step, index, expected);
    }
    kind -= profile->range_percent;
    if (kind < profile->patch_percent) {
        *name = "patch";
        return change_patch(step, index, expected);
    }
    *name = "put";
    return change_put(step, index, expected);
}

static enum store_model_result give_up(struct step *step) {
    values_copy(step->model->working, step->model->committed, step->model->ids);
    return store_abort(step->store) == 0 ? STORE_MODEL_OK : wrong("abort", 0, STORE_ERR_INVALID, 0);
}

enum store_model_result store_model_step(struct store_model *model, struct store *store,
                                         const struct store_profile *profile, struct store_random *random) {
    struct step step = {.model = model, .store = store, .random = random, .profile = profile};
    struct store_usage usage = {0};
    values_copy(model->working, model->committed, model->ids);
    int result = store_begin(store);
    if (result == STORE_ERR_IO) {
        return STORE_MODEL_BEFORE;
    }
    if (result != 0) {
        return wrong("begin", 0, result, 0);
    }
    (void)store_usage(store, &usage);
    step.used_before = usage.used;
    step.capacity = usage.capacity;
    step.records_before = usage.records;
    uint32_t changes = 1 + store_random_below(random, profile->changes_max);
    for (uint32_t i = 0; i < changes; i++) {
        uint16_t id = 0;
        const char *name = "";
        int expected = 0;
        result = change(&step, &id, &name, &expected);
        if (result == STORE_ERR_IO) {
            (void)give_up(&step);
            return STORE_MODEL_BEFORE;
        }
        if (result == STORE_ERR_FULL && expected == 0) {
            model->full++;
            // A store that has room must not say it has none: by bytes, or by number of chunks.
            if (step.used_before + step.footprint <= step.capacity && step.records_before < 300) {
                return wrong(name, id, result, expected);
            }
            return give_up(&step);
        }
        if (result != expected) {
            return wrong(name, id, result, expected);
        }
    }
    if (store_random_below(random, 100) < profile->abort_percent) {
        // Inside the transaction its changes are seen.
        if (store_random_below(random, 8) == 0 && !store_model_equals(model, store, true, true)) {
            return STORE_MODEL_WRONG;
        }
        model->aborted++;
        return give_up(&step);
    }
    result = store_commit(store);
    if (result == STORE_ERR_IO || result == STORE_ERR_FULL) {
        return STORE_MODEL_EITHER;
    }
    if (result != 0) {
        return wrong("commit", 0, result, 0);
    }
    store_model_accept(model);
    model->transactions++;
    model->bytes += step.bytes;
    return STORE_MODEL_OK;
}
