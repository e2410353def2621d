// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* DECIPHER (docs/protocol.md, "DECIPHER"): RSA decryption and ECDH. */

#include <string.h>

#include "hsm/command.h"
#include "hsm/crypto/util.h"
#include "hsm/key.h"
#include "hsm/xkek.h"

#define P2_RSA_RAW 0x21u
#define P2_RSA_PKCS1 0x22u
#define P2_RSA_OAEP 0x23u
#define P2_ECDH 0x80u
#define P2_XKEK 0x84u

static int decipher_rsa(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key key;
    int rc = key_load_for(hsm, apdu->p1, KEY_RSA, apdu->p2, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    size_t k = key.bits / 8u;
    if (apdu->nc != k) {
        return HSM_ERR_LENGTH;
    }
    uint8_t *em = key_work(hsm);
    uint8_t *message = em + CRYPTO_RSA_LEN_MAX;
    size_t len = k;
    rc = crypto_rsa_raw(key.secret, key.secret_len, &hsm->rng, apdu->data, em);
    if (rc != HSM_OK) {
        return rc;
    }
    switch (apdu->p2) {
    case P2_RSA_PKCS1:
        rc = crypto_pkcs1_unpad(em, k, message, &len);
        break;
    case P2_RSA_OAEP:
        rc = crypto_oaep_unpad(CRYPTO_SHA256, em, k, message, &len);
        break;
    default:
        message = em;
        break;
    }
    if (rc == HSM_OK) {
        writer_put(out, message, len);
    }
    return rc;
}

/*
 * The answer is 04 || X: clients drop the first byte and take the rest for the secret. The peer's point comes
 * with or without its 04.
 */
static int agree(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key key;
    uint8_t point[CRYPTO_EC_POINT_MAX];
    int rc = key_load_for(hsm, apdu->p1, KEY_EC, apdu->p2, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    size_t n = crypto_ec_field_len(key.curve);
    const uint8_t *peer = apdu->data;
    size_t peer_len = apdu->nc;
    if (!crypto_ec_is_montgomery(key.curve) && peer_len == 2 * n) {
        point[0] = 0x04;
        memcpy(point + 1, peer, peer_len);
        peer = point;
        peer_len++;
    }
    writer_u8(out, 0x04);
    uint8_t *secret = writer_reserve(out, n);
    if (secret == NULL) {
        return HSM_ERR_INTERNAL;
    }
    return crypto_ecdh(key.curve, &hsm->rng, key.secret, peer, peer_len, secret);
}

int cmd_decipher(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    switch (apdu->p2) {
    case P2_RSA_RAW:
    case P2_RSA_PKCS1:
    case P2_RSA_OAEP:
        return decipher_rsa(hsm, apdu, out);
    case P2_ECDH:
        return agree(hsm, apdu, out);
    case P2_XKEK:
        return xkek_agree(hsm, apdu);
    default: {
        int rc = key_exists(hsm, apdu->p1);
        return rc == HSM_OK ? HSM_ERR_UNSUPPORTED : rc;
    }
    }
}
