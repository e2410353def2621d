// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/keyblob.h"

#include <string.h>

#include "hsm/crypto/cipher.h"
#include "hsm/crypto/util.h"

#define TYPE_RSA 0x05u
#define TYPE_RSA_CRT 0x06u
#define TYPE_EC 0x0Cu
#define TYPE_AES 0x0Fu

#define MAC_LEN 16u
#define RANDOM_LEN 8u

static const uint8_t oid_rsa[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x01, 0x02};
static const uint8_t oid_ec[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
static const uint8_t oid_aes[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01};

/* Lists that name all an AES key can do are no policy of the owner: such a key is kept without a list. The
 * second is what tools around the Pico-HSM write. */
static const uint8_t aes_list[] = {0x10, 0x11, 0x18, 0x99};
static const uint8_t aes_list_extended[] = {0x10, 0x11, 0x18, 0x99, 0x51, 0x52};

int keyblob_parse(const uint8_t *data, size_t len, struct keyblob *blob) {
    struct reader r;
    size_t ignored;
    memset(blob, 0, sizeof *blob);
    reader_init(&r, data, len);
    blob->kcv = reader_take(&r, KCV_LEN);
    blob->type = reader_u8(&r);
    reader_field16(&r, &ignored); /* OID: some cards write a wrong one, the type says it all */
    blob->algorithms = reader_field16(&r, &blob->algorithms_len);
    reader_field16(&r, &ignored); /* access conditions */
    reader_field16(&r, &ignored); /* key OID */
    if (r.failed || r.left < MAC_LEN + CRYPTO_AES_BLOCK || (r.left - MAC_LEN) % CRYPTO_AES_BLOCK != 0) {
        return HSM_ERR_DATA;
    }
    blob->ciphertext_len = r.left - MAC_LEN;
    blob->ciphertext = reader_take(&r, blob->ciphertext_len);
    blob->mac = reader_take(&r, MAC_LEN);
    blob->covered = len - MAC_LEN;
    return blob->algorithms_len <= HSM_ALGORITHMS_MAX ? HSM_OK : HSM_ERR_DATA;
}

static int put_rsa(const struct key *key, struct writer *plain) {
    struct crypto_rsa_public pub;
    int rc = key_rsa_public(key, &pub);
    if (rc != HSM_OK) {
        return rc;
    }
    size_t n = pub.bits / 8;
    writer_u16(plain, key->bits);
    writer_u16(plain, (uint16_t)n);
    uint8_t *d = writer_reserve(plain, n);
    if (d == NULL) {
        return HSM_ERR_INTERNAL;
    }
    rc = crypto_rsa_private_exponent(key->secret, key->secret_len, d);
    writer_field16(plain, pub.n, n);
    writer_field16(plain, pub.e, pub.e_len);
    return rc;
}

static int put_montgomery(const struct key *key, struct writer *plain) {
    struct crypto_montgomery_params p;
    static const uint8_t one[] = {0x01};
    int rc = crypto_montgomery_params(key->curve, &p);
    if (rc == HSM_OK) {
        writer_u16(plain, key->bits);
        writer_field16(plain, one, sizeof one); /* A and B: not read by anybody */
        writer_field16(plain, one, sizeof one);
        writer_field16(plain, p.p, p.len);
        writer_field16(plain, p.n, p.len);
        writer_field16(plain, p.u, p.len);
        writer_field16(plain, key->secret, key->secret_len);
        writer_field16(plain, key->pub, key->pub_len);
    }
    return rc;
}

static int put_ec(const struct key *key, struct writer *plain) {
    struct crypto_ec_params p;
    int rc = crypto_ec_params(key->curve, &p);
    if (rc == HSM_OK) {
        writer_u16(plain, key->bits);
        writer_field16(plain, p.a, p.field_len);
        writer_field16(plain, p.b, p.field_len);
        writer_field16(plain, p.p, p.field_len);
        writer_field16(plain, p.n, p.order_len);
        writer_field16(plain, p.g, 1 + 2 * p.field_len);
        writer_field16(plain, key->secret, key->secret_len);
        writer_field16(plain, key->pub, key->pub_len);
    }
    return rc;
}

static int put_plain(const struct key *key, struct writer *plain) {
    switch (key->type) {
    case KEY_RSA:
        return put_rsa(key, plain);
    case KEY_EC:
        return crypto_ec_is_montgomery(key->curve) ? put_montgomery(key, plain) : put_ec(key, plain);
    default:
        writer_u16(plain, (uint16_t)key->secret_len); /* in bytes, and the key follows without a length */
        writer_put(plain, key->secret, key->secret_len);
        return HSM_OK;
    }
}

static void put_header(const struct key *key, const uint8_t kcv[KCV_LEN], struct writer *out) {
    writer_put(out, kcv, KCV_LEN);
    switch (key->type) {
    case KEY_RSA:
        writer_u8(out, TYPE_RSA);
        writer_field16(out, oid_rsa, sizeof oid_rsa);
        break;
    case KEY_EC:
        writer_u8(out, TYPE_EC);
        writer_field16(out, oid_ec, sizeof oid_ec);
        break;
    default:
        writer_u8(out, TYPE_AES);
        writer_field16(out, oid_aes, sizeof oid_aes);
        break;
    }
    if (key->type == KEY_AES && key->algorithms_len == 0) {
        writer_field16(out, aes_list, sizeof aes_list);
    } else {
        writer_field16(out, key->algorithms, key->algorithms_len);
    }
    writer_u16(out, 0); /* access conditions */
    writer_u16(out, 0); /* key OID */
}

int keyblob_export(struct hsm *hsm, const struct key *key, const uint8_t kcv[KCV_LEN], const uint8_t kenc[32],
                   const uint8_t kmac[32], struct writer *out) {
    struct writer plain;
    size_t start = out->len;
    writer_init(&plain, key_work(hsm), KEY_WORK_SIZE);
    uint8_t *random = writer_reserve(&plain, RANDOM_LEN);
    int rc = crypto_rng_bytes(&hsm->rng, random, RANDOM_LEN);
    if (rc == HSM_OK) {
        rc = put_plain(key, &plain);
    }
    writer_u8(&plain, 0x80); /* ISO/IEC 9797-1, padding method 2 */
    while (plain.len % CRYPTO_AES_BLOCK != 0 && !plain.overflow) {
        writer_u8(&plain, 0);
    }
    put_header(key, kcv, out);
    uint8_t *ciphertext = writer_reserve(out, plain.len);
    uint8_t *mac = writer_reserve(out, MAC_LEN);
    if (rc == HSM_OK && (plain.overflow || out->overflow)) {
        rc = HSM_ERR_INTERNAL;
    }
    if (rc == HSM_OK) {
        rc = crypto_aes_cbc(true, kenc, 32, NULL, plain.buf, plain.len, ciphertext);
    }
    if (rc == HSM_OK) {
        struct crypto_part covered = {out->buf + start, out->len - start - MAC_LEN};
        rc = crypto_aes_cmac(kmac, 32, &covered, 1, mac);
    }
    crypto_wipe(plain.buf, plain.cap);
    return rc;
}

static bool same_integer(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    skip_zeros(&a, &a_len);
    skip_zeros(&b, &b_len);
    return a_len == b_len && crypto_equal(a, b, a_len);
}

static int finish_rsa(struct hsm *hsm, size_t bits, size_t packed_len, struct key *key, uint8_t *pub,
                      size_t pub_cap) {
    struct crypto_rsa_public rsa;
    int rc = crypto_rsa_public(hsm->scratch, packed_len, &rsa);
    if (rc == HSM_OK && rsa.bits != bits) {
        rc = HSM_ERR_DATA;
    }
    if (rc == HSM_OK) {
        key->type = KEY_RSA;
        key->bits = (uint16_t)rsa.bits;
        key->secret = hsm->scratch;
        key->secret_len = packed_len;
        key->pub = pub;
        key->pub_len = key_put_rsa_public(&rsa, pub, pub_cap);
    }
    return rc;
}

static int take_rsa(struct hsm *hsm, struct reader *r, struct key *key, uint8_t *pub, size_t pub_cap) {
    size_t d_len, n_len, e_len;
    size_t packed_len;
    size_t bits = reader_u16(r);
    const uint8_t *d = reader_field16(r, &d_len);
    const uint8_t *n = reader_field16(r, &n_len);
    const uint8_t *e = reader_field16(r, &e_len);
    if (r->failed) {
        return HSM_ERR_DATA;
    }
    int rc = crypto_rsa_from_nde(n, n_len, d, d_len, e, e_len, &hsm->rng, hsm->scratch, &packed_len);
    return rc == HSM_OK ? finish_rsa(hsm, bits, packed_len, key, pub, pub_cap) : rc;
}

/* dP, dQ and qInv are computed anew from p and q: a blob cannot bring inconsistent ones. */
static int take_rsa_crt(struct hsm *hsm, struct reader *r, struct key *key, uint8_t *pub, size_t pub_cap) {
    size_t len, p_len, q_len, n_len, e_len;
    size_t packed_len;
    struct crypto_rsa_public rsa;
    size_t bits = reader_u16(r);
    reader_field16(r, &len); /* dP */
    reader_field16(r, &len); /* dQ */
    const uint8_t *p = reader_field16(r, &p_len);
    reader_field16(r, &len); /* qInv */
    const uint8_t *q = reader_field16(r, &q_len);
    const uint8_t *n = reader_field16(r, &n_len);
    const uint8_t *e = reader_field16(r, &e_len);
    if (r->failed) {
        return HSM_ERR_DATA;
    }
    int rc = crypto_rsa_from_pq(p, p_len, q, q_len, e, e_len, &hsm->rng, hsm->scratch, &packed_len);
    if (rc == HSM_OK) {
        rc = crypto_rsa_public(hsm->scratch, packed_len, &rsa);
    }
    if (rc == HSM_OK && !same_integer(n, n_len, rsa.n, rsa.bits / 8)) {
        rc = HSM_ERR_DATA;
    }
    return rc == HSM_OK ? finish_rsa(hsm, bits, packed_len, key, pub, pub_cap) : rc;
}

static int take_ec(struct hsm *hsm, struct reader *r, struct key *key, uint8_t *pub) {
    size_t a_len, b_len, p_len, n_len, g_len, d_len, q_len;
    reader_u16(r); /* bits: 521 and 528 are both written for secp521r1; the curve says it */
    const uint8_t *a = reader_field16(r, &a_len);
    reader_field16(r, &b_len);
    const uint8_t *p = reader_field16(r, &p_len);
    const uint8_t *n = reader_field16(r, &n_len);
    const uint8_t *g = reader_field16(r, &g_len);
    const uint8_t *d = reader_field16(r, &d_len);
    const uint8_t *q = reader_field16(r, &q_len);
    if (r->failed) {
        return HSM_ERR_DATA;
    }
    key->curve = crypto_montgomery_find(p, p_len, g, g_len);
    if (key->curve == CRYPTO_CURVE_NONE) {
        key->curve = crypto_ec_find(p, p_len, a, a_len, n, n_len);
        skip_zeros(&d, &d_len);
    }
    if (key->curve == CRYPTO_CURVE_NONE) {
        return HSM_ERR_UNSUPPORTED;
    }
    size_t len = crypto_ec_field_len(key->curve);
    bool montgomery = crypto_ec_is_montgomery(key->curve);
    size_t pub_len = montgomery ? len : 1 + 2 * len;
    if (d_len > len || (montgomery && d_len != len)) {
        return HSM_ERR_DATA;
    }
    memset(hsm->scratch, 0, len - d_len);
    memcpy(hsm->scratch + len - d_len, d, d_len);
    int rc = crypto_ec_public(key->curve, &hsm->rng, hsm->scratch, pub);
    if (rc == HSM_OK && (q_len != pub_len || memcmp(q, pub, pub_len) != 0)) {
        rc = HSM_ERR_DATA;
    }
    key->type = KEY_EC;
    key->bits = (uint16_t)crypto_ec_field_bits(key->curve);
    key->secret = hsm->scratch;
    key->secret_len = len;
    key->pub = pub;
    key->pub_len = pub_len;
    return rc;
}

static int take_aes(struct hsm *hsm, struct reader *r, struct key *key) {
    size_t len = reader_u16(r);
    const uint8_t *secret = reader_take(r, len);
    if (secret == NULL) {
        return HSM_ERR_DATA;
    }
    if (len != 16 && len != 24 && len != 32) {
        return HSM_ERR_UNSUPPORTED;
    }
    memcpy(hsm->scratch, secret, len);
    key->type = KEY_AES;
    key->bits = (uint16_t)(8 * len);
    key->secret = hsm->scratch;
    key->secret_len = len;
    return HSM_OK;
}

static bool is_list(const struct keyblob *blob, const uint8_t *list, size_t len) {
    return blob->algorithms_len == len && memcmp(blob->algorithms, list, len) == 0;
}

static void take_algorithms(const struct keyblob *blob, struct key *key) {
    if (key->type == KEY_AES && (is_list(blob, aes_list, sizeof aes_list) ||
                                 is_list(blob, aes_list_extended, sizeof aes_list_extended))) {
        return;
    }
    memcpy(key->algorithms, blob->algorithms, blob->algorithms_len);
    key->algorithms_len = (uint8_t)blob->algorithms_len;
}

static int take_fields(struct hsm *hsm, uint8_t type, struct reader *r, struct key *key, uint8_t *pub,
                       size_t pub_cap) {
    switch (type) {
    case TYPE_RSA:
        return take_rsa(hsm, r, key, pub, pub_cap);
    case TYPE_RSA_CRT:
        return take_rsa_crt(hsm, r, key, pub, pub_cap);
    case TYPE_EC:
        return take_ec(hsm, r, key, pub);
    case TYPE_AES:
        return take_aes(hsm, r, key);
    default:
        return HSM_ERR_UNSUPPORTED;
    }
}

int keyblob_import(struct hsm *hsm, const uint8_t *data, const struct keyblob *blob, const uint8_t kenc[32],
                   const uint8_t kmac[32], struct key *key, uint8_t *pub, size_t pub_cap) {
    uint8_t mac[MAC_LEN];
    uint8_t *plain = key_work(hsm);
    struct crypto_part covered = {data, blob->covered};
    int rc = crypto_aes_cmac(kmac, 32, &covered, 1, mac);
    if (rc != HSM_OK) {
        return rc;
    }
    if (!crypto_equal(mac, blob->mac, MAC_LEN) || blob->ciphertext_len > KEY_WORK_SIZE) {
        return HSM_ERR_DATA;
    }
    rc = crypto_aes_cbc(false, kenc, 32, NULL, blob->ciphertext, blob->ciphertext_len, plain);
    if (rc == HSM_OK) {
        struct reader r;
        reader_init(&r, plain, blob->ciphertext_len);
        reader_take(&r, RANDOM_LEN);
        /* What follows the last field is padding, or nothing where the writer found the text aligned. */
        rc = take_fields(hsm, blob->type, &r, key, pub, pub_cap);
    }
    if (rc == HSM_OK) {
        take_algorithms(blob, key);
    }
    crypto_wipe(plain, KEY_WORK_SIZE);
    return rc;
}
