// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Known public keys, and VERIFY CERTIFICATE, which adds to them (ISO/IEC 7816-8, 5.4.7). */

#include "hsm/trust.h"

#include <string.h>

#include "hsm/command.h"
#include "hsm/device.h"
#include "hsm/file.h"
#include "hsm/record.h"
#include "hsm/tlv.h"

#define TAG_CERTIFICATE 0x7F21u
#define TAG_BODY 0x7F4Eu
#define TAG_CHAT 0x7F4Cu
#define TAG_CAR 0x42u
#define TAG_SIGNATURE 0x5F37u
#define TAG_RIGHTS 0x53u

/* The two upper bits of the rights byte are the holder's role (TR-03110-3, C.4). */
#define ROLE_MASK 0xC0u
#define ROLE_ROOT 0xC0u
#define ROLE_DEVICE 0x00u

static bool same_name(struct cvc_name a, const uint8_t *text, size_t len) {
    return a.len == len && len != 0 && memcmp(a.text, text, len) == 0;
}

/* What the holder may do. A certificate that says nothing is a device's: it cannot issue others. */
static uint8_t rights_of(const struct cvc *cvc) {
    struct reader r;
    struct tlv body;
    struct tlv chat;
    struct tlv rights;
    reader_init(&r, cvc->body, cvc->body_len);
    if (tlv_next(&r, &body) != 1 || !tlv_find(body.value, body.len, TAG_CHAT, &chat) ||
        !tlv_find(chat.value, chat.len, TAG_RIGHTS, &rights) || rights.len == 0) {
        return ROLE_DEVICE;
    }
    return rights.value[0];
}

/* Does the issuer's role allow it to certify the holder's? Roots certify all, issuers devices, devices
 * nobody. */
static bool may_certify(uint8_t issuer, uint8_t holder) {
    uint8_t role = issuer & ROLE_MASK;
    return role == ROLE_ROOT || (role != ROLE_DEVICE && (holder & ROLE_MASK) == ROLE_DEVICE);
}

static enum crypto_curve device_curve(struct hsm *hsm) {
    struct key key;
    return key_peek(hsm, (uint8_t)FID_DEVICE_KEY, &key) == HSM_OK ? key.curve : CRYPTO_CURVE_NONE;
}

static const struct hsm_trusted *find_verified(const struct hsm *hsm, const uint8_t *name, size_t len) {
    for (size_t i = 0; i < HSM_TRUSTED_MAX; i++) {
        const struct hsm_trusted *t = &hsm->trusted[i];
        if (same_name((struct cvc_name){t->name, t->name_len}, name, len)) {
            return t;
        }
    }
    return NULL;
}

/* Reads EF 2F02 to the work space; what does not fit there is no chain of CVCs. */
static int read_chain(struct hsm *hsm, struct reader *chain) {
    size_t len = 0;
    int rc = file_read(hsm, FID_DEVICE_CERTIFICATES, 0, key_work(hsm), KEY_WORK_SIZE, &len);
    if (rc == HSM_ERR_FILE_NOT_FOUND) {
        rc = HSM_OK;
    }
    reader_init(chain, key_work(hsm), len);
    return rc;
}

/* The next certificate of a chain; false at the end, and at anything that is none. */
static bool next_certificate(struct reader *chain, struct cvc *cvc) {
    struct tlv t;
    return tlv_next(chain, &t) == 1 && t.tag == TAG_CERTIFICATE && cvc_parse(t.value, t.len, cvc) == HSM_OK;
}

/* The development root counts only while the card's own chain names it: with another chain loaded, nobody
 * trusts a key that everybody has. */
static int find_own(struct hsm *hsm, const uint8_t *name, size_t len, struct trust_key *key) {
    struct reader chain;
    struct cvc cvc;
    bool under_development_root = false;
    enum crypto_curve curve = device_curve(hsm);
    static const char root[] = DEVICE_ROOT_CHR;
    int rc = read_chain(hsm, &chain);
    if (rc != HSM_OK) {
        return rc;
    }
    while (next_certificate(&chain, &cvc)) {
        if (same_name(cvc.chr, name, len)) {
            key->rights = rights_of(&cvc);
            return cvc_public_key(cvc.key, cvc.key_len, curve, &key->pub);
        }
        under_development_root |= same_name(cvc.car, (const uint8_t *)root, sizeof root - 1);
    }
    if (!under_development_root ||
        !same_name((struct cvc_name){name, len}, (const uint8_t *)root, sizeof root - 1)) {
        return HSM_ERR_REFERENCE;
    }
    key->rights = ROLE_ROOT;
    key->pub.curve = curve;
    key->pub.len = 1 + 2 * crypto_ec_field_len(curve);
    return device_development_root(hsm, key->pub.point);
}

int trust_find(struct hsm *hsm, const uint8_t *name, size_t len, struct trust_key *key) {
    const struct hsm_trusted *t = find_verified(hsm, name, len);
    if (t == NULL) {
        return find_own(hsm, name, len, key);
    }
    key->rights = t->rights;
    key->pub.curve = (enum crypto_curve)t->curve;
    key->pub.len = t->point_len;
    memcpy(key->pub.point, t->point, t->point_len);
    return HSM_OK;
}

size_t trust_device_name(struct hsm *hsm, uint8_t *name) {
    struct reader chain;
    struct cvc cvc;
    if (read_chain(hsm, &chain) == HSM_OK && next_certificate(&chain, &cvc)) {
        memcpy(name, cvc.chr.text, cvc.chr.len);
        return cvc.chr.len;
    }
    memcpy(name, hsm->device_id, hsm->device_id_len);
    return hsm->device_id_len;
}

static bool take(struct reader *r, uint32_t tag, struct tlv *t) {
    return tlv_next(r, t) == 1 && t->tag == tag;
}

int trust_check_request(struct hsm *hsm, const uint8_t *data, size_t len, struct trust_request *request) {
    struct reader r;
    struct tlv certificate;
    struct tlv car;
    struct tlv signature;
    struct trust_key device;
    reader_init(&r, data, len);
    if (!take(&r, TAG_CERTIFICATE, &certificate) || !take(&r, TAG_CAR, &car) ||
        !take(&r, TAG_SIGNATURE, &signature)) {
        return HSM_ERR_DATA;
    }
    request->rest = r.pos;
    request->rest_len = r.left;
    const struct cvc *cvc = &request->cvc;
    int rc = cvc_parse(certificate.value, certificate.len, &request->cvc);
    if (rc == HSM_OK) {
        rc = trust_find(hsm, car.value, car.len, &device);
    }
    if (rc == HSM_OK) {
        rc = cvc_verify(&device.pub, certificate.raw, certificate.raw_len, car.raw, car.raw_len,
                        signature.value, signature.len);
    }
    if (rc == HSM_OK) {
        rc = cvc_public_key(cvc->key, cvc->key_len, CRYPTO_CURVE_NONE, &request->pub);
    }
    if (rc == HSM_OK) {
        rc = cvc_verify(&request->pub, cvc->body, cvc->body_len, NULL, 0, cvc->signature, cvc->signature_len);
    }
    return rc;
}

static void remember(struct hsm *hsm, const struct cvc *cvc, const struct cvc_public *pub) {
    struct hsm_trusted *t = &hsm->trusted[hsm->trusted_next];
    hsm->trusted_next = (uint8_t)((hsm->trusted_next + 1) % HSM_TRUSTED_MAX);
    memcpy(t->name, cvc->chr.text, cvc->chr.len);
    t->name_len = (uint8_t)cvc->chr.len;
    t->curve = (uint8_t)pub->curve;
    t->rights = rights_of(cvc);
    t->point_len = (uint8_t)pub->len;
    memcpy(t->point, pub->point, pub->len);
}

/*
 * VERIFY CERTIFICATE: data is the contents of 7F21, the verifying key was chosen by MANAGE SE. What verifies
 * is known until the end of the session, and no longer: a card that kept it would let anybody who passes by
 * fill it with names.
 */
int cmd_verify_certificate(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct cvc cvc;
    struct trust_key issuer;
    struct trust_key known;
    struct cvc_public pub;
    if (hsm->se_dst_len == 0) {
        return HSM_ERR_CONDITIONS;
    }
    int rc = cvc_parse(apdu->data, apdu->nc, &cvc);
    if (rc == HSM_OK && !same_name(cvc.car, hsm->se_dst, hsm->se_dst_len)) {
        rc = HSM_ERR_DATA;
    }
    if (rc == HSM_OK) {
        rc = trust_find(hsm, hsm->se_dst, hsm->se_dst_len, &issuer);
    }
    if (rc == HSM_OK) {
        rc = cvc_public_key(cvc.key, cvc.key_len, issuer.pub.curve, &pub);
    }
    if (rc == HSM_OK) {
        rc = cvc_verify(&issuer.pub, cvc.body, cvc.body_len, NULL, 0, cvc.signature, cvc.signature_len);
    }
    if (rc == HSM_OK && !may_certify(issuer.rights, rights_of(&cvc))) {
        rc = HSM_ERR_AUTH;
    }
    /* A name that is known stands for one key only. */
    if (rc == HSM_OK && trust_find(hsm, cvc.chr.text, cvc.chr.len, &known) == HSM_OK) {
        bool same = known.pub.len == pub.len && memcmp(known.pub.point, pub.point, pub.len) == 0;
        return same ? HSM_OK : HSM_ERR_EXISTS;
    }
    if (rc == HSM_OK) {
        remember(hsm, &cvc, &pub);
    }
    return rc;
}
