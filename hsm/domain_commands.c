// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* KEY DOMAIN commands (80 52): status, DKEK shares, and the life of domains (docs/protocol.md, "Key
 * domains"). */

#include <string.h>

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/domain.h"
#include "hsm/key.h"
#include "hsm/record.h"
#include "hsm/vault.h"

/* A card without DKEK answers 6D00 to every form: the only answer that OpenSC takes as "has none". */
int domain_check(struct hsm *hsm, uint8_t number, struct config *config) {
    int rc = config_load(hsm, config);
    if (rc != HSM_OK) {
        return rc;
    }
    if (config->mode == DOMAINS_NONE) {
        return HSM_ERR_INS;
    }
    return number < config->domains ? HSM_OK : HSM_ERR_P1P2;
}

void domain_put_status(const struct domain *domain, struct writer *out) {
    static const uint8_t no_kcv[KCV_LEN];
    writer_u8(out, domain->total);
    writer_u8(out, domain->outstanding);
    writer_put(out, domain->complete ? domain->kcv : no_kcv, KCV_LEN);
    writer_put(out, domain->uid, domain->uid_len);
}

int cmd_domain_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc == HSM_OK) {
        rc = domain_load(hsm, apdu->p2, &domain);
    }
    if (rc == HSM_OK) {
        domain_put_status(&domain, out);
    }
    return rc;
}

/* Imports one share, in any order, without login: as real cards do, and as OpenSC expects. */
int cmd_domain_import_share(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc == HSM_OK) {
        rc = domain_load(hsm, apdu->p2, &domain);
        rc = rc == HSM_ERR_REFERENCE ? HSM_ERR_NOT_ALLOWED : rc;
    }
    if (rc == HSM_OK && domain.outstanding == 0) {
        rc = HSM_ERR_CONDITIONS;
    }
    if (rc != HSM_OK) {
        return rc;
    }
    for (size_t i = 0; i < DKEK_LEN; i++) {
        domain.sum[i] ^= apdu->data[i];
    }
    domain.outstanding--;
    if (domain.outstanding == 0) {
        uint8_t dkek[DKEK_LEN];
        memcpy(dkek, domain.sum, sizeof dkek);
        rc = domain_complete(hsm, &domain, dkek);
        crypto_wipe(dkek, sizeof dkek);
    }
    if (rc == HSM_OK) {
        rc = domain_save(hsm, apdu->p2, &domain);
    }
    if (rc == HSM_OK) {
        domain_put_status(&domain, out);
    }
    crypto_wipe(&domain, sizeof domain);
    return rc;
}

int cmd_domain_create(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    rc = domain_load(hsm, apdu->p2, &domain);
    if (rc == HSM_OK) {
        return HSM_ERR_EXISTS;
    }
    if (rc != HSM_ERR_REFERENCE) {
        return rc;
    }
    if (apdu->data[0] == 0) {
        return HSM_ERR_DATA;
    }
    domain = (struct domain){.total = apdu->data[0], .outstanding = apdu->data[0]};
    rc = domain_save(hsm, apdu->p2, &domain);
    if (rc == HSM_OK) {
        domain_put_status(&domain, out);
    }
    return rc;
}

/* Does any key belong to the domain? */
static int domain_in_use(struct hsm *hsm, uint8_t number) {
    uint16_t fid = FID_DEVICE_KEY;
    int rc;
    while ((rc = store_next(hsm->store, fid, &fid)) == STORE_OK && fid <= (FID_KEY | 0xFF)) {
        struct key key;
        rc = key_peek(hsm, (uint8_t)fid, &key);
        if (rc != HSM_OK) {
            return rc;
        }
        if (key.domain == number) {
            return HSM_ERR_EXISTS;
        }
    }
    return rc == STORE_OK || rc == STORE_ERR_NOT_FOUND ? HSM_OK : store_result(rc);
}

int cmd_domain_delete(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct config config;
    struct domain domain;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc == HSM_OK) {
        rc = domain_load(hsm, apdu->p2, &domain);
    }
    if (rc == HSM_OK) {
        rc = domain_in_use(hsm, apdu->p2);
    }
    return rc == HSM_OK ? store_result(store_del(hsm->store, (uint16_t)(RECORD_DOMAIN + apdu->p2))) : rc;
}

/* Forgets the key: all shares have to be imported again. Keys of the domain stay, and can be exported again
 * afterwards. */
int cmd_domain_delete_key(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct domain domain;
    int rc = domain_check(hsm, apdu->p2, &config);
    if (rc == HSM_OK) {
        rc = domain_load(hsm, apdu->p2, &domain);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    domain.outstanding = domain.total;
    domain.complete = false;
    memset(domain.kcv, 0, sizeof domain.kcv);
    crypto_wipe(domain.sum, sizeof domain.sum);
    crypto_wipe(domain.box, sizeof domain.box);
    rc = domain_save(hsm, apdu->p2, &domain);
    if (rc == HSM_OK) {
        domain_put_status(&domain, out);
    }
    return rc;
}
