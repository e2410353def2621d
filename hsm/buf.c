// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/buf.h"

#include <string.h>

void reader_init(struct reader *r, const void *data, size_t len) {
    r->pos = data;
    r->left = len;
    r->failed = false;
}

const uint8_t *reader_take(struct reader *r, size_t n) {
    if (r->failed || n > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->pos;
    if (n != 0) {
        r->pos += n;
    }
    r->left -= n;
    return at;
}

uint8_t reader_u8(struct reader *r) {
    const uint8_t *p = reader_take(r, 1);
    return p != NULL ? p[0] : 0;
}

uint16_t reader_u16(struct reader *r) {
    const uint8_t *p = reader_take(r, 2);
    return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t reader_u32(struct reader *r) {
    const uint8_t *p = reader_take(r, 4);
    return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

const uint8_t *reader_field16(struct reader *r, size_t *len) {
    *len = reader_u16(r);
    return reader_take(r, *len);
}

void writer_init(struct writer *w, void *buf, size_t cap) {
    w->buf = buf;
    w->cap = cap;
    w->len = 0;
    w->overflow = false;
}

uint8_t *writer_reserve(struct writer *w, size_t len) {
    if (w->overflow || len > w->cap - w->len) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *at = w->buf + w->len;
    w->len += len;
    return at;
}

void writer_put(struct writer *w, const void *data, size_t len) {
    uint8_t *at = writer_reserve(w, len);
    if (at != NULL && len != 0) {
        memcpy(at, data, len);
    }
}

void writer_u8(struct writer *w, uint8_t value) { writer_put(w, &value, 1); }

void writer_u16(struct writer *w, uint16_t value) {
    uint8_t b[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    writer_put(w, b, sizeof b);
}

void writer_u32(struct writer *w, uint32_t value) {
    uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    writer_put(w, b, sizeof b);
}

void writer_field16(struct writer *w, const void *data, size_t len) {
    if (len > 0xFFFF) {
        w->overflow = true;
        return;
    }
    writer_u16(w, (uint16_t)len);
    writer_put(w, data, len);
}

void writer_truncate(struct writer *w, size_t len) {
    if (len < w->len) {
        w->len = len;
    }
}

void skip_zeros(const uint8_t **data, size_t *len) {
    while (*len != 0 && (*data)[0] == 0) {
        (*data)++;
        (*len)--;
    }
}
