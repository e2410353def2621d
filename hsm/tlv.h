// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_TLV_H
#define HSM_TLV_H

/* BER-TLV with definite lengths (ISO/IEC 7816-4, 5.2.2; ITU-T X.690, 8.1). Tags of up to three bytes. */

#include "hsm/buf.h"

struct tlv {
    uint32_t tag; /* as its bytes read: 0x42, 0x7F49, 0x5F20 */
    const uint8_t *value;
    size_t len;         /* bytes of the value */
    const uint8_t *raw; /* the whole object, tag and length included */
    size_t raw_len;
};

/* tlv_next: reads one object. Returns 1, 0 at the end, HSM_ERR_DATA when malformed. */
int tlv_next(struct reader *r, struct tlv *out);

/* tlv_find: the first object with `tag` among those in `data`; false when absent or anything before it is
 * malformed. */
bool tlv_find(const uint8_t *data, size_t len, uint32_t tag, struct tlv *out);

/* tlv_valid: do the objects fill `data` exactly? */
bool tlv_valid(const uint8_t *data, size_t len);

/* tlv_put: appends one primitive object. */
void tlv_put(struct writer *w, uint32_t tag, const void *value, size_t len);

/*
 * tlv_open / tlv_close: an object whose value is written in between; open gives the mark that close takes.
 * Lengths are minimal (DER): close moves the value when its length needs more bytes.
 */
size_t tlv_open(struct writer *w, uint32_t tag);
void tlv_close(struct writer *w, size_t mark);

#endif
