// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/pin.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/util.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/vault.h"

#define SALT_LEN 16u
#define PIN_RECORD_LEN (4u + 4u + SALT_LEN + CRYPTO_GCM_NONCE + CRYPTO_GCM_TAG + 32u)

struct pin_record {
    struct pin_state state;
    uint32_t iterations;
    uint8_t salt[SALT_LEN];
    uint8_t nonce[CRYPTO_GCM_NONCE];
    uint8_t tag[CRYPTO_GCM_TAG];
    uint8_t wrapped[32]; /* master key */
};

static int load(struct hsm *hsm, uint16_t record, struct pin_record *pin) {
    uint8_t raw[PIN_RECORD_LEN];
    int rc = vault_get_small(hsm, SEAL_DEVICE, record, raw, sizeof raw);
    if (rc != HSM_OK) {
        return rc;
    }
    struct reader r;
    reader_init(&r, raw, sizeof raw);
    pin->state.tries = reader_u8(&r);
    pin->state.tries_max = reader_u8(&r);
    pin->state.len = reader_u8(&r);
    pin->state.flags = reader_u8(&r);
    pin->iterations = reader_u32(&r);
    memcpy(pin->salt, reader_take(&r, sizeof pin->salt), sizeof pin->salt);
    memcpy(pin->nonce, reader_take(&r, sizeof pin->nonce), sizeof pin->nonce);
    memcpy(pin->tag, reader_take(&r, sizeof pin->tag), sizeof pin->tag);
    memcpy(pin->wrapped, reader_take(&r, sizeof pin->wrapped), sizeof pin->wrapped);
    return HSM_OK;
}

static int save(struct hsm *hsm, uint16_t record, const struct pin_record *pin) {
    uint8_t raw[PIN_RECORD_LEN];
    struct writer w;
    writer_init(&w, raw, sizeof raw);
    writer_u8(&w, pin->state.tries);
    writer_u8(&w, pin->state.tries_max);
    writer_u8(&w, pin->state.len);
    writer_u8(&w, pin->state.flags);
    writer_u32(&w, pin->iterations);
    writer_put(&w, pin->salt, sizeof pin->salt);
    writer_put(&w, pin->nonce, sizeof pin->nonce);
    writer_put(&w, pin->tag, sizeof pin->tag);
    writer_put(&w, pin->wrapped, sizeof pin->wrapped);
    return vault_put_small(hsm, SEAL_DEVICE, record, raw, w.len);
}

/* save in a transaction of its own. */
static int save_now(struct hsm *hsm, uint16_t record, const struct pin_record *pin) {
    int rc = store_result(store_begin(hsm->store));
    if (rc != HSM_OK) {
        return rc;
    }
    rc = save(hsm, record, pin);
    if (rc != HSM_OK) {
        store_abort(hsm->store);
        return rc;
    }
    return store_result(store_commit(hsm->store));
}

/* The wrap stands or falls with the parameters of the derivation and with the kind of PIN. */
static size_t wrap_aad(uint16_t record, const struct pin_record *pin, uint8_t aad[8]) {
    struct writer w;
    writer_init(&w, aad, 8);
    writer_u16(&w, record);
    writer_u8(&w, pin->state.len);
    writer_u32(&w, pin->iterations);
    return w.len;
}

int pin_state(struct hsm *hsm, uint16_t record, struct pin_state *state) {
    struct pin_record pin;
    int rc = load(hsm, record, &pin);
    if (rc == HSM_OK) {
        *state = pin.state;
    }
    return rc;
}

static bool opens(struct hsm *hsm, uint16_t record, const struct pin_record *pin, const uint8_t *data,
                  size_t len, uint8_t master[32], int *error) {
    uint8_t key[32];
    uint8_t aad_bytes[8];
    struct crypto_part aad = {aad_bytes, wrap_aad(record, pin, aad_bytes)};
    *error = vault_pin_key(hsm, data, len, pin->salt, sizeof pin->salt, pin->iterations, key);
    bool right = *error == HSM_OK && crypto_gcm_open(key, pin->nonce, &aad, 1, pin->wrapped,
                                                     sizeof pin->wrapped, pin->tag, master) == HSM_OK;
    crypto_wipe(key, sizeof key);
    return right;
}

int pin_verify(struct hsm *hsm, uint16_t record, const uint8_t *data, size_t len, uint8_t master[32]) {
    struct pin_record pin;
    int rc = load(hsm, record, &pin);
    if (rc != HSM_OK) {
        return rc;
    }
    if (pin.state.tries == 0) {
        session_forget(hsm, record);
        return HSM_ERR_BLOCKED;
    }
    pin.state.tries--;
    rc = save_now(hsm, record, &pin);
    if (rc != HSM_OK) {
        return rc;
    }
    int error;
    if (!opens(hsm, record, &pin, data, len, master, &error)) {
        session_forget(hsm, record);
        if (error != HSM_OK) {
            return error;
        }
        return pin.state.tries == 0 ? HSM_ERR_BLOCKED : HSM_WRONG_PIN(pin.state.tries);
    }
    pin.state.tries = pin.state.tries_max;
    rc = save_now(hsm, record, &pin);
    if (rc != HSM_OK) {
        crypto_wipe(master, 32);
    }
    return rc;
}

int pin_put(struct hsm *hsm, uint16_t record, const uint8_t *data, size_t len, uint8_t tries_max,
            uint8_t flags, const uint8_t master[32]) {
    struct pin_record pin = {
        .state = {.tries = tries_max, .tries_max = tries_max, .len = (uint8_t)len, .flags = flags},
        .iterations = hsm->platform->pin_iterations,
    };
    uint8_t key[32];
    uint8_t aad_bytes[8];
    int rc = crypto_rng_bytes(&hsm->rng, pin.salt, sizeof pin.salt);
    if (rc == HSM_OK) {
        rc = crypto_rng_bytes(&hsm->rng, pin.nonce, sizeof pin.nonce);
    }
    if (rc == HSM_OK) {
        rc = vault_pin_key(hsm, data, len, pin.salt, sizeof pin.salt, pin.iterations, key);
    }
    if (rc == HSM_OK) {
        struct crypto_part aad = {aad_bytes, wrap_aad(record, &pin, aad_bytes)};
        rc = crypto_gcm_seal(key, pin.nonce, &aad, 1, master, 32, pin.wrapped, pin.tag);
    }
    crypto_wipe(key, sizeof key);
    return rc == HSM_OK ? save(hsm, record, &pin) : rc;
}

int pin_refill(struct hsm *hsm, uint16_t record) {
    struct pin_record pin;
    int rc = load(hsm, record, &pin);
    if (rc != HSM_OK) {
        return rc;
    }
    pin.state.tries = pin.state.tries_max;
    return save(hsm, record, &pin);
}

uint8_t pin_tries_limit(size_t len) { return len <= 6 ? 3 : len == 7 ? 5 : 10; }
