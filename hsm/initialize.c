// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* INITIALIZE DEVICE (docs/protocol.md, "INITIALIZE DEVICE"): a fresh card under the SO-PIN. */

#include <string.h>

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/domain.h"
#include "hsm/pin.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/tlv.h"
#include "hsm/vault.h"

struct request {
    struct config config;
    const uint8_t *pin;
    size_t pin_len;
    const uint8_t *so_pin;
    uint8_t tries;
    uint8_t shares;
};

static int take_tag(const struct tlv *t, struct request *req, bool *shares_given) {
    switch (t->tag) {
    case 0x80:
        if (t->len != 2) {
            return HSM_ERR_DATA;
        }
        req->config.options = (uint16_t)(t->value[0] << 8 | t->value[1]);
        return HSM_OK;
    case 0x81:
        if (t->len < HSM_PIN_MIN || t->len > HSM_PIN_MAX) {
            return HSM_ERR_DATA;
        }
        req->pin = t->value;
        req->pin_len = t->len;
        return HSM_OK;
    case 0x82:
        if (t->len != HSM_SO_PIN_LEN) {
            return HSM_ERR_DATA;
        }
        req->so_pin = t->value;
        return HSM_OK;
    case 0x91:
        if (t->len != 1) {
            return HSM_ERR_DATA;
        }
        req->tries = t->value[0];
        return HSM_OK;
    case 0x92:
        if (t->len != 1) {
            return HSM_ERR_DATA;
        }
        req->shares = t->value[0];
        *shares_given = true;
        return HSM_OK;
    case 0x93:
        if (t->len != 2 || t->value[1] < 1 || t->value[1] > t->value[0] || t->value[0] > HSM_PKA_KEYS_MAX) {
            return HSM_ERR_DATA;
        }
        req->config.pka_total = t->value[0];
        req->config.pka_required = t->value[1];
        return HSM_OK;
    case 0x97:
        if (t->len != 1 || t->value[0] < 1 || t->value[0] > HSM_DOMAINS_MAX) {
            return HSM_ERR_DATA;
        }
        req->config.mode = DOMAINS_MANY;
        req->config.domains = t->value[0];
        return HSM_OK;
    default:
        return HSM_OK; /* biometric servers and whatever else newer clients send */
    }
}

static int parse(const struct apdu *apdu, struct request *req) {
    struct reader r;
    struct tlv t;
    bool shares_given = false;
    int rc;
    memset(req, 0, sizeof *req);
    req->config.options = OPTION_RESET_RETRY_COUNTER;
    req->tries = 3;
    reader_init(&r, apdu->data, apdu->nc);
    while ((rc = tlv_next(&r, &t)) == 1) {
        rc = take_tag(&t, req, &shares_given);
        if (rc != HSM_OK) {
            return rc;
        }
    }
    if (rc != 0) {
        return HSM_ERR_DATA;
    }
    if (shares_given && req->config.mode == DOMAINS_NONE) {
        req->config.mode = DOMAINS_DKEK;
        req->config.domains = 1;
    }
    bool pka = req->config.pka_total != 0;
    bool combined = (req->config.options & OPTION_PIN_AND_PKA) != 0;
    if (req->so_pin == NULL || (req->pin == NULL && !pka) || (req->pin == NULL && combined) ||
        (combined && !pka)) {
        return HSM_ERR_DATA;
    }
    bool tries_fit = req->tries >= 1 && req->tries <= pin_tries_limit(req->pin_len);
    return req->pin == NULL || tries_fit ? HSM_OK : HSM_ERR_DATA;
}

/* Everything but the device's own key, certificates and identity. */
static int erase(struct hsm *hsm) {
    static const uint16_t ranges[][2] = {
        {RECORD_CONFIG, RECORD_COUNTER_LAST},
        {FID_TOKEN_INFO, FID_TOKEN_INFO},
        {FID_PRKD, FID_PRKD | 0xFF},
        {FID_CA_DESCRIPTION, FID_META_DATA | 0xFF},
        {FID_DEVICE_KEY + 1, FID_KEY | 0xFF},
        {FID_DATA_PROTECTED, FID_DATA_PROTECTED | 0xFF},
        {FID_DEVICE_REQUEST + 1, FID_CERTIFICATE | 0xFF},
        {FID_DATA, FID_DATA | 0xFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        int rc = store_result(store_del_range(hsm->store, ranges[i][0], ranges[i][1]));
        if (rc != HSM_OK) {
            return rc;
        }
    }
    return HSM_OK;
}

/* Domain 0 of a card that was initialised with DKEK shares; no shares at all asks for a random key. */
static int create_dkek_domain(struct hsm *hsm, uint8_t shares) {
    struct domain domain = {.total = shares, .outstanding = shares};
    int rc = HSM_OK;
    if (shares == 0) {
        uint8_t dkek[DKEK_LEN];
        rc = crypto_rng_bytes(&hsm->rng, dkek, sizeof dkek);
        if (rc == HSM_OK) {
            rc = domain_complete(hsm, &domain, dkek);
        }
        crypto_wipe(dkek, sizeof dkek);
    }
    return rc == HSM_OK ? domain_save(hsm, 0, &domain) : rc;
}

static int set_up(struct hsm *hsm, const struct request *req) {
    uint8_t flags = (req->config.options & OPTION_TRANSPORT_PIN) != 0 ? PIN_FLAG_TRANSPORT : 0;
    int rc = erase(hsm);
    if (rc == HSM_OK) {
        rc = config_save(hsm, &req->config);
    }
    if (rc == HSM_OK) {
        rc = pin_put(hsm, RECORD_PIN_SO, req->so_pin, HSM_SO_PIN_LEN, HSM_SO_TRIES, 0, hsm->master);
    }
    if (rc == HSM_OK && req->pin != NULL) {
        rc = pin_put(hsm, RECORD_PIN_USER, req->pin, req->pin_len, req->tries, flags, hsm->master);
    }
    /* Where public keys alone log in, nothing that a person knows could wrap the master key. */
    if (rc == HSM_OK && req->config.pka_total != 0 && (req->config.options & OPTION_PIN_AND_PKA) == 0) {
        rc = vault_put_small(hsm, SEAL_DEVICE, RECORD_MASTER_PKA, hsm->master, sizeof hsm->master);
    }
    if (rc == HSM_OK) {
        rc = domain_box_create(hsm);
    }
    if (rc == HSM_OK && req->config.mode == DOMAINS_DKEK) {
        rc = create_dkek_domain(hsm, req->shares);
    }
    return rc;
}

int cmd_initialize(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct request req;
    struct pin_state so;
    uint8_t master[32];
    int rc = parse(apdu, &req);
    if (rc != HSM_OK) {
        return rc;
    }
    rc = pin_state(hsm, RECORD_PIN_SO, &so);
    if (rc == HSM_OK) {
        rc = pin_verify(hsm, RECORD_PIN_SO, req.so_pin, HSM_SO_PIN_LEN, master);
        crypto_wipe(master, sizeof master);
    } else if (rc == HSM_ERR_REFERENCE) {
        rc = HSM_OK; /* the first time: this SO-PIN becomes the card's */
    }
    if (rc != HSM_OK) {
        return rc;
    }
    session_end(hsm);
    rc = crypto_rng_bytes(&hsm->rng, hsm->master, sizeof hsm->master);
    if (rc == HSM_OK) {
        hsm->master_valid = true;
        rc = store_result(store_begin(hsm->store));
    }
    if (rc == HSM_OK) {
        rc = set_up(hsm, &req);
        if (rc == HSM_OK) {
            rc = store_result(store_commit(hsm->store));
        } else {
            store_abort(hsm->store);
        }
    }
    session_end(hsm);
    return rc;
}

/* INITIALIZE without data: free memory (4 bytes), FF, version. */
int cmd_device_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)apdu;
    struct store_usage usage;
    int rc = store_result(store_usage(hsm->store, &usage));
    if (rc == HSM_OK) {
        writer_u32(out, usage.free);
        writer_u8(out, 0xFF);
        writer_u8(out, HSM_VERSION_MAJOR);
        writer_u8(out, HSM_VERSION_MINOR);
    }
    return rc;
}
