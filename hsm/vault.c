// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/vault.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"

#define VERSION 1u
#define HEADER_LEN 4u /* version, seal, length of the clear part (2) */

_Static_assert(CRYPTO_VAULT_NONCE == CRYPTO_GCM_NONCE && CRYPTO_VAULT_TAG == CRYPTO_GCM_TAG, "GCM sizes");

int store_result(int store_error) {
    switch (store_error) {
    case STORE_OK:
        return HSM_OK;
    case STORE_ERR_NOT_FOUND:
        return HSM_ERR_REFERENCE;
    case STORE_ERR_FULL:
        return HSM_ERR_FULL;
    default:
        return HSM_ERR_STORAGE;
    }
}

/* A key for one purpose, from the device secret. */
static int derive_from_device(struct hsm *hsm, const char *purpose, uint8_t key[32]) {
    uint8_t secret[HSM_DEVICE_SECRET_LEN];
    int rc = HSM_ERR_INTERNAL;
    if (hsm->platform->device_secret(hsm->platform->ctx, secret) == 0) {
        rc = crypto_hkdf(CRYPTO_SHA256, NULL, 0, secret, sizeof secret, (const uint8_t *)purpose,
                         strlen(purpose), key, 32);
    }
    crypto_wipe(secret, sizeof secret);
    return rc;
}

int vault_open(struct hsm *hsm) { return derive_from_device(hsm, "TwinHSM device seal 1", hsm->device_key); }

static const uint8_t *seal_key(const struct hsm *hsm, enum seal seal) {
    if (seal == SEAL_DEVICE) {
        return hsm->device_key;
    }
    return hsm->master_valid ? hsm->master : NULL;
}

int vault_store(struct hsm *hsm, enum seal seal, uint16_t id, const uint8_t *clear, size_t clear_len,
                const uint8_t *secret, size_t secret_len, uint8_t *work, size_t cap) {
    const uint8_t *key = seal_key(hsm, seal);
    if (key == NULL) {
        return HSM_ERR_SECURITY;
    }
    uint8_t id_bytes[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    struct writer w;
    writer_init(&w, work, cap);
    writer_u8(&w, VERSION);
    writer_u8(&w, (uint8_t)seal);
    writer_field16(&w, clear, clear_len);
    size_t aad_len = w.len;
    uint8_t *nonce = writer_reserve(&w, CRYPTO_GCM_NONCE);
    uint8_t *tag = writer_reserve(&w, CRYPTO_GCM_TAG);
    uint8_t *sealed = writer_reserve(&w, secret_len);
    if (w.overflow) {
        return HSM_ERR_INTERNAL;
    }
    struct crypto_part aad[] = {{id_bytes, sizeof id_bytes}, {work, aad_len}};
    int rc = crypto_rng_bytes(&hsm->rng, nonce, CRYPTO_GCM_NONCE);
    if (rc == HSM_OK) {
        rc = crypto_gcm_seal(key, nonce, aad, 2, secret, secret_len, sealed, tag);
    }
    if (rc == HSM_OK) {
        rc = store_result(store_put(hsm->store, id, work, w.len));
    }
    return rc;
}

/* Reads a record and splits it; the secret part is still sealed. */
static int fetch(struct hsm *hsm, uint16_t id, uint8_t *buf, size_t cap, struct sealed *out, size_t *aad_len,
                 const uint8_t **nonce, const uint8_t **tag, uint8_t *seal) {
    size_t len = 0;
    size_t total = 0;
    int rc = store_result(store_size(hsm->store, id, &total));
    if (rc != HSM_OK) {
        return rc;
    }
    if (total > cap) {
        return HSM_ERR_INTEGRITY;
    }
    rc = store_result(store_get(hsm->store, id, 0, buf, cap, &len));
    if (rc != HSM_OK) {
        return rc;
    }
    struct reader r;
    reader_init(&r, buf, len);
    uint8_t version = reader_u8(&r);
    *seal = reader_u8(&r);
    out->clear = reader_field16(&r, &out->clear_len);
    *aad_len = len - r.left;
    *nonce = reader_take(&r, CRYPTO_GCM_NONCE);
    *tag = reader_take(&r, CRYPTO_GCM_TAG);
    if (r.failed || version != VERSION) {
        return HSM_ERR_INTEGRITY;
    }
    out->secret_len = r.left;
    out->secret = buf + (len - r.left);
    return HSM_OK;
}

int vault_load(struct hsm *hsm, enum seal seal, uint16_t id, uint8_t *buf, size_t cap, struct sealed *out) {
    const uint8_t *key = seal_key(hsm, seal);
    if (key == NULL) {
        return HSM_ERR_SECURITY;
    }
    size_t aad_len;
    const uint8_t *nonce;
    const uint8_t *tag;
    uint8_t stored_seal;
    int rc = fetch(hsm, id, buf, cap, out, &aad_len, &nonce, &tag, &stored_seal);
    if (rc != HSM_OK) {
        return rc;
    }
    uint8_t id_bytes[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    struct crypto_part aad[] = {{id_bytes, sizeof id_bytes}, {buf, aad_len}};
    if (stored_seal != (uint8_t)seal ||
        crypto_gcm_open(key, nonce, aad, 2, out->secret, out->secret_len, tag, out->secret) != HSM_OK) {
        return HSM_ERR_INTEGRITY;
    }
    return HSM_OK;
}

int vault_peek(struct hsm *hsm, uint16_t id, uint8_t *buf, size_t cap, struct sealed *out) {
    size_t aad_len;
    const uint8_t *nonce;
    const uint8_t *tag;
    uint8_t seal;
    return fetch(hsm, id, buf, cap, out, &aad_len, &nonce, &tag, &seal);
}

int vault_put_small(struct hsm *hsm, enum seal seal, uint16_t id, const void *data, size_t len) {
    uint8_t work[VAULT_SMALL_MAX + VAULT_OVERHEAD];
    return vault_store(hsm, seal, id, NULL, 0, data, len, work, sizeof work);
}

int vault_get_small(struct hsm *hsm, enum seal seal, uint16_t id, void *data, size_t len) {
    uint8_t work[VAULT_SMALL_MAX + VAULT_OVERHEAD];
    struct sealed sealed;
    int rc = vault_load(hsm, seal, id, work, sizeof work, &sealed);
    if (rc == HSM_OK && sealed.secret_len != len) {
        rc = HSM_ERR_INTEGRITY;
    }
    if (rc == HSM_OK) {
        memcpy(data, sealed.secret, len);
    }
    crypto_wipe(work, sizeof work);
    return rc;
}

static void working(void *ctx) {
    struct hsm *hsm = ctx;
    if (hsm->platform->working != NULL) {
        hsm->platform->working(hsm->platform->ctx);
    }
}

int vault_pin_key(struct hsm *hsm, const uint8_t *pin, size_t pin_len, const uint8_t *salt, size_t salt_len,
                  uint32_t iterations, uint8_t key[32]) {
    uint8_t device[32];
    uint8_t stretched[32];
    /* HMAC pads its key with zeros: without the length, a PIN followed by zero bytes would be the same PIN.
     */
    uint8_t password[1 + HSM_PIN_MAX];
    if (pin_len > HSM_PIN_MAX) {
        return HSM_ERR_INTERNAL;
    }
    password[0] = (uint8_t)pin_len;
    memcpy(password + 1, pin, pin_len);
    int rc = derive_from_device(hsm, "TwinHSM PIN 1", device);
    if (rc == HSM_OK) {
        rc = crypto_pbkdf2(CRYPTO_SHA256, password, 1 + pin_len, salt, salt_len, iterations, working, hsm,
                           stretched, sizeof stretched);
    }
    crypto_wipe(password, sizeof password);
    if (rc == HSM_OK) {
        struct crypto_part part = {stretched, sizeof stretched};
        rc = crypto_hmac(CRYPTO_SHA256, device, sizeof device, &part, 1, key);
    }
    crypto_wipe(device, sizeof device);
    crypto_wipe(stretched, sizeof stretched);
    return rc;
}
