// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/cvc.h"

#include <string.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "hsm/file.h"
#include "hsm/record.h"
#include "hsm/tlv.h"
#include "hsm/trust.h"
#include "hsm/xkek.h"

#define TAG_REQUEST 0x67u
#define TAG_CERTIFICATE 0x7F21u
#define TAG_BODY 0x7F4Eu
#define TAG_PROFILE 0x5F29u
#define TAG_CAR 0x42u
#define TAG_PUBLIC_KEY 0x7F49u
#define TAG_CHR 0x5F20u
#define TAG_CHAT 0x7F4Cu
#define TAG_EXTENSIONS 0x65u
#define TAG_FROM 0x5F25u
#define TAG_UNTIL 0x5F24u
#define TAG_SIGNATURE 0x5F37u

/* id-TA-RSA-v1-5-SHA-256, id-TA-ECDSA-SHA-256; id-RI-ECDH-SHA-256 for Montgomery curves; TR-03110-3, A.6.4
 * and B.2. */
static const uint8_t oid_rsa[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x01, 0x02};
static const uint8_t oid_ecdsa[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
static const uint8_t oid_ecdh[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x05, 0x02, 0x03};
/* 1.3.6.1.4.1.24991.3.1.1: role of a SmartCard-HSM certificate. */
static const uint8_t oid_role[] = {0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xC3, 0x1F, 0x03, 0x01, 0x01};

static int put_ec_public(struct writer *out, enum crypto_curve curve, const uint8_t *point,
                         bool domain_parameters) {
    struct crypto_ec_params p;
    int rc = crypto_ec_params(curve, &p);
    if (rc != HSM_OK) {
        return rc;
    }
    size_t point_len = 1 + 2 * p.field_len;
    tlv_put(out, 0x06, oid_ecdsa, sizeof oid_ecdsa);
    if (domain_parameters) {
        tlv_put(out, 0x81, p.p, p.field_len);
        tlv_put(out, 0x82, p.a, p.field_len);
        tlv_put(out, 0x83, p.b, p.field_len);
        tlv_put(out, 0x84, p.g, point_len);
        tlv_put(out, 0x85, p.n, p.order_len);
    }
    tlv_put(out, 0x86, point, point_len);
    if (domain_parameters) {
        tlv_put(out, 0x87, "\x01", 1);
    }
    return HSM_OK;
}

/* Montgomery keys have a form of their own: base point as u coordinate, and the raw public key. */
static int put_montgomery_public(struct writer *out, const struct key *key) {
    struct crypto_montgomery_params p;
    int rc = crypto_montgomery_params(key->curve, &p);
    if (rc == HSM_OK) {
        tlv_put(out, 0x06, oid_ecdh, sizeof oid_ecdh);
        tlv_put(out, 0x81, p.p, p.len);
        tlv_put(out, 0x82, p.n, p.len);
        tlv_put(out, 0x83, p.u, p.len);
        tlv_put(out, 0x84, key->pub, key->pub_len);
    }
    return rc;
}

static int put_public(struct writer *out, const struct key *key) {
    if (key->type == KEY_EC) {
        return crypto_ec_is_montgomery(key->curve) ? put_montgomery_public(out, key)
                                                   : put_ec_public(out, key->curve, key->pub, true);
    }
    struct crypto_rsa_public pub;
    int rc = key_rsa_public(key, &pub);
    if (rc == HSM_OK) {
        tlv_put(out, 0x06, oid_rsa, sizeof oid_rsa);
        tlv_put(out, 0x81, pub.n, pub.bits / 8);
        tlv_put(out, 0x82, pub.e, pub.e_len);
    }
    return rc;
}

/* Signature by an EC key over `data`, plain r || s. */
static int put_ec_signature(struct hsm *hsm, enum crypto_curve curve, const uint8_t *priv,
                            const uint8_t *data, size_t len, struct writer *out) {
    uint8_t hash[32];
    uint8_t rs[2 * CRYPTO_EC_FIELD_MAX];
    size_t n = crypto_ec_field_len(curve);
    int rc = crypto_hash(CRYPTO_SHA256, data, len, hash);
    if (rc == HSM_OK) {
        rc = crypto_ecdsa_sign(curve, &hsm->rng, priv, hash, sizeof hash, rs, rs + n);
    }
    if (rc == HSM_OK) {
        tlv_put(out, TAG_SIGNATURE, rs, 2 * n);
    }
    return rc;
}

static int put_rsa_signature(struct hsm *hsm, const struct key *key, const uint8_t *data, size_t len,
                             struct writer *out) {
    uint8_t hash[32];
    uint8_t info[19 + CRYPTO_HASH_MAX];
    size_t k = key->bits / 8u;
    uint8_t *em = key_work(hsm);
    int rc = crypto_hash(CRYPTO_SHA256, data, len, hash);
    if (rc == HSM_OK) {
        size_t info_len = crypto_pkcs1_digest_info(CRYPTO_SHA256, hash, info);
        rc = crypto_pkcs1_pad(info, info_len, k, em);
    }
    if (rc == HSM_OK) {
        rc = crypto_rsa_raw(key->secret, key->secret_len, &hsm->rng, em, em);
    }
    if (rc == HSM_OK) {
        tlv_put(out, TAG_SIGNATURE, em, k);
    }
    return rc;
}

/* The proof of possession. A Montgomery key cannot sign: zeros stand in its place. */
static int put_self_signature(struct hsm *hsm, const struct key *key, const uint8_t *data, size_t len,
                              struct writer *out) {
    static const uint8_t zeros[2 * CRYPTO_EC_FIELD_MAX];
    if (key->type == KEY_RSA) {
        return put_rsa_signature(hsm, key, data, len, out);
    }
    if (crypto_ec_is_montgomery(key->curve)) {
        tlv_put(out, TAG_SIGNATURE, zeros, 2 * crypto_ec_field_len(key->curve));
        return HSM_OK;
    }
    return put_ec_signature(hsm, key->curve, key->secret, data, len, out);
}

/* The device vouches for what was made in it. For any other key, the key itself signs where the device would:
 * the form is what clients expect, and nobody takes it for the device's word. */
static int put_outer_signature(struct hsm *hsm, const struct key *key, bool made_here, size_t start,
                               struct writer *out) {
    struct key device;
    if (!made_here) {
        return put_self_signature(hsm, key, out->buf + start, out->len - start, out);
    }
    int rc = key_load(hsm, (uint8_t)FID_DEVICE_KEY, &device);
    return rc == HSM_OK
               ? put_ec_signature(hsm, device.curve, device.secret, out->buf + start, out->len - start, out)
               : rc;
}

int cvc_put_request(struct hsm *hsm, const struct key *key, bool made_here, struct cvc_name car,
                    struct cvc_name chr, struct writer *out) {
    uint8_t name[HSM_CHR_MAX];
    size_t name_len = trust_device_name(hsm, name);
    if (car.len == 0) {
        car = (struct cvc_name){name, name_len};
    }
    size_t request = tlv_open(out, TAG_REQUEST);
    size_t signed_start = out->len;
    size_t certificate = tlv_open(out, TAG_CERTIFICATE);
    size_t body_start = out->len;
    size_t body = tlv_open(out, TAG_BODY);
    tlv_put(out, TAG_PROFILE, "\x00", 1);
    tlv_put(out, TAG_CAR, car.text, car.len);
    size_t public_key = tlv_open(out, TAG_PUBLIC_KEY);
    int rc = put_public(out, key);
    tlv_close(out, public_key);
    tlv_put(out, TAG_CHR, chr.text, chr.len);
    if (rc == HSM_OK) {
        rc = xkek_put_extension(hsm, key, out);
    }
    tlv_close(out, body);
    if (rc == HSM_OK && !out->overflow) {
        rc = put_self_signature(hsm, key, out->buf + body_start, out->len - body_start, out);
    }
    tlv_close(out, certificate);
    if (made_here) {
        tlv_put(out, TAG_CAR, name, name_len);
    } else {
        tlv_put(out, TAG_CAR, chr.text, chr.len);
    }
    if (rc == HSM_OK && !out->overflow) {
        rc = put_outer_signature(hsm, key, made_here, signed_start, out);
    }
    tlv_close(out, request);
    return rc == HSM_OK && out->overflow ? HSM_ERR_INTERNAL : rc;
}

static bool take(struct reader *r, uint32_t tag, struct tlv *t) {
    return tlv_next(r, t) == 1 && t->tag == tag;
}

int cvc_parse(const uint8_t *data, size_t len, struct cvc *cvc) {
    struct reader r;
    struct tlv body;
    struct tlv t;
    memset(cvc, 0, sizeof *cvc);
    reader_init(&r, data, len);
    if (!take(&r, TAG_BODY, &body) || !take(&r, TAG_SIGNATURE, &t) || !tlv_valid(body.value, body.len)) {
        return HSM_ERR_DATA;
    }
    cvc->body = body.raw;
    cvc->body_len = body.raw_len;
    cvc->signature = t.value;
    cvc->signature_len = t.len;
    if (!tlv_find(body.value, body.len, TAG_PUBLIC_KEY, &t)) {
        return HSM_ERR_DATA;
    }
    cvc->key = t.value;
    cvc->key_len = t.len;
    if (!tlv_find(body.value, body.len, TAG_CHR, &t) || t.len == 0 || t.len > HSM_CHR_MAX) {
        return HSM_ERR_DATA;
    }
    cvc->chr = (struct cvc_name){t.value, t.len};
    if (tlv_find(body.value, body.len, TAG_CAR, &t)) {
        if (t.len > HSM_CHR_MAX) {
            return HSM_ERR_DATA;
        }
        cvc->car = (struct cvc_name){t.value, t.len};
    }
    if (tlv_find(body.value, body.len, TAG_EXTENSIONS, &t)) {
        cvc->extensions = t.value;
        cvc->extensions_len = t.len;
    }
    return HSM_OK;
}

int cvc_public_key(const uint8_t *key, size_t len, enum crypto_curve inherited, struct cvc_public *pub) {
    struct tlv p;
    struct tlv a;
    struct tlv n;
    struct tlv point;
    if (!tlv_valid(key, len)) {
        return HSM_ERR_DATA;
    }
    if (!tlv_find(key, len, 0x86, &point)) {
        return HSM_ERR_UNSUPPORTED; /* RSA and Montgomery keys have their public part elsewhere */
    }
    pub->curve = inherited;
    if (tlv_find(key, len, 0x81, &p)) {
        bool has_a = tlv_find(key, len, 0x82, &a);
        bool has_n = tlv_find(key, len, 0x85, &n);
        pub->curve = crypto_ec_find(p.value, p.len, has_a ? a.value : NULL, has_a ? a.len : 0,
                                    has_n ? n.value : NULL, has_n ? n.len : 0);
    }
    if (pub->curve == CRYPTO_CURVE_NONE) {
        return HSM_ERR_UNSUPPORTED;
    }
    if (point.len > sizeof pub->point) {
        return HSM_ERR_DATA;
    }
    memcpy(pub->point, point.value, point.len);
    pub->len = point.len;
    return crypto_ec_check_point(pub->curve, pub->point, pub->len);
}

int cvc_verify(const struct cvc_public *pub, const uint8_t *first, size_t first_len, const uint8_t *second,
               size_t second_len, const uint8_t *signature, size_t signature_len) {
    uint8_t hash[32];
    size_t n = crypto_ec_field_len(pub->curve);
    struct crypto_part parts[] = {{first, first_len}, {second, second_len}};
    if (signature_len != 2 * n) {
        return HSM_ERR_AUTH;
    }
    int rc = crypto_hash_parts(CRYPTO_SHA256, parts, 2, hash);
    if (rc == HSM_OK) {
        rc = crypto_ecdsa_verify(pub->curve, pub->point, hash, sizeof hash, signature, signature + n);
    }
    return rc == HSM_OK ? HSM_OK : HSM_ERR_AUTH;
}

/* yymmdd, one decimal digit a byte. */
static void put_date(struct writer *out, uint32_t tag, const struct hsm_date *date) {
    uint8_t d[] = {(uint8_t)(date->year % 100 / 10), (uint8_t)(date->year % 10), (uint8_t)(date->month / 10),
                   (uint8_t)(date->month % 10),      (uint8_t)(date->day / 10),  (uint8_t)(date->day % 10)};
    tlv_put(out, tag, d, sizeof d);
}

int cvc_put_certificate(struct hsm *hsm, const struct cvc_template *template, const uint8_t *issuer_key,
                        struct writer *out) {
    size_t certificate = tlv_open(out, TAG_CERTIFICATE);
    size_t body_start = out->len;
    size_t body = tlv_open(out, TAG_BODY);
    tlv_put(out, TAG_PROFILE, "\x00", 1);
    tlv_put(out, TAG_CAR, template->car.text, template->car.len);
    size_t public_key = tlv_open(out, TAG_PUBLIC_KEY);
    int rc = put_ec_public(out, template->curve, template->point, template->domain_parameters);
    tlv_close(out, public_key);
    tlv_put(out, TAG_CHR, template->chr.text, template->chr.len);
    size_t chat = tlv_open(out, TAG_CHAT);
    tlv_put(out, 0x06, oid_role, sizeof oid_role);
    tlv_put(out, 0x53, &template->rights, 1);
    tlv_close(out, chat);
    put_date(out, TAG_FROM, &template->from);
    put_date(out, TAG_UNTIL, &template->until);
    tlv_close(out, body);
    if (rc == HSM_OK && !out->overflow) {
        rc = put_ec_signature(hsm, template->curve, issuer_key, out->buf + body_start, out->len - body_start,
                              out);
    }
    tlv_close(out, certificate);
    return rc == HSM_OK && out->overflow ? HSM_ERR_INTERNAL : rc;
}

int cvc_device_certificate(struct hsm *hsm, uint8_t *buf, size_t cap, struct cvc *cvc) {
    size_t len;
    struct tlv t;
    int rc = file_read(hsm, FID_DEVICE_CERTIFICATES, 0, buf, cap, &len);
    if (rc != HSM_OK) {
        return rc;
    }
    if (!tlv_find(buf, len, TAG_CERTIFICATE, &t)) {
        return HSM_ERR_DATA;
    }
    return cvc_parse(t.value, t.len, cvc);
}
