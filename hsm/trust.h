// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_TRUST_H
#define HSM_TRUST_H

/*
 * The public keys that the card believes in: those of its own chain in EF 2F02, the development root while
 * that chain hangs on it, and those of certificates verified in this session (docs/certificates.md, "Which
 * keys are known").
 */

#include "hsm/cvc.h"
#include "hsm/hsm.h"

/* A known key. */
struct trust_key {
    struct cvc_public pub;
    uint8_t rights; /* of its holder: C0 root, 80 or 40 issuer, 00 device */
};

/*
 * trust_find: the known key whose holder is called `name` (CHR of its certificate). Overwrites hsm->scratch.
 * Returns 0, HSM_ERR_REFERENCE (not known), HSM_ERR_STORAGE.
 */
int trust_find(struct hsm *hsm, const uint8_t *name, size_t len, struct trust_key *key);

/*
 * trust_device_name: the name under which this device signs: the CHR of the first certificate in EF 2F02,
 * else the device id. `name` takes HSM_CHR_MAX bytes; returns its length. Overwrites the upper part of
 * hsm->scratch (key_work).
 */
size_t trust_device_name(struct hsm *hsm, uint8_t *name);

/* An authenticated request that a known device vouches for. Pointers lead into the data given. */
struct trust_request {
    struct cvc cvc;
    struct cvc_public pub; /* the key that the request is about */
    const uint8_t *rest;   /* what follows the request */
    size_t rest_len;
};

/*
 * trust_check_request: takes the contents of 67 (7F21, outer CAR, outer signature) apart and checks both
 * signatures: that of the device which the outer CAR names, and that of the key itself. Overwrites
 * hsm->scratch. Returns 0, HSM_ERR_DATA (malformed), HSM_ERR_REFERENCE (device not known),
 * HSM_ERR_UNSUPPORTED (not an EC key), HSM_ERR_AUTH.
 */
int trust_check_request(struct hsm *hsm, const uint8_t *data, size_t len, struct trust_request *request);

#endif
