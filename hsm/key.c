// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/key.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/util.h"
#include "hsm/record.h"
#include "hsm/vault.h"

#define FLAG_COUNTED 0x01u

/* Longest clear part: fixed fields, algorithm list, e_len || e || n of RSA-4096. */
#define CLEAR_MAX (8u + HSM_ALGORITHMS_MAX + 2u + 1u + CRYPTO_RSA_EXP_MAX + CRYPTO_RSA_LEN_MAX)

_Static_assert(CLEAR_MAX + CRYPTO_RSA_PRIV_MAX + VAULT_OVERHEAD <= KEY_RECORD_MAX, "RSA-4096 fits a record");
_Static_assert(KEY_WORK_SIZE >= KEY_RECORD_MAX, "a record can be built while a key lies below");

uint8_t *key_work(struct hsm *hsm) { return hsm->scratch + KEY_RECORD_MAX; }

static enum seal seal_of(uint8_t id) { return (FID_KEY | id) == FID_DEVICE_KEY ? SEAL_DEVICE : SEAL_USER; }

static uint16_t key_record(uint8_t id) { return (uint16_t)(FID_KEY | id); }

static uint16_t counter_record(uint8_t id) { return (uint16_t)(RECORD_COUNTER + id); }

static int parse(uint8_t id, const struct sealed *sealed, struct key *key) {
    struct reader r;
    reader_init(&r, sealed->clear, sealed->clear_len);
    memset(key, 0, sizeof *key);
    key->id = id;
    key->type = (enum key_type)reader_u8(&r);
    key->curve = (enum crypto_curve)reader_u8(&r);
    key->counted = (reader_u8(&r) & FLAG_COUNTED) != 0;
    key->domain = reader_u8(&r);
    key->bits = reader_u16(&r);
    key->algorithms_len = reader_u8(&r);
    if (key->algorithms_len > HSM_ALGORITHMS_MAX) {
        return HSM_ERR_INTEGRITY;
    }
    const uint8_t *algorithms = reader_take(&r, key->algorithms_len);
    if (algorithms != NULL) {
        memcpy(key->algorithms, algorithms, key->algorithms_len);
    }
    key->pub = reader_field16(&r, &key->pub_len);
    key->secret = sealed->secret;
    key->secret_len = sealed->secret_len;
    return r.failed ? HSM_ERR_INTEGRITY : HSM_OK;
}

int key_load(struct hsm *hsm, uint8_t id, struct key *key) {
    struct sealed sealed;
    int rc = vault_load(hsm, seal_of(id), key_record(id), hsm->scratch, KEY_RECORD_MAX, &sealed);
    return rc == HSM_OK ? parse(id, &sealed, key) : rc;
}

int key_peek(struct hsm *hsm, uint8_t id, struct key *key) {
    struct sealed sealed;
    int rc = vault_peek(hsm, key_record(id), hsm->scratch, KEY_RECORD_MAX, &sealed);
    if (rc == HSM_OK) {
        rc = parse(id, &sealed, key);
    }
    key->secret = NULL;
    key->secret_len = 0;
    return rc;
}

int key_load_for(struct hsm *hsm, uint8_t id, enum key_type type, uint8_t algorithm, struct key *key) {
    if (key_record(id) == FID_DEVICE_KEY) {
        return HSM_ERR_REFERENCE;
    }
    int rc = key_load(hsm, id, key);
    if (rc != HSM_OK) {
        return rc;
    }
    if (key->type != type) {
        return HSM_ERR_UNSUPPORTED;
    }
    if (key->algorithms_len != 0 && memchr(key->algorithms, algorithm, key->algorithms_len) == NULL) {
        return HSM_ERR_CONDITIONS;
    }
    if (!key->counted) {
        return HSM_OK;
    }
    uint8_t raw[4];
    rc = vault_get_small(hsm, SEAL_DEVICE, counter_record(id), raw, sizeof raw);
    if (rc != HSM_OK) {
        /* The key says that there is a counter: a missing one was removed behind our back. */
        return rc == HSM_ERR_REFERENCE ? HSM_ERR_INTEGRITY : rc;
    }
    struct reader r;
    struct writer w;
    reader_init(&r, raw, sizeof raw);
    uint32_t uses = reader_u32(&r);
    if (uses == 0) {
        return HSM_ERR_FULL;
    }
    writer_init(&w, raw, sizeof raw);
    writer_u32(&w, uses - 1);
    return vault_put_small(hsm, SEAL_DEVICE, counter_record(id), raw, sizeof raw);
}

int key_save(struct hsm *hsm, const struct key *key, uint32_t uses) {
    uint8_t clear[CLEAR_MAX];
    struct writer w;
    writer_init(&w, clear, sizeof clear);
    writer_u8(&w, (uint8_t)key->type);
    writer_u8(&w, (uint8_t)key->curve);
    writer_u8(&w, key->counted ? FLAG_COUNTED : 0);
    writer_u8(&w, key->domain);
    writer_u16(&w, key->bits);
    writer_u8(&w, key->algorithms_len);
    writer_put(&w, key->algorithms, key->algorithms_len);
    writer_field16(&w, key->pub, key->pub_len);
    if (w.overflow) {
        return HSM_ERR_INTERNAL;
    }
    int rc = vault_store(hsm, seal_of(key->id), key_record(key->id), clear, w.len, key->secret,
                         key->secret_len, key_work(hsm), KEY_WORK_SIZE);
    if (rc != HSM_OK) {
        return rc;
    }
    if (key->counted) {
        uint8_t raw[4];
        writer_init(&w, raw, sizeof raw);
        writer_u32(&w, uses);
        return vault_put_small(hsm, SEAL_DEVICE, counter_record(key->id), raw, sizeof raw);
    }
    rc = store_result(store_del(hsm->store, counter_record(key->id)));
    return rc == HSM_ERR_REFERENCE ? HSM_OK : rc;
}

int key_exists(struct hsm *hsm, uint8_t id) {
    size_t len;
    return store_result(store_size(hsm->store, key_record(id), &len));
}

int key_uses_left(struct hsm *hsm, uint8_t id, uint32_t *uses) {
    uint8_t raw[4];
    int rc = vault_get_small(hsm, SEAL_DEVICE, counter_record(id), raw, sizeof raw);
    if (rc == HSM_OK) {
        struct reader r;
        reader_init(&r, raw, sizeof raw);
        *uses = reader_u32(&r);
    }
    return rc;
}

int key_delete(struct hsm *hsm, uint8_t id) {
    int rc = store_result(store_del(hsm->store, key_record(id)));
    if (rc != HSM_OK) {
        return rc;
    }
    rc = store_result(store_del(hsm->store, counter_record(id)));
    return rc == HSM_ERR_REFERENCE ? HSM_OK : rc;
}

int key_rsa_public(const struct key *key, struct crypto_rsa_public *pub) {
    struct reader r;
    reader_init(&r, key->pub, key->pub_len);
    pub->bits = key->bits;
    pub->e_len = reader_u8(&r);
    const uint8_t *e = reader_take(&r, pub->e_len);
    const uint8_t *n = reader_take(&r, key->bits / 8u);
    if (r.failed || r.left != 0 || pub->e_len > sizeof pub->e || key->bits / 8u > sizeof pub->n) {
        return HSM_ERR_INTEGRITY;
    }
    memcpy(pub->e, e, pub->e_len);
    memcpy(pub->n, n, key->bits / 8u);
    return HSM_OK;
}

size_t key_put_rsa_public(const struct crypto_rsa_public *pub, uint8_t *out, size_t cap) {
    struct writer w;
    writer_init(&w, out, cap);
    writer_u8(&w, (uint8_t)pub->e_len);
    writer_put(&w, pub->e, pub->e_len);
    writer_put(&w, pub->n, pub->bits / 8u);
    return w.overflow ? 0 : w.len;
}
