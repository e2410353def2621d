// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * XKEK key domains: a group signer key decides which devices are members, and two members agree on the
 * domain's key by ECDH between keys that their devices vouch for (docs/certificates.md, "XKEK key domains").
 */

#include "hsm/xkek.h"

#include <string.h>

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/util.h"
#include "hsm/domain.h"
#include "hsm/record.h"
#include "hsm/tlv.h"
#include "hsm/trust.h"

#define ALGORITHM_XKEK 0x84u

#define TAG_MEMBERSHIP 0x54u
#define TAG_EXTENSIONS 0x65u
#define TAG_EXTENSION 0x73u
#define TAG_OID 0x06u
#define TAG_UID 0x80u

/* 1.3.6.1.4.1.24991.3.2.2: key domain. */
static const uint8_t oid_key_domain[] = {0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xC3, 0x1F, 0x03, 0x02, 0x02};

/* The group signer vouches for this device by signing 54 || X, the first coordinate of the device key. */
static int check_membership(struct hsm *hsm, const struct trust_request *group,
                            const struct tlv *membership) {
    static const uint8_t prefix = TAG_MEMBERSHIP;
    struct key device;
    int rc = key_peek(hsm, (uint8_t)FID_DEVICE_KEY, &device);
    if (rc == HSM_OK) {
        rc = cvc_verify(&group->pub, &prefix, 1, device.pub + 1, crypto_ec_field_len(device.curve),
                        membership->value, membership->len);
    }
    return rc == HSM_ERR_AUTH ? HSM_ERR_CONDITIONS : rc;
}

/* KEY DOMAIN, P1 02: the group signer's authenticated request, then its signature that makes this device a
 * member. */
int cmd_domain_create_xkek(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    struct trust_request group;
    struct tlv membership;
    struct reader r;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    rc = domain_load(hsm, apdu->p2, &domain);
    if (rc != HSM_ERR_REFERENCE) {
        return rc == HSM_OK ? HSM_ERR_EXISTS : rc;
    }
    rc = trust_check_request(hsm, apdu->data, apdu->nc, &group);
    if (rc != HSM_OK) {
        return rc;
    }
    reader_init(&r, group.rest, group.rest_len);
    if (tlv_next(&r, &membership) != 1 || membership.tag != TAG_MEMBERSHIP || r.left != 0) {
        return HSM_ERR_DATA;
    }
    rc = check_membership(hsm, &group, &membership);
    if (rc != HSM_OK) {
        return rc;
    }
    domain = (struct domain){.xkek = true, .uid_len = (uint8_t)(group.pub.len - 1)};
    memcpy(domain.uid, group.pub.point + 1, domain.uid_len);
    rc = domain_save(hsm, apdu->p2, &domain);
    if (rc == HSM_OK) {
        domain_put_status(&domain, out);
    }
    return rc;
}

/*
 * A key for key agreement may do nothing else: if it could do plain ECDH as well, its user could compute the
 * domain's key outside. The extension in its request tells the peer's card that it cannot.
 */
static bool only_agrees(const struct key *key) {
    return key->type == KEY_EC && key->algorithms_len == 1 && key->algorithms[0] == ALGORITHM_XKEK;
}

int xkek_put_extension(struct hsm *hsm, const struct key *key, struct writer *out) {
    struct domain domain;
    if (key->domain == DOMAIN_NO_DOMAIN || !only_agrees(key)) {
        return HSM_OK;
    }
    int rc = domain_load(hsm, key->domain, &domain);
    if (rc == HSM_OK && domain.xkek) {
        size_t extensions = tlv_open(out, TAG_EXTENSIONS);
        size_t extension = tlv_open(out, TAG_EXTENSION);
        tlv_put(out, TAG_OID, oid_key_domain, sizeof oid_key_domain);
        tlv_put(out, TAG_UID, domain.uid, domain.uid_len);
        tlv_close(out, extension);
        tlv_close(out, extensions);
    }
    crypto_wipe(&domain, sizeof domain);
    return rc == HSM_ERR_REFERENCE ? HSM_OK : rc;
}

/* The UID of the domain that a request was made for. */
static int find_uid(const struct cvc *cvc, struct tlv *uid) {
    struct reader r;
    struct tlv t;
    reader_init(&r, cvc->extensions, cvc->extensions_len);
    while (tlv_next(&r, &t) == 1) {
        struct tlv oid;
        if (t.tag == TAG_EXTENSION && tlv_find(t.value, t.len, TAG_OID, &oid) &&
            oid.len == sizeof oid_key_domain && memcmp(oid.value, oid_key_domain, oid.len) == 0 &&
            tlv_find(t.value, t.len, TAG_UID, uid)) {
            return HSM_OK;
        }
    }
    return HSM_ERR_DATA;
}

/* The contents of a request that may come with or without its 67 around it. */
static void unwrap_request(const struct apdu *apdu, const uint8_t **data, size_t *len) {
    struct reader r;
    struct tlv t;
    *data = apdu->data;
    *len = apdu->nc;
    reader_init(&r, apdu->data, apdu->nc);
    if (tlv_next(&r, &t) == 1 && t.tag == 0x67) {
        *data = t.value;
        *len = t.len;
    }
}

/* Is the key this card's part of the agreement in the domain called `uid`? */
static int check_own_key(struct hsm *hsm, const struct key *key, const struct tlv *uid,
                         struct domain *domain) {
    if (!only_agrees(key) || key->domain == DOMAIN_NO_DOMAIN) {
        return HSM_ERR_CONDITIONS;
    }
    int rc = domain_load(hsm, key->domain, domain);
    if (rc == HSM_OK &&
        (!domain->xkek || domain->uid_len != uid->len || memcmp(domain->uid, uid->value, uid->len) != 0)) {
        rc = HSM_ERR_REFERENCE;
    }
    return rc;
}

int xkek_agree(struct hsm *hsm, const struct apdu *apdu) {
    struct trust_request peer;
    struct tlv uid;
    struct key key;
    struct domain domain = {0};
    const uint8_t *data;
    size_t len;
    uint8_t kek[CRYPTO_EC_FIELD_MAX];
    unwrap_request(apdu, &data, &len);
    int rc = key_exists(hsm, apdu->p1);
    if (rc == HSM_OK) {
        rc = trust_check_request(hsm, data, len, &peer);
    }
    if (rc == HSM_OK) {
        rc = find_uid(&peer.cvc, &uid);
    }
    if (rc == HSM_OK) {
        rc = key_load_for(hsm, apdu->p1, KEY_EC, ALGORITHM_XKEK, &key);
    }
    if (rc == HSM_OK) {
        rc = check_own_key(hsm, &key, &uid, &domain);
    }
    if (rc == HSM_OK && (key.curve != peer.pub.curve || crypto_ec_field_len(key.curve) != DKEK_LEN)) {
        rc = HSM_ERR_UNSUPPORTED;
    }
    if (rc == HSM_OK) {
        rc = crypto_ecdh(key.curve, &hsm->rng, key.secret, peer.pub.point, peer.pub.len, kek);
    }
    if (rc == HSM_OK) {
        rc = domain_complete(hsm, &domain, kek);
    }
    if (rc == HSM_OK) {
        rc = domain_save(hsm, key.domain, &domain);
    }
    crypto_wipe(kek, sizeof kek);
    crypto_wipe(&domain, sizeof domain);
    return rc;
}
