// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/device.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "hsm/cvc.h"
#include "hsm/file.h"
#include "hsm/key.h"
#include "hsm/record.h"
#include "hsm/vault.h"

#define FORMAT 1u
#define SEQUENCE "00001" /* a CHR ends in five digits; clients cut them off to get the serial number */
#define COUNTRY "XT"     /* of the range that ISO 3166-1 leaves to users */
#define MNEMONIC_LEN 9u

/* Chip authentication wants this curve, and so do the tools around the original card. */
#define DEVICE_CURVE CRYPTO_BP256R1
#define DEVICE_POINT_LEN 65u

#define RIGHTS_DEVICE 0x00u
#define RIGHTS_ISSUER 0x80u

struct card_record {
    uint8_t format;
    uint8_t id_len;
    uint8_t id[HSM_CHR_MAX];
};

/* The id: country, nine characters made of the serial number, sequence. No 0, 1, 8, 9: base32, RFC 4648, 6.
 */
static int make_id(struct hsm *hsm, struct card_record *card) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t serial[HSM_DEVICE_SERIAL_LEN];
    uint8_t hash[32];
    hsm->platform->device_serial(hsm->platform->ctx, serial);
    int rc = crypto_hash(CRYPTO_SHA256, serial, sizeof serial, hash);
    struct writer w;
    writer_init(&w, card->id, sizeof card->id);
    writer_put(&w, COUNTRY, 2);
    for (size_t i = 0; i < MNEMONIC_LEN; i++) {
        writer_u8(&w, (uint8_t)alphabet[hash[i] % 32]);
    }
    writer_put(&w, SEQUENCE, sizeof SEQUENCE - 1);
    card->format = FORMAT;
    card->id_len = (uint8_t)w.len;
    return rc;
}

/* The private key of a development authority: the hash of a public label, so that nobody takes it for a
 * secret. */
static int authority_key(struct hsm *hsm, const char *label, uint8_t priv[32],
                         uint8_t point[DEVICE_POINT_LEN]) {
    int rc = crypto_hash(CRYPTO_SHA256, label, strlen(label), priv);
    priv[0] &= 0x7F;
    return rc == HSM_OK ? crypto_ec_public(DEVICE_CURVE, &hsm->rng, priv, point) : rc;
}

static int root_key(struct hsm *hsm, uint8_t priv[32], uint8_t point[DEVICE_POINT_LEN]) {
    return authority_key(hsm, "TwinHSM development root", priv, point);
}

static int issuer_key(struct hsm *hsm, uint8_t priv[32], uint8_t point[DEVICE_POINT_LEN]) {
    return authority_key(hsm, "TwinHSM development issuer", priv, point);
}

int device_development_root(struct hsm *hsm, uint8_t *point) {
    uint8_t priv[32];
    int rc = root_key(hsm, priv, point);
    crypto_wipe(priv, sizeof priv);
    return rc;
}

static struct cvc_name name_of(const char *text) {
    return (struct cvc_name){(const uint8_t *)text, strlen(text)};
}

/* EF 2F02: device certificate, issuer certificate. */
static int make_certificates(struct hsm *hsm, const uint8_t *device_point) {
    struct hsm_date from = {0};
    if (hsm->platform->today != NULL) {
        hsm->platform->today(hsm->platform->ctx, &from);
    }
    if (from.year == 0) {
        from = (struct hsm_date){2026, 1, 1};
    }
    struct hsm_date until = from;
    until.year = (uint16_t)(until.year + 10);
    if (until.month == 2 && until.day == 29) {
        until.day = 28;
    }
    uint8_t root[32];
    uint8_t issuer[32];
    uint8_t root_point[DEVICE_POINT_LEN];
    uint8_t issuer_point[DEVICE_POINT_LEN];
    struct cvc_template device_cvc = {
        .car = name_of(DEVICE_ISSUER_CHR),
        .chr = {hsm->device_id, hsm->device_id_len},
        .rights = RIGHTS_DEVICE,
        .curve = DEVICE_CURVE,
        .point = device_point,
        .from = from,
        .until = until,
    };
    struct cvc_template issuer_cvc = {
        .car = name_of(DEVICE_ROOT_CHR),
        .chr = name_of(DEVICE_ISSUER_CHR),
        .rights = RIGHTS_ISSUER,
        .curve = DEVICE_CURVE,
        .point = issuer_point,
        .from = from,
        .until = until,
    };
    struct writer w;
    writer_init(&w, key_work(hsm), KEY_WORK_SIZE);
    int rc = root_key(hsm, root, root_point);
    if (rc == HSM_OK) {
        rc = issuer_key(hsm, issuer, issuer_point);
    }
    if (rc == HSM_OK) {
        rc = cvc_put_certificate(hsm, &device_cvc, issuer, &w);
    }
    if (rc == HSM_OK) {
        rc = cvc_put_certificate(hsm, &issuer_cvc, root, &w);
    }
    if (rc == HSM_OK) {
        rc = file_put(hsm, FID_DEVICE_CERTIFICATES, w.buf, w.len);
    }
    return rc;
}

/* CE00: the device key's own request, for tools that read its public key there. */
static int make_request(struct hsm *hsm) {
    struct key key;
    struct cvc_name id = {hsm->device_id, hsm->device_id_len};
    uint8_t request[1024];
    struct writer w;
    writer_init(&w, request, sizeof request);
    int rc = key_load(hsm, (uint8_t)FID_DEVICE_KEY, &key);
    if (rc == HSM_OK) {
        rc = cvc_put_request(hsm, &key, true, id, id, &w);
    }
    return rc == HSM_OK ? file_put(hsm, FID_DEVICE_REQUEST, request, w.len) : rc;
}

static int make_device(struct hsm *hsm, const struct card_record *card) {
    uint8_t priv[32];
    uint8_t point[DEVICE_POINT_LEN];
    struct key key = {
        .id = (uint8_t)FID_DEVICE_KEY,
        .type = KEY_EC,
        .curve = DEVICE_CURVE,
        .bits = 256,
        .domain = 0xFF,
        .pub = point,
        .pub_len = sizeof point,
        .secret = priv,
        .secret_len = sizeof priv,
    };
    int rc = crypto_ec_generate(DEVICE_CURVE, &hsm->rng, priv, point);
    if (rc == HSM_OK) {
        rc = key_save(hsm, &key, 0);
    }
    crypto_wipe(priv, sizeof priv);
    if (rc == HSM_OK) {
        rc = make_certificates(hsm, point);
    }
    if (rc == HSM_OK) {
        rc = make_request(hsm);
    }
    if (rc == HSM_OK) {
        rc = vault_put_small(hsm, SEAL_DEVICE, RECORD_CARD, card, sizeof *card);
    }
    return rc;
}

static void use_id(struct hsm *hsm, const struct card_record *card) {
    memcpy(hsm->device_id, card->id, sizeof hsm->device_id);
    hsm->device_id_len = card->id_len;
}

static int manufacture(struct hsm *hsm) {
    struct card_record card = {0};
    int rc = make_id(hsm, &card);
    if (rc == HSM_OK) {
        rc = store_result(store_begin(hsm->store));
    }
    if (rc != HSM_OK) {
        return rc;
    }
    use_id(hsm, &card);
    rc = make_device(hsm, &card);
    if (rc != HSM_OK) {
        store_abort(hsm->store);
        return rc;
    }
    return store_result(store_commit(hsm->store));
}

int device_open(struct hsm *hsm) {
    struct card_record card;
    int rc = vault_get_small(hsm, SEAL_DEVICE, RECORD_CARD, &card, sizeof card);
    if (rc == HSM_ERR_REFERENCE) {
        uint16_t id;
        int any = store_next(hsm->store, 0, &id);
        if (any == STORE_ERR_NOT_FOUND) {
            return manufacture(hsm);
        }
        return any == STORE_OK ? HSM_ERR_INTEGRITY : HSM_ERR_STORAGE;
    }
    if (rc != HSM_OK) {
        return rc;
    }
    if (card.format != FORMAT || card.id_len > sizeof card.id) {
        return HSM_ERR_INTEGRITY;
    }
    use_id(hsm, &card);
    return HSM_OK;
}
