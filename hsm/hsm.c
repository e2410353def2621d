// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/hsm.h"

#include <string.h>

#include "hsm/apdu.h"
#include "hsm/buf.h"
#include "hsm/command.h"
#include "hsm/crypto/util.h"
#include "hsm/device.h"
#include "hsm/session.h"
#include "hsm/sm.h"
#include "hsm/status.h"
#include "hsm/vault.h"

#define CLA_ISO 0x00u
#define CLA_PROPRIETARY 0x80u
#define CLA_SECURE 0x0Cu /* bits of a class with secure messaging, ISO/IEC 7816-4, 5.1.1 */
#define CLA_CHAINING 0x10u

/*
 * The ATR of a contact SmartCard-HSM: every client knows it, and it offers T=1 only. Historical bytes:
 * selection by full DF name, "HSM1", extended lengths, no chaining, activated (docs/protocol.md, "ATR").
 */
static const uint8_t atr[] = {0x3B, 0xFE, 0x18, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0x80, 0x31, 0x81,
                              0x54, 0x48, 0x53, 0x4D, 0x31, 0x73, 0x80, 0x21, 0x40, 0x81, 0x07, 0xFA};
_Static_assert(sizeof atr <= HSM_ATR_MAX, "ATR length");

size_t hsm_atr(uint8_t *out) {
    memcpy(out, atr, sizeof atr);
    return sizeof atr;
}

int hsm_open(struct hsm *hsm, const struct hsm_platform *platform, struct store *store) {
    memset(hsm, 0, sizeof *hsm);
    hsm->platform = platform;
    hsm->store = store;
    uint8_t serial[HSM_DEVICE_SERIAL_LEN];
    platform->device_serial(platform->ctx, serial);
    int rc = crypto_rng_init(&hsm->rng, platform->entropy, platform->ctx, serial, sizeof serial);
    if (rc == HSM_OK) {
        hsm->rng_ready = true;
        rc = vault_open(hsm);
    }
    if (rc == HSM_OK) {
        rc = device_open(hsm);
    }
    if (rc != HSM_OK) {
        hsm_close(hsm);
        return rc;
    }
    hsm->open = true;
    session_end(hsm);
    return HSM_OK;
}

void hsm_close(struct hsm *hsm) {
    if (hsm->rng_ready) {
        crypto_rng_free(&hsm->rng);
    }
    crypto_wipe(hsm, sizeof *hsm);
}

void hsm_power_on(struct hsm *hsm) {
    session_end(hsm);
    hsm->powered = true;
}

void hsm_power_off(struct hsm *hsm) {
    session_end(hsm);
    hsm->powered = false;
}

void hsm_reset(struct hsm *hsm) {
    session_end(hsm);
    hsm->powered = true;
}

static int execute(struct hsm *hsm, const uint8_t *command, size_t len, struct writer *out) {
    struct apdu apdu;
    int rc = apdu_parse(command, len, &apdu);
    if (rc != HSM_OK) {
        return rc;
    }
    if (apdu.cla != (CLA_ISO | CLA_SECURE) && apdu.cla != (CLA_PROPRIETARY | CLA_SECURE)) {
        sm_interrupted(hsm);
    }
    switch (apdu.cla) {
    case CLA_ISO:
    case CLA_PROPRIETARY:
        return command_run(hsm, &apdu, out);
    case CLA_ISO | CLA_SECURE:
    case CLA_PROPRIETARY | CLA_SECURE:
        return sm_run(hsm, &apdu, out);
    case CLA_ISO | CLA_CHAINING:
    case CLA_PROPRIETARY | CLA_CHAINING:
        return HSM_ERR_CHAINING;
    default:
        return HSM_ERR_CLA;
    }
}

size_t hsm_exchange(struct hsm *hsm, const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    struct writer out;
    writer_init(&out, response, cap - 2);
    int rc = hsm->open ? execute(hsm, command, len, &out) : HSM_ERR_INTERNAL;
    crypto_wipe(hsm->scratch, sizeof hsm->scratch);
    uint16_t sw = status_word(rc);
    response[out.len] = (uint8_t)(sw >> 8);
    response[out.len + 1] = (uint8_t)sw;
    return out.len + 2;
}

#if HSM_TEST_BUILD
int hsm_seed(struct hsm *hsm, const uint8_t *seed, size_t len) {
    return crypto_rng_seed(&hsm->rng, seed, len);
}
#endif
