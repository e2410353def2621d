// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/domain.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "hsm/record.h"
#include "hsm/vault.h"

/* P-256: the fastest curve on both bodies, and only used inside the card. */
#define BOX_CURVE CRYPTO_SECP256R1
#define BOX_POINT_LEN 65u
#define BOX_SECRET_LEN 32u

#define FLAG_COMPLETE 0x01u
#define FLAG_XKEK 0x02u

/* total, outstanding, flags, KCV, sum, UID length, UID, box */
#define DOMAIN_RECORD_LEN (3u + KCV_LEN + DKEK_LEN + 1u + DOMAIN_UID_MAX + sizeof((struct domain *)0)->box)
_Static_assert(DOMAIN_RECORD_LEN <= VAULT_SMALL_MAX, "a domain fits a small record");

int domain_load(struct hsm *hsm, uint8_t number, struct domain *domain) {
    uint8_t raw[DOMAIN_RECORD_LEN];
    int rc = vault_get_small(hsm, SEAL_DEVICE, (uint16_t)(RECORD_DOMAIN + number), raw, sizeof raw);
    if (rc != HSM_OK) {
        return rc;
    }
    struct reader r;
    reader_init(&r, raw, sizeof raw);
    domain->total = reader_u8(&r);
    domain->outstanding = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    domain->complete = (flags & FLAG_COMPLETE) != 0;
    domain->xkek = (flags & FLAG_XKEK) != 0;
    memcpy(domain->kcv, reader_take(&r, KCV_LEN), KCV_LEN);
    memcpy(domain->sum, reader_take(&r, DKEK_LEN), DKEK_LEN);
    domain->uid_len = reader_u8(&r);
    memcpy(domain->uid, reader_take(&r, DOMAIN_UID_MAX), DOMAIN_UID_MAX);
    memcpy(domain->box, reader_take(&r, sizeof domain->box), sizeof domain->box);
    crypto_wipe(raw, sizeof raw);
    return domain->uid_len <= DOMAIN_UID_MAX ? HSM_OK : HSM_ERR_INTEGRITY;
}

int domain_save(struct hsm *hsm, uint8_t number, const struct domain *domain) {
    uint8_t raw[DOMAIN_RECORD_LEN];
    struct writer w;
    writer_init(&w, raw, sizeof raw);
    writer_u8(&w, domain->total);
    writer_u8(&w, domain->outstanding);
    writer_u8(&w, (uint8_t)((domain->complete ? FLAG_COMPLETE : 0) | (domain->xkek ? FLAG_XKEK : 0)));
    writer_put(&w, domain->kcv, KCV_LEN);
    writer_put(&w, domain->sum, DKEK_LEN);
    writer_u8(&w, domain->uid_len);
    writer_put(&w, domain->uid, DOMAIN_UID_MAX);
    writer_put(&w, domain->box, sizeof domain->box);
    int rc = vault_put_small(hsm, SEAL_DEVICE, (uint16_t)(RECORD_DOMAIN + number), raw, w.len);
    crypto_wipe(raw, sizeof raw);
    return rc;
}

int domain_box_create(struct hsm *hsm) {
    uint8_t priv[BOX_SECRET_LEN];
    uint8_t pub[BOX_POINT_LEN];
    int rc = crypto_ec_generate(BOX_CURVE, &hsm->rng, priv, pub);
    if (rc == HSM_OK) {
        rc = vault_put_small(hsm, SEAL_DEVICE, RECORD_BOX_PUBLIC, pub, sizeof pub);
    }
    if (rc == HSM_OK) {
        rc = vault_put_small(hsm, SEAL_USER, RECORD_BOX_PRIVATE, priv, sizeof priv);
    }
    crypto_wipe(priv, sizeof priv);
    return rc;
}

/* Both ends derive the sealing key from the shared secret and both public points. It is used once, so the
 * nonce is fixed. */
static int box_key(const uint8_t shared[BOX_SECRET_LEN], const uint8_t *ephemeral, const uint8_t *recipient,
                   uint8_t key[32]) {
    static const char purpose[] = "TwinHSM DKEK box 1";
    uint8_t info[sizeof purpose - 1 + 2 * BOX_POINT_LEN];
    memcpy(info, purpose, sizeof purpose - 1);
    memcpy(info + sizeof purpose - 1, ephemeral, BOX_POINT_LEN);
    memcpy(info + sizeof purpose - 1 + BOX_POINT_LEN, recipient, BOX_POINT_LEN);
    return crypto_hkdf(CRYPTO_SHA256, NULL, 0, shared, BOX_SECRET_LEN, info, sizeof info, key, 32);
}

static const uint8_t zero_nonce[CRYPTO_GCM_NONCE];

int domain_complete(struct hsm *hsm, struct domain *domain, const uint8_t dkek[DKEK_LEN]) {
    uint8_t recipient[BOX_POINT_LEN];
    uint8_t priv[BOX_SECRET_LEN];
    uint8_t shared[BOX_SECRET_LEN];
    uint8_t key[32];
    uint8_t *ephemeral = domain->box;
    uint8_t *tag = domain->box + BOX_POINT_LEN;
    uint8_t *sealed = tag + CRYPTO_GCM_TAG;
    int rc = vault_get_small(hsm, SEAL_DEVICE, RECORD_BOX_PUBLIC, recipient, sizeof recipient);
    if (rc == HSM_OK) {
        rc = crypto_ec_generate(BOX_CURVE, &hsm->rng, priv, ephemeral);
    }
    if (rc == HSM_OK) {
        rc = crypto_ecdh(BOX_CURVE, &hsm->rng, priv, recipient, sizeof recipient, shared);
    }
    if (rc == HSM_OK) {
        rc = box_key(shared, ephemeral, recipient, key);
    }
    if (rc == HSM_OK) {
        rc = crypto_gcm_seal(key, zero_nonce, NULL, 0, dkek, DKEK_LEN, sealed, tag);
    }
    if (rc == HSM_OK) {
        rc = domain_kcv(dkek, domain->kcv);
    }
    if (rc == HSM_OK) {
        domain->complete = true;
        domain->outstanding = 0;
        crypto_wipe(domain->sum, sizeof domain->sum);
    }
    crypto_wipe(priv, sizeof priv);
    crypto_wipe(shared, sizeof shared);
    crypto_wipe(key, sizeof key);
    return rc;
}

int domain_keys(struct hsm *hsm, const struct domain *domain, uint8_t kenc[32], uint8_t kmac[32]) {
    uint8_t recipient[BOX_POINT_LEN];
    uint8_t priv[BOX_SECRET_LEN];
    uint8_t shared[BOX_SECRET_LEN];
    uint8_t key[32];
    uint8_t dkek[DKEK_LEN];
    const uint8_t *tag = domain->box + BOX_POINT_LEN;
    const uint8_t *sealed = tag + CRYPTO_GCM_TAG;
    if (!domain->complete) {
        return HSM_ERR_REFERENCE;
    }
    int rc = vault_get_small(hsm, SEAL_USER, RECORD_BOX_PRIVATE, priv, sizeof priv);
    if (rc == HSM_OK) {
        rc = vault_get_small(hsm, SEAL_DEVICE, RECORD_BOX_PUBLIC, recipient, sizeof recipient);
    }
    if (rc == HSM_OK) {
        rc = crypto_ecdh(BOX_CURVE, &hsm->rng, priv, domain->box, BOX_POINT_LEN, shared);
    }
    if (rc == HSM_OK) {
        rc = box_key(shared, domain->box, recipient, key);
    }
    if (rc == HSM_OK && crypto_gcm_open(key, zero_nonce, NULL, 0, sealed, DKEK_LEN, tag, dkek) != HSM_OK) {
        rc = HSM_ERR_INTEGRITY;
    }
    if (rc == HSM_OK) {
        rc = domain_blob_keys(dkek, kenc, kmac);
    }
    crypto_wipe(priv, sizeof priv);
    crypto_wipe(shared, sizeof shared);
    crypto_wipe(key, sizeof key);
    crypto_wipe(dkek, sizeof dkek);
    return rc;
}

int domain_kcv(const uint8_t dkek[DKEK_LEN], uint8_t kcv[KCV_LEN]) {
    uint8_t digest[32];
    int rc = crypto_hash(CRYPTO_SHA256, dkek, DKEK_LEN, digest);
    memcpy(kcv, digest, KCV_LEN);
    crypto_wipe(digest, sizeof digest);
    return rc;
}

int domain_blob_keys(const uint8_t dkek[DKEK_LEN], uint8_t kenc[32], uint8_t kmac[32]) {
    static const uint8_t enc_counter[4] = {0, 0, 0, 1};
    static const uint8_t mac_counter[4] = {0, 0, 0, 2};
    struct crypto_part enc[] = {{dkek, DKEK_LEN}, {enc_counter, sizeof enc_counter}};
    struct crypto_part mac[] = {{dkek, DKEK_LEN}, {mac_counter, sizeof mac_counter}};
    int rc = crypto_hash_parts(CRYPTO_SHA256, enc, 2, kenc);
    return rc == HSM_OK ? crypto_hash_parts(CRYPTO_SHA256, mac, 2, kmac) : rc;
}
