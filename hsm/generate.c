// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* GENERATE ASYMMETRIC KEY PAIR, GENERATE SYMMETRIC KEY, DERIVE KEY (docs/protocol.md, "Key generation"). */

#include <string.h>

#include "hsm/command.h"
#include "hsm/companions.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/cvc.h"
#include "hsm/description.h"
#include "hsm/domain.h"
#include "hsm/key.h"
#include "hsm/tlv.h"

/* P2 of GENERATE SYMMETRIC KEY. */
#define AES_128 0xB0u
#define AES_192 0xB1u
#define AES_256 0xB2u

struct request {
    struct tlv public_key;
    struct cvc_name car;
    struct cvc_name chr;
    uint32_t uses;
};

/* Policy tags, which follow the body of the request in any order. */
static int take_policy(const struct tlv *t, struct key *key, uint32_t *uses) {
    struct reader r;
    reader_init(&r, t->value, t->len);
    switch (t->tag) {
    case 0x90:
        if (t->len != 4) {
            return HSM_ERR_DATA;
        }
        *uses = reader_u32(&r);
        key->counted = true;
        return HSM_OK;
    case 0x91:
        if (t->len < 1 || t->len > HSM_ALGORITHMS_MAX) {
            return HSM_ERR_DATA;
        }
        memcpy(key->algorithms, t->value, t->len);
        key->algorithms_len = (uint8_t)t->len;
        return HSM_OK;
    case 0x92:
        if (t->len != 1) {
            return HSM_ERR_DATA;
        }
        key->domain = t->value[0];
        return HSM_OK;
    case 0x8A: /* a private value from outside: development cards only */
        return HSM_ERR_DATA;
    default:
        return HSM_OK;
    }
}

/* Which key domain a new key belongs to: asked for, or 0 where there is just that one. */
static int settle_domain(struct hsm *hsm, struct key *key) {
    struct config config;
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    if (config.mode != DOMAINS_MANY) {
        key->domain = 0;
        return HSM_OK;
    }
    return key->domain == DOMAIN_NO_DOMAIN || key->domain < config.domains ? HSM_OK : HSM_ERR_REFERENCE;
}

static int take_name(const struct tlv *t, struct cvc_name *name) {
    if (t->len == 0 || t->len > HSM_CHR_MAX) {
        return HSM_ERR_DATA;
    }
    *name = (struct cvc_name){t->value, t->len};
    return HSM_OK;
}

static int parse_request(const struct apdu *apdu, struct request *req, struct key *key) {
    struct reader r;
    struct tlv t;
    int rc;
    memset(req, 0, sizeof *req);
    reader_init(&r, apdu->data, apdu->nc);
    while ((rc = tlv_next(&r, &t)) == 1) {
        switch (t.tag) {
        case 0x42:
            rc = take_name(&t, &req->car);
            break;
        case 0x5F20:
            rc = take_name(&t, &req->chr);
            break;
        case 0x7F49:
            req->public_key = t;
            rc = tlv_valid(t.value, t.len) ? HSM_OK : HSM_ERR_DATA;
            break;
        default:
            rc = take_policy(&t, key, &req->uses);
            break;
        }
        if (rc != HSM_OK) {
            return rc;
        }
    }
    return rc == 0 && req->public_key.value != NULL ? HSM_OK : HSM_ERR_DATA;
}

static void working(void *ctx) {
    struct hsm *hsm = ctx;
    if (hsm->platform->working != NULL) {
        hsm->platform->working(hsm->platform->ctx);
    }
}

static int generate_rsa(struct hsm *hsm, const struct tlv *public_key, struct key *key, uint8_t *pub,
                        size_t cap) {
    static const uint8_t f4[] = {0x01, 0x00, 0x01};
    struct tlv bits;
    struct tlv exponent;
    const uint8_t *e = f4;
    size_t e_len = sizeof f4;
    if (!tlv_find(public_key->value, public_key->len, 0x02, &bits) || bits.len != 2) {
        return HSM_ERR_DATA;
    }
    if (tlv_find(public_key->value, public_key->len, 0x82, &exponent)) {
        e = exponent.value;
        e_len = exponent.len;
        skip_zeros(&e, &e_len);
    }
    size_t size = (size_t)(bits.value[0] << 8 | bits.value[1]);
    size_t len = 0;
    int rc = HSM_OK;
    if (hsm->platform->ready_rsa != NULL && e_len == sizeof f4 && memcmp(e, f4, e_len) == 0) {
        len = hsm->platform->ready_rsa(hsm->platform->ctx, size, hsm->scratch, KEY_RECORD_MAX);
    }
    if (len == 0) {
        rc = crypto_rsa_generate(size, e, e_len, &hsm->rng, working, hsm, hsm->scratch, &len);
    }
    struct crypto_rsa_public rsa;
    if (rc == HSM_OK) {
        rc = crypto_rsa_public(hsm->scratch, len, &rsa);
    }
    if (rc == HSM_OK) {
        key->type = KEY_RSA;
        key->bits = (uint16_t)rsa.bits;
        key->secret = hsm->scratch;
        key->secret_len = len;
        key->pub = pub;
        key->pub_len = key_put_rsa_public(&rsa, pub, cap);
    }
    return rc;
}

/* The curve of a request: by p, a and n; Montgomery curves by p and base point. */
static int find_curve(const struct tlv *public_key, enum crypto_curve *curve) {
    struct tlv p;
    struct tlv a;
    struct tlv b;
    struct tlv n;
    if (!tlv_find(public_key->value, public_key->len, 0x81, &p)) {
        return HSM_ERR_DATA;
    }
    bool has_a = tlv_find(public_key->value, public_key->len, 0x82, &a);
    bool has_b = tlv_find(public_key->value, public_key->len, 0x83, &b);
    bool has_n = tlv_find(public_key->value, public_key->len, 0x85, &n);
    if (has_b && !has_n) {
        *curve = crypto_montgomery_find(p.value, p.len, b.value, b.len);
    } else {
        *curve = crypto_ec_find(p.value, p.len, has_a ? a.value : NULL, has_a ? a.len : 0,
                                has_n ? n.value : NULL, has_n ? n.len : 0);
    }
    return *curve != CRYPTO_CURVE_NONE ? HSM_OK : HSM_ERR_UNSUPPORTED;
}

static void describe_ec(struct hsm *hsm, enum crypto_curve curve, const uint8_t *pub, struct key *key) {
    size_t n = crypto_ec_field_len(curve);
    key->type = KEY_EC;
    key->curve = curve;
    key->bits = (uint16_t)crypto_ec_field_bits(curve);
    key->secret = hsm->scratch;
    key->secret_len = n;
    key->pub = pub;
    key->pub_len = crypto_ec_is_montgomery(curve) ? n : 1 + 2 * n;
}

static int generate_ec(struct hsm *hsm, const struct tlv *public_key, struct key *key, uint8_t *pub) {
    enum crypto_curve curve;
    int rc = find_curve(public_key, &curve);
    if (rc == HSM_OK) {
        rc = crypto_ec_generate(curve, &hsm->rng, hsm->scratch, pub);
    }
    if (rc == HSM_OK) {
        describe_ec(hsm, curve, pub, key);
    }
    return rc;
}

static bool is_rsa(const struct tlv *public_key) {
    /* id-TA-RSA: ...2.2.2.1.x; the last but one arc tells RSA from ECDSA. */
    struct tlv oid;
    return tlv_find(public_key->value, public_key->len, 0x06, &oid) && oid.len == 10 && oid.value[8] == 0x01;
}

int cmd_generate_asymmetric(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct request req;
    struct key key = {.id = apdu->p1, .domain = DOMAIN_NO_DOMAIN};
    uint8_t pub[1 + CRYPTO_RSA_EXP_MAX + CRYPTO_RSA_LEN_MAX];
    if (apdu->p1 == 0) {
        return HSM_ERR_P1P2; /* key 0 is the device key */
    }
    int rc = parse_request(apdu, &req, &key);
    if (rc == HSM_OK) {
        rc = settle_domain(hsm, &key);
    }
    if (rc == HSM_OK) {
        rc = is_rsa(&req.public_key) ? generate_rsa(hsm, &req.public_key, &key, pub, sizeof pub)
                                     : generate_ec(hsm, &req.public_key, &key, pub);
    }
    if (rc == HSM_OK) {
        rc = key_save(hsm, &key, req.uses);
    }
    if (rc == HSM_OK) {
        struct cvc_name device = {hsm->device_id, hsm->device_id_len};
        rc = companions_write(hsm, &key, true, req.car, req.chr.len != 0 ? req.chr : device, out);
    }
    return rc;
}

static size_t aes_length(uint8_t p2) {
    switch (p2) {
    case AES_128:
        return 16;
    case AES_192:
        return 24;
    case AES_256:
        return 32;
    default:
        return 0;
    }
}

int cmd_generate_symmetric(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct key key = {.id = apdu->p1, .type = KEY_AES, .domain = DOMAIN_NO_DOMAIN};
    struct reader r;
    struct tlv t;
    uint32_t uses = 0;
    size_t len = aes_length(apdu->p2);
    int rc;
    if (apdu->p1 == 0 || len == 0) {
        return HSM_ERR_P1P2;
    }
    reader_init(&r, apdu->data, apdu->nc);
    while ((rc = tlv_next(&r, &t)) == 1) {
        rc = take_policy(&t, &key, &uses);
        if (rc != HSM_OK) {
            return rc;
        }
    }
    if (rc == HSM_OK) {
        rc = settle_domain(hsm, &key);
    }
    if (rc == HSM_OK) {
        rc = crypto_rng_bytes(&hsm->rng, hsm->scratch, len);
    }
    if (rc == HSM_OK) {
        key.bits = (uint16_t)(8 * len);
        key.secret = hsm->scratch;
        key.secret_len = len;
        rc = key_save(hsm, &key, uses);
    }
    return rc == HSM_OK ? description_ensure(hsm, &key) : rc;
}

/* DERIVE KEY: P1 an EC key, P2 the id of the new one, data 98 || offset: d' = d + offset mod n. */
int cmd_derive_key(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key base;
    struct tlv offset;
    uint8_t priv[CRYPTO_EC_FIELD_MAX];
    uint8_t pub[CRYPTO_EC_POINT_MAX];
    if (apdu->p2 == 0) {
        return HSM_ERR_P1P2;
    }
    /* Not a data object: the algorithm byte, then the offset up to the end. */
    struct reader r;
    reader_init(&r, apdu->data, apdu->nc);
    if (reader_u8(&r) != 0x98 || r.left == 0) {
        return HSM_ERR_DATA;
    }
    offset.value = r.pos;
    offset.len = r.left;
    int rc = key_load_for(hsm, apdu->p1, KEY_EC, 0x98, &base);
    if (rc == HSM_OK) {
        rc = crypto_ec_add_scalar(base.curve, base.secret, offset.value, offset.len, priv);
    }
    if (rc == HSM_OK) {
        rc = crypto_ec_public(base.curve, &hsm->rng, priv, pub);
    }
    if (rc == HSM_OK) {
        struct key key = {.id = apdu->p2, .domain = base.domain};
        struct cvc_name device = {hsm->device_id, hsm->device_id_len};
        memcpy(key.algorithms, base.algorithms, base.algorithms_len);
        key.algorithms_len = base.algorithms_len;
        memcpy(hsm->scratch, priv, sizeof priv);
        describe_ec(hsm, base.curve, pub, &key);
        rc = key_save(hsm, &key, 0);
        if (rc == HSM_OK) {
            /* Its base may have come from outside, and whoever knows that one knows this one. */
            rc = companions_write(hsm, &key, false, device, device, out);
        }
        writer_truncate(out, 0);
    }
    crypto_wipe(priv, sizeof priv);
    return rc;
}
