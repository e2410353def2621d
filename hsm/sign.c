// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* SIGN (docs/protocol.md, "SIGN"): RSA and ECDSA signatures, with the hash made outside or on the card. */

#include <string.h>

#include "hsm/command.h"
#include "hsm/crypto/util.h"
#include "hsm/key.h"

#define P2_RSA_RAW 0x20u
#define P2_RSA_PKCS1 0x30u /* 31 to 35: hashed on the card */
#define P2_RSA_PSS 0x40u   /* 41 to 45 */
#define P2_ECDSA 0x70u     /* 71 to 75 */
#define P2_DEFAULT 0xA0u   /* the key's default algorithm */

/*
 * OpenSC up to 0.25 guesses the field size from the length of the DER signature, and takes up to this many
 * bytes for a 512-bit curve: shorter signatures of secp521r1 come out corrupted there. A new nonce helps in
 * about two tries.
 */
#define P521_DER_MIN 139u

static enum crypto_hash_id hash_of(uint8_t p2) {
    switch (p2 & 0x0F) {
    case 1:
        return CRYPTO_SHA1;
    case 2:
        return CRYPTO_SHA224;
    case 3:
        return CRYPTO_SHA256;
    case 4:
        return CRYPTO_SHA384;
    default:
        return CRYPTO_SHA512;
    }
}

static bool hashes_on_card(uint8_t p2) { return (p2 & 0x0F) != 0; }

/* PSS of a ready hash: the hash function shows in its length. */
static int hash_by_length(size_t len, enum crypto_hash_id *id) {
    switch (len) {
    case 20:
        *id = CRYPTO_SHA1;
        return HSM_OK;
    case 28:
        *id = CRYPTO_SHA224;
        return HSM_OK;
    case 32:
        *id = CRYPTO_SHA256;
        return HSM_OK;
    case 48:
        *id = CRYPTO_SHA384;
        return HSM_OK;
    case 64:
        *id = CRYPTO_SHA512;
        return HSM_OK;
    default:
        return HSM_ERR_LENGTH;
    }
}

/* Message or hash as the command gave it, turned into the hash to sign. */
struct digest {
    enum crypto_hash_id id;
    const uint8_t *hash;
    size_t len;
    uint8_t own[CRYPTO_HASH_MAX];
};

static int make_digest(const struct apdu *apdu, struct digest *d) {
    if (!hashes_on_card(apdu->p2)) {
        d->hash = apdu->data;
        d->len = apdu->nc;
        return HSM_OK;
    }
    d->id = hash_of(apdu->p2);
    d->hash = d->own;
    d->len = crypto_hash_len(d->id);
    return crypto_hash(d->id, apdu->data, apdu->nc, d->own);
}

static int encode_pkcs1(const struct apdu *apdu, size_t k, uint8_t *em) {
    if (!hashes_on_card(apdu->p2)) {
        return crypto_pkcs1_pad(apdu->data, apdu->nc, k, em);
    }
    struct digest d;
    uint8_t info[19 + CRYPTO_HASH_MAX];
    int rc = make_digest(apdu, &d);
    if (rc == HSM_OK) {
        rc = crypto_pkcs1_pad(info, crypto_pkcs1_digest_info(d.id, d.hash, info), k, em);
    }
    return rc;
}

/*
 * SHAn-RSA-PKCS-PSS of OpenSC 0.23 hashes on the host and then sends a whole DigestInfo. No DigestInfo is as
 * long as a hash, so nothing is ambiguous.
 */
static void take_from_digest_info(struct digest *d) {
    uint8_t info[19 + CRYPTO_HASH_MAX];
    for (uint8_t n = 1; n <= 5; n++) {
        size_t hash_len = crypto_hash_len(hash_of(n));
        if (d->len <= hash_len) {
            continue;
        }
        const uint8_t *hash = d->hash + d->len - hash_len;
        if (crypto_pkcs1_digest_info(hash_of(n), hash, info) == d->len &&
            memcmp(info, d->hash, d->len) == 0) {
            d->hash = hash;
            d->len = hash_len;
            return;
        }
    }
}

static int encode_pss(struct hsm *hsm, const struct apdu *apdu, size_t bits, uint8_t *em) {
    struct digest d;
    int rc = make_digest(apdu, &d);
    if (rc == HSM_OK && !hashes_on_card(apdu->p2)) {
        take_from_digest_info(&d);
        rc = hash_by_length(d.len, &d.id);
    }
    return rc == HSM_OK ? crypto_pss_encode(d.id, d.hash, d.len, bits, &hsm->rng, em) : rc;
}

static int sign_rsa(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key key;
    int rc = key_load_for(hsm, apdu->p1, KEY_RSA, apdu->p2, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    size_t k = key.bits / 8u;
    uint8_t *em = key_work(hsm);
    const uint8_t *input = em;
    switch (apdu->p2 & 0xF0) {
    case P2_RSA_RAW:
        rc = apdu->nc == k ? HSM_OK : HSM_ERR_LENGTH;
        input = apdu->data;
        break;
    case P2_RSA_PKCS1:
        rc = encode_pkcs1(apdu, k, em);
        break;
    default:
        rc = encode_pss(hsm, apdu, key.bits, em);
        break;
    }
    uint8_t *signature = rc == HSM_OK ? writer_reserve(out, k) : NULL;
    if (signature != NULL) {
        rc = crypto_rsa_raw(key.secret, key.secret_len, &hsm->rng, input, signature);
    }
    return rc;
}

static int sign_ec(struct hsm *hsm, const struct apdu *apdu, uint8_t p2, struct writer *out) {
    struct key key;
    struct digest d;
    uint8_t r[CRYPTO_EC_FIELD_MAX];
    uint8_t s[CRYPTO_EC_FIELD_MAX];
    uint8_t der[CRYPTO_EC_DER_MAX];
    size_t len;
    int rc = key_load_for(hsm, apdu->p1, KEY_EC, p2, &key);
    if (rc == HSM_OK && crypto_ec_is_montgomery(key.curve)) {
        rc = HSM_ERR_UNSUPPORTED;
    }
    if (rc == HSM_OK) {
        rc = make_digest(apdu, &d);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    do {
        rc = crypto_ecdsa_sign(key.curve, &hsm->rng, key.secret, d.hash, d.len, r, s);
        if (rc != HSM_OK) {
            return rc;
        }
        len = crypto_ecdsa_der(r, s, crypto_ec_field_len(key.curve), der);
    } while (key.curve == CRYPTO_SECP521R1 && len < P521_DER_MIN);
    writer_put(out, der, len);
    return HSM_OK;
}

int cmd_sign(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    uint8_t p2 = apdu->p2;
    if (p2 == P2_RSA_RAW || (p2 >= P2_RSA_PKCS1 && p2 <= P2_RSA_PKCS1 + 5) ||
        (p2 >= P2_RSA_PSS && p2 <= P2_RSA_PSS + 5)) {
        return sign_rsa(hsm, apdu, out);
    }
    if (p2 >= P2_ECDSA && p2 <= P2_ECDSA + 5) {
        return sign_ec(hsm, apdu, p2, out);
    }
    if (p2 == P2_DEFAULT) {
        return sign_ec(hsm, apdu, P2_ECDSA, out);
    }
    int rc = key_exists(hsm, apdu->p1);
    return rc == HSM_OK ? HSM_ERR_UNSUPPORTED : rc;
}
