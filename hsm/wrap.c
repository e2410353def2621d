// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* WRAP KEY and UNWRAP KEY (docs/protocol.md, "WRAP and UNWRAP"). */

#include <string.h>

#include "hsm/command.h"
#include "hsm/companions.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/key.h"
#include "hsm/keyblob.h"
#include "hsm/record.h"
#include "hsm/session.h"

#define ALGORITHM_WRAP 0x92u

int cmd_wrap(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    struct key key;
    uint8_t kenc[32];
    uint8_t kmac[32];
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    if (config.mode == DOMAINS_NONE) {
        return HSM_ERR_INS;
    }
    if ((FID_KEY | apdu->p1) == FID_DEVICE_KEY) {
        return HSM_ERR_CONDITIONS;
    }
    rc = key_load(hsm, apdu->p1, &key);
    if (rc == HSM_OK && key.algorithms_len != 0 &&
        memchr(key.algorithms, ALGORITHM_WRAP, key.algorithms_len) == NULL) {
        rc = HSM_ERR_CONDITIONS;
    }
    if (rc == HSM_OK) {
        rc = key.domain < config.domains ? domain_load(hsm, key.domain, &domain) : HSM_ERR_REFERENCE;
    }
    if (rc == HSM_OK) {
        rc = domain_keys(hsm, &domain, kenc, kmac);
    }
    if (rc == HSM_OK) {
        rc = keyblob_export(hsm, &key, domain.kcv, kenc, kmac, out);
    }
    crypto_wipe(kenc, sizeof kenc);
    crypto_wipe(kmac, sizeof kmac);
    return rc;
}

/* The domain whose DKEK has the blob's KCV. 6A88 when no domain has a key at all, 6A80 when none fits. */
static int find_domain(struct hsm *hsm, const struct config *config, const uint8_t *kcv, uint8_t *number,
                       struct domain *domain) {
    int result = HSM_ERR_REFERENCE;
    for (uint8_t i = 0; i < config->domains; i++) {
        int rc = domain_load(hsm, i, domain);
        if (rc == HSM_ERR_REFERENCE || (rc == HSM_OK && !domain->complete)) {
            continue;
        }
        if (rc != HSM_OK) {
            return rc;
        }
        if (memcmp(domain->kcv, kcv, KCV_LEN) == 0) {
            *number = i;
            return HSM_OK;
        }
        result = HSM_ERR_DATA;
    }
    return result;
}

static int unwrap(struct hsm *hsm, uint8_t id, const uint8_t *data, size_t len, struct writer *out) {
    struct config config;
    struct domain domain;
    struct keyblob blob;
    struct key key = {.id = id};
    uint8_t pub[1 + CRYPTO_RSA_EXP_MAX + CRYPTO_RSA_LEN_MAX];
    uint8_t kenc[32];
    uint8_t kmac[32];
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    if (config.mode == DOMAINS_NONE) {
        return HSM_ERR_INS;
    }
    rc = keyblob_parse(data, len, &blob);
    if (rc == HSM_OK) {
        rc = find_domain(hsm, &config, blob.kcv, &key.domain, &domain);
    }
    if (rc == HSM_OK) {
        rc = domain_keys(hsm, &domain, kenc, kmac);
    }
    if (rc == HSM_OK) {
        rc = keyblob_import(hsm, data, &blob, kenc, kmac, &key, pub, sizeof pub);
    }
    crypto_wipe(kenc, sizeof kenc);
    crypto_wipe(kmac, sizeof kmac);
    if (rc == HSM_OK) {
        rc = key_save(hsm, &key, 0);
    }
    return rc == HSM_OK ? companions_restore(hsm, &key, out) : rc;
}

/*
 * The blob stands in the command (OpenSC up to 0.23) or was written to EF 2F10 before (since 0.24); the EF is
 * empty afterwards either way. A key with the same id is replaced.
 */
int cmd_unwrap(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    if (apdu->p1 == 0) {
        return HSM_ERR_P1P2;
    }
    int rc = apdu->nc != 0 ? unwrap(hsm, apdu->p1, apdu->data, apdu->nc, out)
                           : unwrap(hsm, apdu->p1, hsm->blob, hsm->blob_len, out);
    session_blob_clear(hsm);
    return rc;
}
