// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/sm_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/apdu.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/ec.h"
#include "hsm/tlv.h"

#define CURVE CRYPTO_BP256R1
#define POINT_LEN 65u

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "sm_client: %s\n", what);
        abort();
    }
}

static size_t block_of(const struct sm_client *c) { return c->des3 ? 8 : 16; }

static void next_count(struct sm_client *c) {
    for (size_t i = block_of(c); i-- > 0;) {
        if (++c->ssc[i] != 0) {
            break;
        }
    }
}

static size_t pad(uint8_t *data, size_t len, size_t block) {
    data[len++] = 0x80;
    while (len % block != 0) {
        data[len++] = 0;
    }
    return len;
}

static void cbc(const struct sm_client *c, bool encrypt, uint8_t *data, size_t len) {
    uint8_t iv[16];
    int rc;
    if (c->des3) {
        rc = crypto_des3_cbc(encrypt, c->enc, 16, NULL, data, len, data);
    } else {
        must(crypto_aes_ecb_block(true, c->enc, 16, c->ssc, iv) == 0, "IV");
        rc = crypto_aes_cbc(encrypt, c->enc, 16, iv, data, len, data);
    }
    must(rc == 0, "cipher");
}

/* MAC over counter, then `text`, which is padded already. */
static void mac_of(const struct sm_client *c, const uint8_t *ssc, const uint8_t *text, size_t len,
                   uint8_t mac[16]) {
    struct crypto_part parts[] = {{ssc, ssc != NULL ? block_of(c) : 0}, {text, len}};
    int rc =
        c->des3 ? crypto_des_retail_mac(c->mac, parts, 2, mac) : crypto_aes_cmac(c->mac, 16, parts, 2, mac);
    must(rc == 0, "MAC");
}

static void derive(const uint8_t *shared, const uint8_t *nonce, uint8_t n, uint8_t key[16]) {
    uint8_t hash[20];
    uint8_t counter[4] = {0, 0, 0, n};
    struct crypto_part parts[] = {{shared, 32}, {nonce, 8}, {counter, 4}};
    must(crypto_hash_parts(CRYPTO_SHA1, parts, 3, hash) == 0, "hash");
    memcpy(key, hash, 16);
}

static void device_point(struct card *card, uint8_t point[POINT_LEN]) {
    struct tlv t;
    must(card_cmd(card, "00 B1 2F 02 00 00 04 54 02 00 00 00 00") == 0x9000, "2F02");
    must(tlv_find(card->data, card->len, 0x7F21, &t) && tlv_find(t.value, t.len, 0x7F4E, &t) &&
             tlv_find(t.value, t.len, 0x7F49, &t) && tlv_find(t.value, t.len, 0x86, &t) && t.len == POINT_LEN,
         "device key");
    memcpy(point, t.value, POINT_LEN);
}

static void put_oid(uint8_t oid[10], bool des3) {
    static const uint8_t prefix[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x03, 0x02};
    memcpy(oid, prefix, sizeof prefix);
    oid[9] = des3 ? 0x01 : 0x02;
}

static void check_token(const struct sm_client *c, const uint8_t *ephemeral, const struct tlv *token) {
    uint8_t oid[10];
    uint8_t object[128];
    uint8_t mac[16];
    struct writer w;
    put_oid(oid, c->des3);
    writer_init(&w, object, sizeof object);
    size_t mark = tlv_open(&w, 0x7F49);
    tlv_put(&w, 0x06, oid, sizeof oid);
    tlv_put(&w, 0x86, ephemeral, POINT_LEN);
    tlv_close(&w, mark);
    size_t len = c->des3 ? pad(object, w.len, 8) : w.len;
    mac_of(c, NULL, object, len, mac);
    must(token->len == 8 && memcmp(token->value, mac, 8) == 0, "the card's token is wrong");
}

/* Builds the data of both commands; the private ephemeral key stays in `priv`. */
static void ephemeral_key(struct card *card, uint8_t priv[32], uint8_t point[POINT_LEN], uint8_t *data,
                          size_t *len) {
    struct writer w;
    must(crypto_ec_generate(CURVE, &card->hsm.rng, priv, point) == 0, "ephemeral key");
    writer_init(&w, data, 80);
    size_t mark = tlv_open(&w, 0x7C);
    tlv_put(&w, 0x80, point, POINT_LEN);
    tlv_close(&w, mark);
    *len = w.len;
}

static void start(struct sm_client *c, bool des3, const uint8_t *device, const uint8_t *priv,
                  const uint8_t *point, const uint8_t *answer, size_t len) {
    struct tlv t;
    struct tlv nonce;
    struct tlv token;
    uint8_t shared[32];
    must(tlv_find(answer, len, 0x7C, &t) && tlv_find(t.value, t.len, 0x81, &nonce) && nonce.len == 8 &&
             tlv_find(t.value, t.len, 0x82, &token),
         "answer of GENERAL AUTHENTICATE");
    must(crypto_ecdh(CURVE, &c->card->hsm.rng, priv, device, POINT_LEN, shared) == 0, "ECDH");
    c->des3 = des3;
    derive(shared, nonce.value, 1, c->enc);
    derive(shared, nonce.value, 2, c->mac);
    memset(c->ssc, 0, sizeof c->ssc);
    check_token(c, point, &token);
}

static void manage_se_data(bool des3, uint8_t data[12]) {
    data[0] = 0x80;
    data[1] = 10;
    put_oid(data + 2, des3);
}

void sm_client_open(struct sm_client *c, struct card *card, bool des3) {
    uint8_t device[POINT_LEN];
    uint8_t priv[32];
    uint8_t point[POINT_LEN];
    uint8_t data[80];
    size_t len;
    memset(c, 0, sizeof *c);
    c->card = card;
    device_point(card, device);
    manage_se_data(des3, data);
    must(card_apdu(card, 0x00, 0x22, 0x41, 0xA4, data, 12, false) == 0x9000, "MANAGE SE");
    ephemeral_key(card, priv, point, data, &len);
    must(card_apdu(card, 0x00, 0x86, 0x00, 0x00, data, len, true) == 0x9000, "GENERAL AUTHENTICATE");
    start(c, des3, device, priv, point, card->data, card->len);
}

void sm_client_reopen(struct sm_client *c, bool des3) {
    uint8_t device[POINT_LEN];
    uint8_t priv[32];
    uint8_t point[POINT_LEN];
    uint8_t data[80];
    size_t len;
    struct tlv t;
    must(sm_client_cmd(c, "00 B1 2F 02 00 00 04 54 02 00 00 00 00") == 0x9000, "2F02");
    must(tlv_find(c->data, c->len, 0x7F21, &t) && tlv_find(t.value, t.len, 0x7F4E, &t) &&
             tlv_find(t.value, t.len, 0x7F49, &t) && tlv_find(t.value, t.len, 0x86, &t),
         "device key");
    memcpy(device, t.value, POINT_LEN);
    manage_se_data(des3, data);
    must(sm_client_send(c, 0x00, 0x22, 0x41, 0xA4, data, 12, 0) == 0x9000, "MANAGE SE");
    ephemeral_key(c->card, priv, point, data, &len);
    must(sm_client_send(c, 0x00, 0x86, 0x00, 0x00, data, len, 256) == 0x9000, "GENERAL AUTHENTICATE");
    start(c, des3, device, priv, point, c->data, c->len);
}

static void put_cryptogram(struct sm_client *c, struct writer *w, bool odd, const void *data, size_t len) {
    static uint8_t text[70000];
    size_t start_at = odd ? 0 : 1;
    text[0] = c->spoil == SM_WRONG_INDICATOR ? 0x02 : 0x01;
    memcpy(text + start_at, data, len);
    size_t padded = pad(text + start_at, len, block_of(c));
    if (c->spoil == SM_NO_PADDING) {
        memset(text + start_at, 0x11, padded);
    }
    cbc(c, true, text + start_at, padded);
    size_t total = start_at + padded - (c->spoil == SM_CUT_CRYPTOGRAM ? 1 : 0);
    tlv_put(w, odd ? 0x85 : 0x87, text, total);
    if (c->spoil == SM_TWO_CRYPTOGRAMS) {
        tlv_put(w, odd ? 0x85 : 0x87, text, total);
    }
}

static void put_le(struct writer *w, size_t ne) {
    uint8_t le[2] = {(uint8_t)(ne >> 8), (uint8_t)ne};
    if (ne == 0) {
        return;
    }
    if (ne <= 256) {
        tlv_put(w, 0x97, le + 1, 1);
    } else {
        tlv_put(w, 0x97, le, 2);
    }
}

/* Takes the answer apart; anything out of order ends the process. */
static void take_answer(struct sm_client *c, bool odd) {
    static uint8_t text[70000];
    struct reader r;
    struct tlv t;
    uint8_t mac[16];
    c->len = 0;
    c->outer_sw = c->card->sw;
    c->protected = c->card->len != 0;
    c->sw = c->outer_sw;
    if (!c->protected) {
        return;
    }
    next_count(c);
    reader_init(&r, c->card->data, c->card->len);
    must(tlv_next(&r, &t) == 1, "empty answer");
    if (t.tag == 0x87 || t.tag == 0x85) {
        size_t at = t.tag == 0x87 ? 1 : 0;
        must((t.tag == 0x85) == odd, "wrong tag for response data");
        must(at == 0 || t.value[0] == 0x01, "padding indicator");
        must((t.len - at) % block_of(c) == 0 && t.len - at <= sizeof c->data, "length of the cryptogram");
        c->len = t.len - at;
        memcpy(c->data, t.value + at, c->len);
        must(tlv_next(&r, &t) == 1, "no status");
    }
    must(t.tag == 0x99 && t.len == 2, "status object");
    c->sw = (uint16_t)(t.value[0] << 8 | t.value[1]);
    size_t signed_len = (size_t)(r.pos - c->card->data);
    must(tlv_next(&r, &t) == 1 && t.tag == 0x8E && t.len == 8 && r.left == 0, "MAC object");
    memcpy(text, c->card->data, signed_len);
    mac_of(c, c->ssc, text, pad(text, signed_len, block_of(c)), mac);
    must(memcmp(mac, t.value, 8) == 0, "MAC of the answer");
    if (c->len != 0) {
        cbc(c, false, c->data, c->len);
        while (c->len != 0 && c->data[c->len - 1] == 0) {
            c->len--;
        }
        must(c->len != 0 && c->data[c->len - 1] == 0x80, "padding of the answer");
        c->len--;
    }
    must(c->sw == c->outer_sw, "status inside and outside differ");
}

uint16_t sm_client_send(struct sm_client *c, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
                        const void *data, size_t len, size_t ne) {
    static uint8_t objects[70000];
    static uint8_t text[70000];
    uint8_t mac[16];
    struct writer w;
    bool odd = ins % 2 != 0;
    size_t block = block_of(c);
    next_count(c);
    writer_init(&w, objects, sizeof objects);
    if (c->spoil == SM_LE_FIRST) {
        put_le(&w, ne);
    }
    if (len != 0) {
        put_cryptogram(c, &w, odd, data, len);
    }
    if (c->spoil == SM_STRANGE_OBJECT) {
        tlv_put(&w, 0x81, "\x55", 1);
    }
    if (c->spoil != SM_LE_FIRST) {
        put_le(&w, ne);
    }
    text[0] = cla | 0x0C;
    text[1] = ins;
    text[2] = p1;
    text[3] = p2;
    size_t text_len = pad(text, 4, block);
    if (w.len != 0) {
        memcpy(text + text_len, w.buf, w.len);
        text_len = pad(text, text_len + w.len, block);
    }
    mac_of(c, c->ssc, text, text_len, mac);
    if (c->spoil == SM_WRONG_MAC) {
        mac[7] ^= 1;
    }
    if (c->spoil != SM_NO_MAC) {
        tlv_put(&w, 0x8E, mac, c->spoil == SM_SHORT_MAC ? 4 : c->spoil == SM_LONG_MAC ? 16 : 8);
    }
    if (c->spoil == SM_AFTER_MAC) {
        tlv_put(&w, 0x97, "\x00", 1);
    }
    if (c->spoil == SM_WRONG_HEADER) {
        p2 ^= 1;
    }
    c->spoil = SM_SOUND;
    card_apdu(c->card, cla | 0x0C, ins, p1, p2, w.buf, w.len, true);
    take_answer(c, odd);
    return c->sw;
}

uint16_t sm_client_cmd(struct sm_client *c, const char *hex) {
    static uint8_t command[70000];
    struct apdu apdu;
    must(apdu_parse(command, card_hex(hex, command, sizeof command), &apdu) == HSM_OK,
         "malformed APDU in a test");
    return sm_client_send(c, apdu.cla, apdu.ins, apdu.p1, apdu.p2, apdu.data, apdu.nc, apdu.ne);
}
