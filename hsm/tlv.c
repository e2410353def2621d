// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/tlv.h"

#include <string.h>

#include "hsm/error.h"

int tlv_next(struct reader *r, struct tlv *out) {
    if (r->left == 0) {
        return 0;
    }
    out->raw = r->pos;
    uint8_t first = reader_u8(r);
    uint32_t tag = first;
    if ((first & 0x1F) == 0x1F) {
        uint8_t b = reader_u8(r);
        tag = tag << 8 | b;
        if ((b & 0x80) != 0) {
            b = reader_u8(r);
            tag = tag << 8 | b;
            if ((b & 0x80) != 0) {
                return HSM_ERR_DATA;
            }
        }
    }
    size_t len = reader_u8(r);
    if (len == 0x81) {
        len = reader_u8(r);
    } else if (len == 0x82) {
        len = reader_u16(r);
    } else if (len == 0x83) {
        len = (size_t)reader_u8(r) << 16;
        len |= reader_u16(r);
    } else if (len >= 0x80) {
        return HSM_ERR_DATA;
    }
    const uint8_t *value = reader_take(r, len);
    if (r->failed) {
        return HSM_ERR_DATA;
    }
    out->tag = tag;
    out->value = value;
    out->len = len;
    out->raw_len = (size_t)(r->pos - out->raw);
    return 1;
}

bool tlv_find(const uint8_t *data, size_t len, uint32_t tag, struct tlv *out) {
    struct reader r;
    reader_init(&r, data, len);
    while (tlv_next(&r, out) == 1) {
        if (out->tag == tag) {
            return true;
        }
    }
    return false;
}

bool tlv_valid(const uint8_t *data, size_t len) {
    struct reader r;
    struct tlv t;
    int rc;
    reader_init(&r, data, len);
    do {
        rc = tlv_next(&r, &t);
    } while (rc == 1);
    return rc == 0;
}

static void put_tag(struct writer *w, uint32_t tag) {
    if (tag > 0xFFFF) {
        writer_u8(w, (uint8_t)(tag >> 16));
    }
    if (tag > 0xFF) {
        writer_u8(w, (uint8_t)(tag >> 8));
    }
    writer_u8(w, (uint8_t)tag);
}

static size_t length_size(size_t len) { return len < 0x80 ? 1 : len < 0x100 ? 2 : 3; }

static void encode_length(uint8_t *at, size_t len) {
    switch (length_size(len)) {
    case 1:
        at[0] = (uint8_t)len;
        break;
    case 2:
        at[0] = 0x81;
        at[1] = (uint8_t)len;
        break;
    default:
        at[0] = 0x82;
        at[1] = (uint8_t)(len >> 8);
        at[2] = (uint8_t)len;
        break;
    }
}

void tlv_put(struct writer *w, uint32_t tag, const void *value, size_t len) {
    if (len > 0xFFFF) {
        w->overflow = true;
        return;
    }
    put_tag(w, tag);
    uint8_t *at = writer_reserve(w, length_size(len));
    if (at != NULL) {
        encode_length(at, len);
    }
    writer_put(w, value, len);
}

size_t tlv_open(struct writer *w, uint32_t tag) {
    put_tag(w, tag);
    writer_u8(w, 0);
    return w->len;
}

void tlv_close(struct writer *w, size_t mark) {
    if (w->overflow) {
        return;
    }
    size_t len = w->len - mark;
    if (len > 0xFFFF) {
        w->overflow = true;
        return;
    }
    size_t more = length_size(len) - 1;
    if (writer_reserve(w, more) == NULL) {
        return;
    }
    uint8_t *value = w->buf + mark;
    memmove(value + more, value, len);
    encode_length(value - 1, len);
}
