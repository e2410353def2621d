// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/cvc_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/cvc.h"

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "cvc_client: %s\n", what);
        abort();
    }
}

void client_key_template(enum crypto_curve curve, const char *chr, const char *policy, struct bytes *out) {
    static const uint8_t oid[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
    struct crypto_ec_params p;
    struct writer w;
    must(crypto_ec_params(curve, &p) == HSM_OK, "unknown curve");
    writer_init(&w, out->at, sizeof out->at);
    tlv_put(&w, 0x5F29, "\x00", 1);
    size_t key = tlv_open(&w, 0x7F49);
    tlv_put(&w, 0x06, oid, sizeof oid);
    tlv_put(&w, 0x81, p.p, p.field_len);
    tlv_put(&w, 0x82, p.a, p.field_len);
    tlv_put(&w, 0x83, p.b, p.field_len);
    tlv_put(&w, 0x84, p.g, 1 + 2 * p.field_len);
    tlv_put(&w, 0x85, p.n, p.order_len);
    tlv_put(&w, 0x87, "\x01", 1);
    tlv_close(&w, key);
    tlv_put(&w, 0x5F20, chr, strlen(chr));
    if (policy != NULL) {
        uint8_t extra[64];
        writer_put(&w, extra, card_hex(policy, extra, sizeof extra));
    }
    must(!w.overflow, "template too long");
    out->len = w.len;
}

static void take_answer(const struct card *card, struct bytes *out) {
    must(card->len <= sizeof out->at, "answer too long");
    memcpy(out->at, card->data, card->len);
    out->len = card->len;
}

void client_generate(struct card *card, uint8_t id, enum crypto_curve curve, const char *chr,
                     const char *policy, struct bytes *request) {
    struct bytes template;
    client_key_template(curve, chr, policy, &template);
    must(card_apdu(card, 0x00, 0x46, id, 0x00, template.at, template.len, true) == 0x9000, "no key made");
    take_answer(card, request);
}

void client_read(struct card *card, uint16_t fid, struct bytes *out) {
    static const uint8_t start[] = {0x54, 0x02, 0x00, 0x00};
    must(card_apdu(card, 0x00, 0xB1, (uint8_t)(fid >> 8), (uint8_t)fid, start, sizeof start, true) == 0x9000,
         "EF not read");
    take_answer(card, out);
}

static void copy(struct bytes *out, const uint8_t *at, size_t len) {
    must(len <= sizeof out->at, "too long");
    memmove(out->at, at, len);
    out->len = len;
}

void client_certificate(struct card *card, unsigned index, struct bytes *out) {
    struct bytes chain;
    struct reader r;
    struct tlv t;
    client_read(card, 0x2F02, &chain);
    reader_init(&r, chain.at, chain.len);
    do {
        must(tlv_next(&r, &t) == 1 && t.tag == 0x7F21, "no such certificate in 2F02");
    } while (index-- != 0);
    copy(out, t.raw, t.raw_len);
}

void client_contents(const struct bytes *from, struct bytes *out) {
    struct reader r;
    struct tlv t;
    reader_init(&r, from->at, from->len);
    must(tlv_next(&r, &t) == 1, "no object");
    copy(out, t.value, t.len);
}

void client_name(const struct bytes *from, uint32_t tag, struct bytes *out) {
    struct tlv t;
    struct tlv name;
    copy(out, from->at, from->len);
    if (tlv_find(out->at, out->len, 0x67, &t)) {
        copy(out, t.value, t.len);
    }
    must(tlv_find(out->at, out->len, 0x7F21, &t) && tlv_find(t.value, t.len, 0x7F4E, &t) &&
             tlv_find(t.value, t.len, tag, &name),
         "no name");
    copy(out, name.value, name.len);
}

uint16_t client_manage_se(struct card *card, uint8_t p2, const struct bytes *name) {
    uint8_t data[64];
    struct writer w;
    writer_init(&w, data, sizeof data);
    tlv_put(&w, 0x83, name->at, name->len);
    return card_apdu(card, 0x00, 0x22, 0x81, p2, data, w.len, false);
}

uint16_t client_trust(struct card *card, const struct bytes *certificate) {
    struct bytes name;
    struct bytes contents;
    client_name(certificate, 0x5F20, &name);
    uint16_t sw = client_manage_se(card, 0xB6, &name);
    if (sw != 0x6A88) {
        return sw;
    }
    client_name(certificate, 0x42, &name);
    sw = client_manage_se(card, 0xB6, &name);
    if (sw != 0x9000) {
        return sw;
    }
    client_contents(certificate, &contents);
    return card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false);
}

static void put_integer(struct writer *w, const struct tlv *t, size_t n) {
    const uint8_t *at = t->value;
    size_t len = t->len;
    skip_zeros(&at, &len);
    must(len <= n, "integer too long");
    for (size_t i = len; i < n; i++) {
        writer_u8(w, 0);
    }
    writer_put(w, at, len);
}

void client_sign(struct card *card, uint8_t id, const uint8_t *message, size_t len, size_t n,
                 struct bytes *rs) {
    struct tlv sequence;
    struct tlv t;
    struct reader r;
    struct writer w;
    must(card_apdu(card, 0x80, 0x68, id, 0x73, message, len, true) == 0x9000, "no signature");
    must(tlv_find(card->data, card->len, 0x30, &sequence), "signature is not DER");
    reader_init(&r, sequence.value, sequence.len);
    writer_init(&w, rs->at, sizeof rs->at);
    must(tlv_next(&r, &t) == 1, "no r");
    put_integer(&w, &t, n);
    must(tlv_next(&r, &t) == 1, "no s");
    put_integer(&w, &t, n);
    rs->len = w.len;
}

void client_make_authority(struct card *card, struct client_authority *authority, const char *name) {
    authority->name = name;
    must(crypto_ec_generate(CRYPTO_BP256R1, &card->hsm.rng, authority->priv, authority->point) == HSM_OK,
         "no key");
}

void client_certify(struct card *card, const struct client_authority *issuer, const char *name,
                    const uint8_t *point, uint8_t rights, struct bytes *out) {
    struct writer w;
    struct cvc_template t = {
        .car = {(const uint8_t *)issuer->name, strlen(issuer->name)},
        .chr = {(const uint8_t *)name, strlen(name)},
        .rights = rights,
        .curve = CRYPTO_BP256R1,
        .point = point,
        .from = {2026, 1, 1},
        .until = {2036, 1, 1},
    };
    writer_init(&w, out->at, sizeof out->at);
    must(cvc_put_certificate(&card->hsm, &t, issuer->priv, &w) == HSM_OK, "no certificate");
    out->len = w.len;
}

void client_device_point(struct card *card, uint8_t point[65]) {
    struct bytes request;
    struct tlv t;
    client_read(card, 0xCE00, &request);
    must(tlv_find(request.at, request.len, 0x67, &t) && tlv_find(t.value, t.len, 0x7F21, &t) &&
             tlv_find(t.value, t.len, 0x7F4E, &t) && tlv_find(t.value, t.len, 0x7F49, &t) &&
             tlv_find(t.value, t.len, 0x86, &t) && t.len == 65,
         "no point in CE00");
    memcpy(point, t.value, 65);
}

void client_load_chain(struct card *card, const struct bytes *device, const struct bytes *issuer,
                       const struct bytes *root) {
    uint8_t data[2048];
    struct bytes chain = {0};
    struct writer w;
    const struct bytes *parts[] = {device, issuer, root};
    for (size_t i = 0; i < 3; i++) {
        must(chain.len + parts[i]->len <= sizeof chain.at, "chain too long");
        memcpy(chain.at + chain.len, parts[i]->at, parts[i]->len);
        chain.len += parts[i]->len;
    }
    writer_init(&w, data, sizeof data);
    tlv_put(&w, 0x54, "\0\0", 2);
    tlv_put(&w, 0x53, chain.at, chain.len);
    must(!w.overflow && card_apdu(card, 0x00, 0xD7, 0x2F, 0x02, data, w.len, false) == 0x9000,
         "chain not written");
}
