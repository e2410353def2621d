// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* The parsers of TLV, of card-verifiable certificates and of their public keys, and the writer against the
 * parser. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/cvc.h"
#include "hsm/error.h"
#include "hsm/tlv.h"

static void inside(const uint8_t *data, size_t size, const uint8_t *at, size_t len) {
    if (len != 0 && (at < data || at > data + size || len > (size_t)(data + size - at))) {
        abort();
    }
}

/* Objects that the parser took are written again and read back. */
static void write_again(const struct tlv *t) {
    static uint8_t buf[70000];
    struct writer w;
    struct reader r;
    struct tlv again;
    writer_init(&w, buf, sizeof buf);
    size_t mark = tlv_open(&w, t->tag);
    writer_put(&w, t->value, t->len);
    tlv_close(&w, mark);
    size_t len = w.len;
    tlv_put(&w, t->tag, t->value, t->len);
    if (t->len > 0xFFFF) {
        return;
    }
    if (w.overflow || w.len != 2 * len || memcmp(buf, buf + len, len) != 0) {
        abort();
    }
    reader_init(&r, buf, len);
    if (tlv_next(&r, &again) != 1 || r.left != 0 || again.tag != t->tag || again.len != t->len ||
        memcmp(again.value, t->value, t->len) != 0) {
        abort();
    }
}

static void walk(const uint8_t *data, size_t size, const uint8_t *from, size_t len, int depth) {
    struct reader r;
    struct tlv t;
    int rc;
    reader_init(&r, from, len);
    while ((rc = tlv_next(&r, &t)) == 1) {
        inside(data, size, t.value, t.len);
        inside(data, size, t.raw, t.raw_len);
        /* Only tags that are as short as can be come out of the writer as they came in. */
        if (t.tag > 0x7F || (t.tag & 0x1F) != 0x1F) {
            write_again(&t);
        }
        if (depth < 4) {
            walk(data, size, t.value, t.len, depth + 1);
        }
    }
    if ((rc == 0) != tlv_valid(from, len)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cvc cvc;
    struct cvc_public pub;
    walk(data, size, data, size, 0);
    if (cvc_parse(data, size, &cvc) == HSM_OK) {
        inside(data, size, cvc.body, cvc.body_len);
        inside(data, size, cvc.key, cvc.key_len);
        inside(data, size, cvc.chr.text, cvc.chr.len);
        inside(data, size, cvc.car.text, cvc.car.len);
        inside(data, size, cvc.extensions, cvc.extensions_len);
        inside(data, size, cvc.signature, cvc.signature_len);
        if (cvc.chr.len == 0 || cvc.chr.len > HSM_CHR_MAX || cvc.car.len > HSM_CHR_MAX) {
            abort();
        }
        if (cvc_public_key(cvc.key, cvc.key_len, CRYPTO_BP256R1, &pub) == HSM_OK &&
            cvc_verify(&pub, cvc.body, cvc.body_len, NULL, 0, cvc.signature, cvc.signature_len) == HSM_OK) {
            return 0;
        }
    }
    (void)cvc_public_key(data, size, CRYPTO_CURVE_NONE, &pub);
    return 0;
}
