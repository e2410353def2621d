// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/apdu.h"

#include "hsm/buf.h"
#include "hsm/error.h"

static size_t short_le(uint8_t le) { return le != 0 ? le : 256; }

static size_t extended_le(uint16_t le) { return le != 0 ? le : 65536; }

int apdu_parse(const uint8_t *command, size_t len, struct apdu *out) {
    struct reader r;
    reader_init(&r, command, len);
    *out = (struct apdu){0};
    out->cla = reader_u8(&r);
    out->ins = reader_u8(&r);
    out->p1 = reader_u8(&r);
    out->p2 = reader_u8(&r);
    if (r.failed) {
        return HSM_ERR_LENGTH;
    }
    if (r.left == 0) {
        return HSM_OK;
    }
    uint8_t first = reader_u8(&r);
    if (r.left == 0) {
        out->ne = short_le(first);
        return HSM_OK;
    }
    if (first != 0) {
        out->nc = first;
        out->data = reader_take(&r, out->nc);
        if (r.left == 1) {
            out->ne = short_le(reader_u8(&r));
        }
        return r.failed || r.left != 0 ? HSM_ERR_LENGTH : HSM_OK;
    }
    out->extended = true;
    uint16_t number = reader_u16(&r);
    if (r.failed) {
        return HSM_ERR_LENGTH;
    }
    if (r.left == 0) {
        out->ne = extended_le(number);
        return HSM_OK;
    }
    out->nc = number;
    out->data = reader_take(&r, out->nc);
    if (r.left == 2) {
        out->ne = extended_le(reader_u16(&r));
    }
    return r.failed || r.left != 0 || out->nc == 0 ? HSM_ERR_LENGTH : HSM_OK;
}

uint16_t apdu_p1p2(const struct apdu *apdu) { return (uint16_t)(apdu->p1 << 8 | apdu->p2); }
