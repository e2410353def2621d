// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_DOMAIN_H
#define HSM_DOMAIN_H

/*
 * Key domains and their key encryption keys (DKEK). Shares are combined by XOR; the sum of those given so far
 * is kept under the device seal. With the last share the KCV is known at once, without a login: the complete
 * key is sealed to the card's box key, whose private half only the master key opens (docs/security.md, "DKEK
 * without login").
 */

#include "hsm/buf.h"
#include "hsm/config.h"
#include "hsm/hsm.h"

#define DKEK_LEN 32u
#define KCV_LEN 8u
#define DOMAIN_NO_DOMAIN 0xFFu /* domain of a key that belongs to none */
#define DOMAIN_UID_MAX 132u    /* X || Y of a group signer's public key, bytes */

struct domain {
    uint8_t total;       /* shares; 0 = random or agreed key */
    uint8_t outstanding; /* shares still missing */
    bool complete;       /* there is a key */
    bool xkek;           /* exchanged key encryption key: made by key agreement */
    uint8_t kcv[KCV_LEN];
    uint8_t sum[DKEK_LEN]; /* XOR of the shares so far; zero when complete */
    uint8_t uid_len;
    uint8_t uid[DOMAIN_UID_MAX];
    uint8_t box[65 + 16 + DKEK_LEN]; /* ephemeral point, tag, sealed DKEK; when complete */
};

/* domain_load: Returns 0, HSM_ERR_REFERENCE (not created), HSM_ERR_INTEGRITY, HSM_ERR_STORAGE. */
int domain_load(struct hsm *hsm, uint8_t number, struct domain *domain);

/* domain_save: a transaction must be open. */
int domain_save(struct hsm *hsm, uint8_t number, const struct domain *domain);

/* domain_box_create: makes the box key pair for a new master key (which must be in force); a transaction must
 * be open. */
int domain_box_create(struct hsm *hsm);

/* domain_complete: gives the domain its key: KCV, and the key sealed to the box. Does not save. */
int domain_complete(struct hsm *hsm, struct domain *domain, const uint8_t dkek[DKEK_LEN]);

/*
 * domain_keys: the keys for key blobs of a complete domain: Kenc and Kmac (docs/protocol.md, "Key blobs").
 * Needs the master key. Returns 0, HSM_ERR_REFERENCE (domain not complete), HSM_ERR_SECURITY,
 * HSM_ERR_INTEGRITY.
 */
int domain_keys(struct hsm *hsm, const struct domain *domain, uint8_t kenc[32], uint8_t kmac[32]);

/* domain_kcv: first 8 bytes of SHA-256 of the key. */
int domain_kcv(const uint8_t dkek[DKEK_LEN], uint8_t kcv[KCV_LEN]);

/* domain_blob_keys: Kenc and Kmac of a DKEK. */
int domain_blob_keys(const uint8_t dkek[DKEK_LEN], uint8_t kenc[32], uint8_t kmac[32]);

/*
 * domain_check: is `number` one of this card's domains? Reads the configuration on the way. Returns 0,
 * HSM_ERR_INS (card without DKEK and key domains), HSM_ERR_P1P2 (no such domain), or an error of the vault.
 */
int domain_check(struct hsm *hsm, uint8_t number, struct config *config);

/* domain_put_status: appends shares in all, shares missing, KCV, and the UID of an XKEK domain. */
void domain_put_status(const struct domain *domain, struct writer *out);

#endif
