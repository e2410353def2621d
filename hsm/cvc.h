// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CVC_H
#define HSM_CVC_H

/*
 * Card-verifiable certificates and authenticated certificate requests (BSI TR-03110-3, Appendix C;
 * docs/protocol.md, "Card-verifiable certificates").
 */

#include "hsm/buf.h"
#include "hsm/crypto/ec.h"
#include "hsm/hsm.h"
#include "hsm/key.h"

/* A name: CHR or CAR, 8 to HSM_CHR_MAX characters. */
struct cvc_name {
    const uint8_t *text;
    size_t len;
};

/*
 * cvc_put_request: appends the authenticated request (67) of a key: self-signed body, then signed by the
 * device key when the key was `made_here`, else by the key itself: the device's signature says that nobody
 * else has ever had the private key. The key must have been saved: its secret is used first, then
 * hsm->scratch is overwritten by the device key, and `key` with it. `car` may be empty: the device's name
 * then stands in the body. Returns 0 or an error of key_load or hsm/crypto.
 */
int cvc_put_request(struct hsm *hsm, const struct key *key, bool made_here, struct cvc_name car,
                    struct cvc_name chr, struct writer *out);

/* What a certificate (7F21) says; pointers lead into the bytes given. */
struct cvc {
    struct cvc_name car;
    struct cvc_name chr;
    const uint8_t *body; /* the whole 7F4E object, which the signature covers */
    size_t body_len;
    const uint8_t *key; /* contents of 7F49 */
    size_t key_len;
    const uint8_t *extensions; /* contents of 65, NULL when absent */
    size_t extensions_len;
    const uint8_t *signature; /* contents of 5F37, r || s */
    size_t signature_len;
};

/* cvc_parse: splits the contents of 7F21 (7F4E and 5F37). Returns 0 or HSM_ERR_DATA. */
int cvc_parse(const uint8_t *data, size_t len, struct cvc *cvc);

/* An EC public key as certificates carry it. */
struct cvc_public {
    enum crypto_curve curve;
    uint8_t point[CRYPTO_EC_POINT_MAX];
    size_t len;
};

/*
 * cvc_public_key: the public key of 7F49; where the domain parameters are left out, `inherited` gives the
 * curve. Returns 0, HSM_ERR_DATA, HSM_ERR_UNSUPPORTED (RSA, or a curve not known).
 */
int cvc_public_key(const uint8_t *key, size_t len, enum crypto_curve inherited, struct cvc_public *pub);

/* cvc_verify: checks `signature` (r || s, ECDSA with SHA-256) over the concatenation of two parts. Returns 0
 * or HSM_ERR_AUTH. */
int cvc_verify(const struct cvc_public *pub, const uint8_t *first, size_t first_len, const uint8_t *second,
               size_t second_len, const uint8_t *signature, size_t signature_len);

/* What a self-made certificate needs. */
struct cvc_template {
    struct cvc_name car;
    struct cvc_name chr;
    uint8_t rights;         /* 00 device, 80 issuer, C0 root */
    bool domain_parameters; /* whole curve in 7F49, as the root carries it */
    enum crypto_curve curve;
    const uint8_t *point;
    struct hsm_date from;
    struct hsm_date until;
};

/* cvc_put_certificate: appends a certificate signed by `issuer_key` (private key on the same curve). */
int cvc_put_certificate(struct hsm *hsm, const struct cvc_template *template, const uint8_t *issuer_key,
                        struct writer *out);

/* cvc_device_key: the public key and CHR of the device certificate, the first in EF 2F02; `buf` of
 * HSM_CVC_MAX bytes holds it. */
int cvc_device_certificate(struct hsm *hsm, uint8_t *buf, size_t cap, struct cvc *cvc);

#endif
