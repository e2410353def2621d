// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4, 7.5.6 to 7.5.10). */

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/crypto/util.h"
#include "hsm/pin.h"
#include "hsm/pka.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/vault.h"

static int record_of(uint8_t reference, uint16_t *record) {
    switch (reference) {
    case PIN_REF_USER:
        *record = RECORD_PIN_USER;
        return HSM_OK;
    case PIN_REF_SO:
        *record = RECORD_PIN_SO;
        return HSM_OK;
    default:
        /* OpenSC asks for 85 and 86 and takes any other answer for a PIN pad. */
        return HSM_ERR_REFERENCE;
    }
}

static int check_length(size_t len) {
    return len >= HSM_PIN_MIN && len <= HSM_PIN_MAX ? HSM_OK : HSM_ERR_DATA;
}

/* VERIFY without data: asks, and changes nothing. */
int cmd_pin_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    uint16_t record;
    struct pin_state state;
    int rc = record_of(apdu->p2, &record);
    if (rc != HSM_OK) {
        return rc;
    }
    if (record == RECORD_PIN_USER ? hsm->user_verified : hsm->so_verified) {
        return HSM_OK;
    }
    if (record == RECORD_PIN_USER) {
        rc = pka_pending(hsm);
        if (rc != HSM_OK) {
            return rc;
        }
    }
    rc = pin_state(hsm, record, &state);
    if (rc != HSM_OK) {
        return rc;
    }
    if (state.tries == 0) {
        return HSM_ERR_BLOCKED;
    }
    return (state.flags & PIN_FLAG_TRANSPORT) != 0 ? HSM_ERR_UNUSABLE : HSM_WRONG_PIN(state.tries);
}

int cmd_verify(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    uint16_t record;
    uint8_t master[32];
    struct pin_state state;
    int rc = record_of(apdu->p2, &record);
    if (rc == HSM_OK) {
        rc = pin_verify(hsm, record, apdu->data, apdu->nc, master);
    }
    if (rc == HSM_OK) {
        rc = pin_state(hsm, record, &state);
    }
    if (rc == HSM_OK && (state.flags & PIN_FLAG_TRANSPORT) != 0) {
        rc = HSM_ERR_UNUSABLE;
    }
    if (rc == HSM_OK) {
        session_login(hsm, record, master);
    }
    crypto_wipe(master, sizeof master);
    return rc;
}

/* Commits one new PIN record in a transaction of its own. A shorter user PIN than before may have to do with
 * fewer tries. */
static int set_pin(struct hsm *hsm, uint16_t record, const uint8_t *pin, size_t len, uint8_t tries_max,
                   const uint8_t master[32]) {
    if (record == RECORD_PIN_USER && tries_max > pin_tries_limit(len)) {
        tries_max = pin_tries_limit(len);
    }
    int rc = store_result(store_begin(hsm->store));
    if (rc != HSM_OK) {
        return rc;
    }
    rc = pin_put(hsm, record, pin, len, tries_max, 0, master);
    if (rc != HSM_OK) {
        store_abort(hsm->store);
        return rc;
    }
    return store_result(store_commit(hsm->store));
}

/* Old and new PIN stand side by side; the stored length of the old one splits them. */
int cmd_change_reference_data(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    uint16_t record;
    uint8_t master[32];
    struct pin_state state;
    int rc = record_of(apdu->p2, &record);
    if (rc == HSM_OK) {
        rc = pin_state(hsm, record, &state);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    if (record == RECORD_PIN_SO && apdu->nc != 2 * HSM_SO_PIN_LEN) {
        return HSM_ERR_LENGTH;
    }
    if (state.tries == 0) {
        return HSM_ERR_BLOCKED;
    }
    if (apdu->nc < state.len || check_length(apdu->nc - state.len) != HSM_OK) {
        return HSM_ERR_DATA;
    }
    const uint8_t *new_pin = apdu->data + state.len;
    rc = pin_verify(hsm, record, apdu->data, state.len, master);
    if (rc == HSM_OK) {
        rc = set_pin(hsm, record, new_pin, apdu->nc - state.len, state.tries_max, master);
    }
    if (rc == HSM_OK) {
        session_login(hsm, record, master);
    }
    crypto_wipe(master, sizeof master);
    return rc;
}

/* May the SO-PIN do this (options of INITIALIZE)? The answers are never 6D00: OpenSC would then try CHANGE
 * REFERENCE DATA. */
static int reset_allowed(struct hsm *hsm, bool sets_pin) {
    struct config config;
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK) {
        return rc;
    }
    bool off = (config.options & OPTION_RESET_RETRY_COUNTER) == 0;
    bool counter_only = (config.options & OPTION_RESET_COUNTER_ONLY) != 0;
    return off || (sets_pin && counter_only) ? HSM_ERR_CONDITIONS : HSM_OK;
}

/*
 * P1 00: SO-PIN and new PIN; 01: SO-PIN, the PIN stays; 02: new PIN, 03: nothing, both after VERIFY of the
 * SO-PIN. The user is not logged in afterwards.
 */
int cmd_reset_retry_counter(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    bool with_so_pin = apdu->p1 == 0x00 || apdu->p1 == 0x01;
    bool sets_pin = apdu->p1 == 0x00 || apdu->p1 == 0x02;
    if (apdu->p2 != PIN_REF_USER) {
        return HSM_ERR_REFERENCE;
    }
    struct pin_state so;
    struct pin_state user;
    int rc = pin_state(hsm, RECORD_PIN_SO, &so);
    if (rc == HSM_OK) {
        rc = reset_allowed(hsm, sets_pin);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    /* A card for public keys only has no user PIN until one is set here. */
    int user_rc = pin_state(hsm, RECORD_PIN_USER, &user);
    if (user_rc == HSM_ERR_REFERENCE && !sets_pin) {
        return HSM_ERR_REFERENCE;
    }
    if (user_rc != HSM_OK && user_rc != HSM_ERR_REFERENCE) {
        return user_rc;
    }
    uint8_t tries_max = user_rc == HSM_OK ? user.tries_max : 3;
    const uint8_t *new_pin = with_so_pin ? apdu->data + HSM_SO_PIN_LEN : apdu->data;
    size_t new_len = with_so_pin ? apdu->nc - HSM_SO_PIN_LEN : apdu->nc;
    uint8_t master[32] = {0};
    if (with_so_pin) {
        rc = pin_verify(hsm, RECORD_PIN_SO, apdu->data, HSM_SO_PIN_LEN, master);
    } else if (!hsm->so_verified) {
        rc = HSM_ERR_CONDITIONS;
    } else {
        for (size_t i = 0; i < sizeof master; i++) {
            master[i] = hsm->master[i];
        }
    }
    if (rc == HSM_OK && sets_pin) {
        rc = set_pin(hsm, RECORD_PIN_USER, new_pin, new_len, tries_max, master);
    } else if (rc == HSM_OK) {
        rc = store_result(store_begin(hsm->store));
        if (rc == HSM_OK) {
            rc = pin_refill(hsm, RECORD_PIN_USER);
            if (rc == HSM_OK) {
                rc = store_result(store_commit(hsm->store));
            } else {
                store_abort(hsm->store);
            }
        }
    }
    crypto_wipe(master, sizeof master);
    if (rc == HSM_OK) {
        session_forget(hsm, RECORD_PIN_USER);
    }
    return rc;
}
