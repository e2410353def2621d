// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Public key authentication: commands 80 54 and EXTERNAL AUTHENTICATE (docs/public-key-authentication.md). */

#include "hsm/pka.h"

#include <string.h>

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/cvc.h"
#include "hsm/domain.h"
#include "hsm/pin.h"
#include "hsm/record.h"
#include "hsm/trust.h"
#include "hsm/vault.h"

/* A registered key as it is stored. */
struct pka_key {
    uint8_t name_len;
    uint8_t name[HSM_CHR_MAX]; /* CHR of its request */
    uint8_t curve;             /* enum crypto_curve */
    uint8_t point_len;
    uint8_t point[HSM_POINT_MAX];
};
_Static_assert(HSM_POINT_MAX == CRYPTO_EC_POINT_MAX, "a stored point takes any curve");
_Static_assert(RECORD_PKA_KEY + HSM_PKA_KEYS_MAX - 1 == RECORD_PKA_KEY_LAST, "a record for every slot");

static int load_key(struct hsm *hsm, uint8_t slot, struct pka_key *key) {
    int rc = vault_get_small(hsm, SEAL_DEVICE, (uint16_t)(RECORD_PKA_KEY + slot), key, sizeof *key);
    bool broken = key->name_len > sizeof key->name || key->point_len > sizeof key->point;
    return rc == HSM_OK && broken ? HSM_ERR_INTEGRITY : rc;
}

static uint8_t count_authenticated(const struct hsm *hsm) {
    uint8_t n = 0;
    for (uint8_t slot = 0; slot < HSM_PKA_KEYS_MAX; slot++) {
        n = (uint8_t)(n + (pka_is_authenticated(hsm, slot) ? 1 : 0));
    }
    return n;
}

static void set_authenticated(struct hsm *hsm, uint8_t slot, bool yes) {
    uint32_t bit = 1u << slot % 32;
    uint32_t *word = &hsm->pka_authenticated[slot / 32];
    *word = yes ? *word | bit : *word & ~bit;
}

bool pka_is_authenticated(const struct hsm *hsm, uint8_t slot) {
    return (hsm->pka_authenticated[slot / 32] & 1u << slot % 32) != 0;
}

/* Who may act as user: without public keys the PIN; with option 0010 the PIN and the keys, else either. */
static bool right_in_force(const struct hsm *hsm, const struct config *config) {
    if (config->pka_total == 0) {
        return hsm->pin_verified;
    }
    bool enough = count_authenticated(hsm) >= config->pka_required;
    return (config->options & OPTION_PIN_AND_PKA) != 0 ? hsm->pin_verified && enough
                                                       : hsm->pin_verified || enough;
}

void pka_update_rights(struct hsm *hsm) {
    struct config config;
    bool right = config_load(hsm, &config) == HSM_OK && right_in_force(hsm, &config);
    if (right && !hsm->master_valid) {
        right =
            vault_get_small(hsm, SEAL_DEVICE, RECORD_MASTER_PKA, hsm->master, sizeof hsm->master) == HSM_OK;
        hsm->master_valid = right;
    }
    hsm->user_verified = right;
}

int pka_pending(struct hsm *hsm) {
    struct config config;
    struct pin_state pin;
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK || config.pka_total == 0 || hsm->user_verified) {
        return rc;
    }
    if (hsm->pin_verified) {
        return HSM_ERR_NOT_YET_AUTH;
    }
    rc = pin_state(hsm, RECORD_PIN_USER, &pin);
    return rc == HSM_ERR_REFERENCE ? HSM_ERR_NOT_YET_AUTH : rc;
}

int pka_find(struct hsm *hsm, const uint8_t *name, size_t len) {
    struct config config;
    int rc = config_load(hsm, &config);
    for (uint8_t slot = 0; rc == HSM_OK && slot < config.pka_total; slot++) {
        struct pka_key key;
        rc = load_key(hsm, slot, &key);
        if (rc == HSM_OK && key.name_len == len && memcmp(key.name, name, len) == 0) {
            return slot;
        }
        rc = rc == HSM_ERR_REFERENCE ? HSM_OK : rc;
    }
    return rc == HSM_OK ? HSM_ERR_REFERENCE : rc;
}

/* The configuration of a card with public key authentication; any other answers 6D00, which OpenSC takes for
 * "has none". */
static int pka_config(struct hsm *hsm, struct config *config) {
    int rc = config_load(hsm, config);
    return rc == HSM_OK && config->pka_total == 0 ? HSM_ERR_INS : rc;
}

/* Total, still to be registered, needed, authenticated. */
static int put_status(struct hsm *hsm, const struct config *config, struct writer *out) {
    uint8_t missing = 0;
    for (uint8_t slot = 0; slot < config->pka_total; slot++) {
        struct pka_key key;
        int rc = load_key(hsm, slot, &key);
        if (rc != HSM_OK && rc != HSM_ERR_REFERENCE) {
            return rc;
        }
        missing = (uint8_t)(missing + (rc == HSM_OK ? 0 : 1));
    }
    writer_u8(out, config->pka_total);
    writer_u8(out, missing);
    writer_u8(out, config->pka_required);
    writer_u8(out, count_authenticated(hsm));
    return HSM_OK;
}

int cmd_pka_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)apdu;
    struct config config;
    int rc = pka_config(hsm, &config);
    return rc == HSM_OK ? put_status(hsm, &config, out) : rc;
}

static int any_record(struct hsm *hsm, uint16_t first, uint16_t last, bool *any) {
    uint16_t id;
    int rc = store_next(hsm->store, (uint16_t)(first - 1), &id);
    *any = *any || (rc == STORE_OK && id <= last);
    return rc == STORE_OK || rc == STORE_ERR_NOT_FOUND ? HSM_OK : store_result(rc);
}

/* Has a share of a DKEK, or an agreed key, come from outside? */
static int any_kek_given(struct hsm *hsm, const struct config *config, bool *any) {
    for (uint8_t number = 0; number < config->domains; number++) {
        struct domain domain;
        int rc = domain_load(hsm, number, &domain);
        if (rc == HSM_ERR_REFERENCE) {
            continue;
        }
        if (rc != HSM_OK) {
            return rc;
        }
        *any = *any || domain.xkek || domain.outstanding < domain.total;
        crypto_wipe(&domain, sizeof domain);
    }
    return HSM_OK;
}

/*
 * Keys have to be registered before anybody can log in with them, and the tools that register do not log in
 * first. So a card that holds nothing yet that the user's right would open lets anybody register; from then
 * on only the user.
 */
static int may_register(struct hsm *hsm, const struct config *config) {
    bool secrets = false;
    if (hsm->user_verified) {
        return HSM_OK;
    }
    int rc = any_record(hsm, FID_DEVICE_KEY + 1, FID_KEY | 0xFF, &secrets);
    if (rc == HSM_OK) {
        rc = any_record(hsm, FID_DATA_PROTECTED, FID_DATA_PROTECTED | 0xFF, &secrets);
    }
    if (rc == HSM_OK) {
        rc = any_kek_given(hsm, config, &secrets);
    }
    return rc == HSM_OK && secrets ? HSM_ERR_SECURITY : rc;
}

static int check_request(struct hsm *hsm, const struct apdu *apdu, struct pka_key *key) {
    struct trust_request request;
    int rc = trust_check_request(hsm, apdu->data, apdu->nc, &request);
    if (rc == HSM_OK && request.rest_len != 0) {
        rc = HSM_ERR_DATA;
    }
    if (rc == HSM_OK) {
        memset(key, 0, sizeof *key);
        key->name_len = (uint8_t)request.cvc.chr.len;
        memcpy(key->name, request.cvc.chr.text, request.cvc.chr.len);
        key->curve = (uint8_t)request.pub.curve;
        key->point_len = (uint8_t)request.pub.len;
        memcpy(key->point, request.pub.point, request.pub.len);
    }
    return rc;
}

/*
 * Puts the key into `slot`, or into the first free one when that is negative. A key or a name that is there
 * already in another slot is refused: one custodian would count twice, or MANAGE SE would not know which one
 * is meant.
 */
static int put_key(struct hsm *hsm, const struct config *config, const struct pka_key *key, int slot) {
    for (uint8_t i = 0; i < config->pka_total; i++) {
        struct pka_key other;
        int rc = load_key(hsm, i, &other);
        if (rc == HSM_ERR_REFERENCE) {
            slot = slot < 0 ? i : slot;
            continue;
        }
        if (rc != HSM_OK) {
            return rc;
        }
        bool same_name = other.name_len == key->name_len && memcmp(other.name, key->name, key->name_len) == 0;
        bool same_key =
            other.point_len == key->point_len && memcmp(other.point, key->point, key->point_len) == 0;
        if (i != slot && (same_name || same_key)) {
            return HSM_ERR_EXISTS;
        }
    }
    if (slot < 0) {
        return HSM_ERR_FULL;
    }
    return vault_put_small(hsm, SEAL_DEVICE, (uint16_t)(RECORD_PKA_KEY + slot), key, sizeof *key);
}

int cmd_pka_register(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct pka_key key;
    int rc = pka_config(hsm, &config);
    if (rc == HSM_OK) {
        rc = may_register(hsm, &config);
    }
    if (rc == HSM_OK) {
        rc = check_request(hsm, apdu, &key);
    }
    if (rc == HSM_OK) {
        rc = put_key(hsm, &config, &key, -1);
    }
    return rc == HSM_OK ? put_status(hsm, &config, out) : rc;
}

/* Option bit 0008 is also part of a session PIN mode; with 0004 beside it, it means that. */
static bool replacing_allowed(const struct config *config) {
    return (config->options & (OPTION_REPLACE_PKA_KEY | OPTION_SESSION_PIN)) == OPTION_REPLACE_PKA_KEY;
}

/* Replaces the key in slot P2. What the old one signed in this session counts no more. */
int cmd_pka_replace(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct pka_key key;
    struct pka_key old;
    int rc = pka_config(hsm, &config);
    if (rc == HSM_OK && !replacing_allowed(&config)) {
        rc = HSM_ERR_CONDITIONS;
    }
    if (rc == HSM_OK && apdu->p2 >= config.pka_total) {
        rc = HSM_ERR_P1P2;
    }
    if (rc == HSM_OK) {
        rc = load_key(hsm, apdu->p2, &old);
    }
    if (rc == HSM_OK) {
        rc = check_request(hsm, apdu, &key);
    }
    if (rc == HSM_OK) {
        rc = put_key(hsm, &config, &key, apdu->p2);
    }
    if (rc == HSM_OK) {
        set_authenticated(hsm, apdu->p2, false);
        pka_update_rights(hsm);
        rc = put_status(hsm, &config, out);
    }
    return rc;
}

int cmd_pka_enumerate(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct config config;
    struct pka_key key;
    int rc = config_load(hsm, &config);
    if (rc == HSM_OK && apdu->p2 >= config.pka_total) {
        rc = HSM_ERR_P1P2;
    }
    if (rc == HSM_OK) {
        rc = load_key(hsm, apdu->p2, &key);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    writer_put(out, key.name, key.name_len);
    return pka_is_authenticated(hsm, apdu->p2) ? HSM_ERR_REGISTERED : HSM_OK;
}

/*
 * EXTERNAL AUTHENTICATE: the key that MANAGE SE chose signs device name || challenge. The challenge serves
 * one attempt of each key: custodians may share it, a wrong signature ends it.
 */
int cmd_external_authenticate(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct pka_key key;
    struct cvc_public pub;
    uint8_t name[HSM_CHR_MAX];
    if (hsm->se_at_slot < 0 || !hsm->challenge_valid) {
        return HSM_ERR_CONDITIONS;
    }
    uint8_t slot = (uint8_t)hsm->se_at_slot;
    hsm->se_at_slot = -1;
    int rc = load_key(hsm, slot, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    pub.curve = (enum crypto_curve)key.curve;
    pub.len = key.point_len;
    memcpy(pub.point, key.point, key.point_len);
    size_t name_len = trust_device_name(hsm, name);
    rc = cvc_verify(&pub, name, name_len, hsm->challenge, sizeof hsm->challenge, apdu->data, apdu->nc);
    if (rc != HSM_OK) {
        hsm->challenge_valid = false;
        return HSM_ERR_CONDITIONS;
    }
    set_authenticated(hsm, slot, true);
    pka_update_rights(hsm);
    return HSM_OK;
}
