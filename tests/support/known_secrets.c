// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/known_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/rsa.h"
#include "hsm/domain.h"
#include "hsm/error.h"
#include "hsm/tlv.h"

#define PIN "Qx7!mR2#vK9@pT4$"
#define SO_PIN "Zb5%nW8&"
#define DATA "protected-data-of-a-careful-user-0123456789"
#define RSA_BITS 2048u

/* Needles: what must not be found. */
struct needle {
    char name[24];
    uint8_t bytes[256];
    size_t len;
};

static struct needle needles[16];
static size_t needle_count;
static uint8_t dkek[DKEK_LEN];
static uint8_t shares[2][DKEK_LEN];

static void add(const char *name, const void *bytes, size_t len) {
    struct needle *n = &needles[needle_count++];
    snprintf(n->name, sizeof n->name, "%s", name);
    memcpy(n->bytes, bytes, len);
    n->len = len;
}

/* Repeatable bytes that look random. */
static void pattern(uint8_t *out, size_t len, uint32_t seed) {
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

static int entropy(void *ctx, uint8_t *out, size_t len) {
    uint32_t *seed = ctx;
    pattern(out, len, (*seed)++);
    return 0;
}

/* A blob as another card would have made it. */
static size_t make_blob(uint8_t type, const uint8_t *fields, size_t fields_len, uint8_t *out, size_t cap) {
    uint8_t kcv[KCV_LEN];
    uint8_t kenc[32];
    uint8_t kmac[32];
    uint8_t plain[2048] = {0};
    struct writer p;
    struct writer w;
    domain_kcv(dkek, kcv);
    domain_blob_keys(dkek, kenc, kmac);
    writer_init(&p, plain, sizeof plain);
    writer_put(&p, "randomly", 8);
    writer_put(&p, fields, fields_len);
    writer_u8(&p, 0x80);
    while (p.len % 16 != 0) {
        writer_u8(&p, 0);
    }
    writer_init(&w, out, cap);
    writer_put(&w, kcv, sizeof kcv);
    writer_u8(&w, type);
    for (int i = 0; i < 4; i++) {
        writer_u16(&w, 0); /* OID, algorithms, access conditions, key OID: all empty */
    }
    uint8_t *ciphertext = writer_reserve(&w, p.len);
    crypto_aes_cbc(true, kenc, 32, NULL, plain, p.len, ciphertext);
    struct crypto_part covered = {out, w.len};
    uint8_t mac[16];
    crypto_aes_cmac(kmac, 32, &covered, 1, mac);
    writer_put(&w, mac, sizeof mac);
    return w.len;
}

static size_t aes_fields(uint8_t *out, size_t cap) {
    uint8_t key[32];
    struct writer w;
    pattern(key, sizeof key, 11);
    add("AES key", key, sizeof key);
    writer_init(&w, out, cap);
    writer_u16(&w, sizeof key);
    writer_put(&w, key, sizeof key);
    return w.len;
}

static size_t ec_fields(struct crypto_rng *rng, uint8_t *out, size_t cap) {
    struct crypto_ec_params p;
    uint8_t d[32];
    uint8_t q[65];
    struct writer w;
    pattern(d, sizeof d, 12);
    d[0] = 0x3C; /* below the order */
    add("EC private key", d, sizeof d);
    crypto_ec_params(CRYPTO_SECP256R1, &p);
    crypto_ec_public(CRYPTO_SECP256R1, rng, d, q);
    writer_init(&w, out, cap);
    writer_u16(&w, 256);
    writer_field16(&w, p.a, p.field_len);
    writer_field16(&w, p.b, p.field_len);
    writer_field16(&w, p.p, p.field_len);
    writer_field16(&w, p.n, p.order_len);
    writer_field16(&w, p.g, 65);
    writer_field16(&w, d, sizeof d);
    writer_field16(&w, q, sizeof q);
    return w.len;
}

static size_t rsa_fields(struct crypto_rng *rng, uint8_t *out, size_t cap) {
    static const char *const parts[] = {"RSA p", "RSA q", "RSA dP", "RSA dQ", "RSA qInv"};
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    uint8_t d[RSA_BITS / 8];
    struct crypto_rsa_public pub;
    size_t len;
    struct writer w;
    struct reader r;
    if (crypto_rsa_generate(RSA_BITS, (const uint8_t *)"\x01\x00\x01", 3, rng, NULL, NULL, packed, &len) !=
            HSM_OK ||
        crypto_rsa_public(packed, len, &pub) != HSM_OK ||
        crypto_rsa_private_exponent(packed, len, d) != HSM_OK) {
        abort();
    }
    reader_init(&r, packed, len);
    reader_take(&r, 2u + 1u + 3u);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        add(parts[i], reader_take(&r, RSA_BITS / 16), RSA_BITS / 16);
    }
    add("RSA d", d, sizeof d);
    writer_init(&w, out, cap);
    writer_u16(&w, RSA_BITS);
    writer_field16(&w, d, sizeof d);
    writer_field16(&w, pub.n, RSA_BITS / 8);
    writer_field16(&w, pub.e, pub.e_len);
    return w.len;
}

struct session {
    known_secrets_send send;
    void *ctx;
    const char **step;
    uint16_t sw;
};

static void say(struct session *s, const char *step, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
                const void *data, size_t len) {
    uint8_t command[2048];
    struct writer w;
    if (s->sw != 0x9000) {
        return;
    }
    writer_init(&w, command, sizeof command);
    writer_u8(&w, cla);
    writer_u8(&w, ins);
    writer_u8(&w, p1);
    writer_u8(&w, p2);
    writer_u8(&w, 0);
    if (len != 0) {
        writer_u16(&w, (uint16_t)len);
        writer_put(&w, data, len);
    }
    writer_u16(&w, 0);
    *s->step = step;
    s->sw = s->send(s->ctx, command, w.len);
}

static void initialise(struct session *s, const char *pin) {
    uint8_t data[128];
    struct writer w;
    writer_init(&w, data, sizeof data);
    tlv_put(&w, 0x80, "\x00\x01", 2);
    tlv_put(&w, 0x81, pin, strlen(pin));
    tlv_put(&w, 0x82, SO_PIN, 8);
    tlv_put(&w, 0x91, "\x03", 1);
    tlv_put(&w, 0x92, "\x02", 1);
    say(s, "INITIALIZE", 0x80, 0x50, 0, 0, data, w.len);
}

uint16_t known_secrets_load(known_secrets_send send, void *ctx, const char **step) {
    static const uint8_t aid[] = {0xE8, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xC3, 0x1F, 0x02, 0x01};
    struct session s = {send, ctx, step, 0x9000};
    struct crypto_rng rng;
    uint32_t seed = 20;
    uint8_t fields[1200];
    uint8_t blob[1400];
    uint8_t change[40];
    uint8_t update[128];
    struct writer w;
    needle_count = 0;
    crypto_rng_init(&rng, entropy, &seed, NULL, 0);
    add("user PIN", PIN, sizeof PIN - 1);
    add("SO-PIN", SO_PIN, sizeof SO_PIN - 1);
    pattern(shares[0], DKEK_LEN, 1);
    pattern(shares[1], DKEK_LEN, 2);
    for (size_t i = 0; i < DKEK_LEN; i++) {
        dkek[i] = shares[0][i] ^ shares[1][i];
    }
    add("DKEK share 1", shares[0], DKEK_LEN);
    add("DKEK share 2", shares[1], DKEK_LEN);
    add("DKEK", dkek, DKEK_LEN);
    add("protected data", DATA, sizeof DATA - 1);

    initialise(&s, "648219");
    say(&s, "share 1", 0x80, 0x52, 0, 0, shares[0], DKEK_LEN);
    say(&s, "share 2", 0x80, 0x52, 0, 0, shares[1], DKEK_LEN);
    writer_init(&w, change, sizeof change);
    writer_put(&w, "648219", 6);
    writer_put(&w, PIN, sizeof PIN - 1);
    say(&s, "CHANGE REFERENCE DATA", 0x00, 0x24, 0, 0x81, change, w.len);
    say(&s, "VERIFY", 0x00, 0x20, 0, 0x81, PIN, sizeof PIN - 1);
    size_t len = make_blob(0x0F, fields, aes_fields(fields, sizeof fields), blob, sizeof blob);
    say(&s, "UNWRAP AES", 0x80, 0x74, 1, 0x93, blob, len);
    len = make_blob(0x0C, fields, ec_fields(&rng, fields, sizeof fields), blob, sizeof blob);
    say(&s, "UNWRAP EC", 0x80, 0x74, 2, 0x93, blob, len);
    len = make_blob(0x05, fields, rsa_fields(&rng, fields, sizeof fields), blob, sizeof blob);
    say(&s, "UNWRAP RSA", 0x80, 0x74, 3, 0x93, blob, len);
    writer_init(&w, update, sizeof update);
    tlv_put(&w, 0x54, "\x00\x00", 2);
    tlv_put(&w, 0x53, DATA, sizeof DATA - 1);
    say(&s, "UPDATE CD01", 0x00, 0xD7, 0xCD, 0x01, update, w.len);
    memset(fields, 0, sizeof fields);
    say(&s, "CMAC", 0x80, 0x78, 1, 0x18, fields, 64);
    say(&s, "ECDSA", 0x80, 0x68, 2, 0x70, fields, 32);
    say(&s, "RSA", 0x80, 0x68, 3, 0x20, fields, RSA_BITS / 8);
    say(&s, "WRAP AES", 0x80, 0x72, 1, 0x92, NULL, 0);
    say(&s, "WRAP EC", 0x80, 0x72, 2, 0x92, NULL, 0);
    say(&s, "WRAP RSA", 0x80, 0x72, 3, 0x92, NULL, 0);
    say(&s, "READ CD01", 0x00, 0xB1, 0xCD, 0x01, "\x54\x02\x00\x00", 4);
    say(&s, "SELECT", 0x00, 0xA4, 0x04, 0x00, aid, sizeof aid);
    crypto_rng_free(&rng);
    return s.sw == 0x9000 ? 0 : s.sw;
}

static void reverse(const uint8_t *in, size_t len, uint8_t *out) {
    for (size_t i = 0; i < len; i++) {
        out[i] = in[len - 1 - i];
    }
}

static void hexadecimal(const uint8_t *in, size_t len, const char *digits, uint8_t *out) {
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = (uint8_t)digits[in[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[in[i] & 15];
    }
}

static size_t search(const uint8_t *data, size_t len, const struct needle *n, const char *form,
                     const uint8_t *what, size_t what_len,
                     void (*found)(void *, const char *, const char *, size_t), void *ctx) {
    size_t hits = 0;
    const uint8_t *at = data;
    while ((at = memmem(at, len - (size_t)(at - data), what, what_len)) != NULL) {
        found(ctx, n->name, form, (size_t)(at - data));
        hits++;
        at++;
    }
    return hits;
}

/* Numbers in mbedTLS lie in limbs, least significant first: on a little-endian machine that is the string
 * reversed. On a big-endian one it would be limbs in reverse order. A key may also lie there in part only, so
 * half of it counts. */
size_t known_secrets_find(const uint8_t *data, size_t len,
                          void (*found)(void *ctx, const char *name, const char *form, size_t at),
                          void *ctx) {
    size_t hits = 0;
    uint8_t other[512];
    for (size_t i = 0; i < needle_count; i++) {
        const struct needle *n = &needles[i];
        size_t half = n->len >= 32 ? n->len / 2 : n->len;
        hits += search(data, len, n, "as it is", n->bytes, half, found, ctx);
        hits += search(data, len, n, "as it is, second half", n->bytes + n->len - half, half, found, ctx);
        reverse(n->bytes, n->len, other);
        hits += search(data, len, n, "reversed (limbs)", other, half, found, ctx);
        hits +=
            search(data, len, n, "reversed (limbs), second half", other + n->len - half, half, found, ctx);
        hexadecimal(n->bytes, half, "0123456789abcdef", other);
        hits += search(data, len, n, "hexadecimal", other, 2 * half, found, ctx);
        hexadecimal(n->bytes, half, "0123456789ABCDEF", other);
        hits += search(data, len, n, "hexadecimal", other, 2 * half, found, ctx);
    }
    return hits;
}

size_t known_secrets_count(void) { return 6 * needle_count; }
