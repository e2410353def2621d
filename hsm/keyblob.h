// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_KEYBLOB_H
#define HSM_KEYBLOB_H

/*
 * Key blobs: a key encrypted under a DKEK, the form in which keys leave one card and enter another
 * (docs/protocol.md, "Key blobs").
 */

#include "hsm/buf.h"
#include "hsm/domain.h"
#include "hsm/key.h"

/* A blob, split but not yet decrypted; pointers lead into its bytes. */
struct keyblob {
    const uint8_t *kcv; /* KCV_LEN bytes */
    uint8_t type;
    const uint8_t *algorithms;
    size_t algorithms_len;
    const uint8_t *ciphertext;
    size_t ciphertext_len;
    const uint8_t *mac; /* 16 bytes */
    size_t covered;     /* bytes under the MAC, from the start of the blob */
};

/* keyblob_parse: Returns 0 or HSM_ERR_DATA. */
int keyblob_parse(const uint8_t *data, size_t len, struct keyblob *blob);

/*
 * keyblob_export: appends the blob of `key`, which lies in the lower part of hsm->scratch; the upper is used
 * as work space. Type 05 for RSA, which holds for every size and every card; 0C for EC, 0F for AES.
 */
int keyblob_export(struct hsm *hsm, const struct key *key, const uint8_t kcv[KCV_LEN], const uint8_t kenc[32],
                   const uint8_t kmac[32], struct writer *out);

/*
 * keyblob_import: checks the MAC, decrypts, and fills `key` (type, sizes, secret, public half, algorithm
 * list); its secret goes to the lower part of hsm->scratch, its public half to `pub`. Returns 0, HSM_ERR_DATA
 * (MAC, contents), HSM_ERR_UNSUPPORTED (type, curve, size).
 */
int keyblob_import(struct hsm *hsm, const uint8_t *data, const struct keyblob *blob, const uint8_t kenc[32],
                   const uint8_t kmac[32], struct key *key, uint8_t *pub, size_t pub_cap);

#endif
