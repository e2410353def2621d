// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/session.h"

#include <string.h>

#include "hsm/crypto/util.h"
#include "hsm/pka.h"
#include "hsm/record.h"

static void forget_master(struct hsm *hsm) {
    crypto_wipe(hsm->master, sizeof hsm->master);
    hsm->master_valid = false;
}

void session_end(struct hsm *hsm) {
    forget_master(hsm);
    hsm->pin_verified = false;
    hsm->so_verified = false;
    hsm->user_verified = false;
    memset(hsm->pka_authenticated, 0, sizeof hsm->pka_authenticated);
    hsm->current_ef = 0;
    hsm->challenge_valid = false;
    hsm->se_dst_len = 0;
    memset(hsm->trusted, 0, sizeof hsm->trusted);
    hsm->trusted_next = 0;
    hsm->se_at_slot = -1;
    hsm->se_ca = false;
    crypto_wipe(hsm->challenge, sizeof hsm->challenge);
    crypto_wipe(&hsm->sm, sizeof hsm->sm);
    session_blob_clear(hsm);
}

void session_login(struct hsm *hsm, uint16_t record, const uint8_t master[32]) {
    if (record == RECORD_PIN_USER) {
        hsm->pin_verified = true;
    } else {
        hsm->so_verified = true;
    }
    memmove(hsm->master, master, sizeof hsm->master);
    hsm->master_valid = true;
    pka_update_rights(hsm);
}

void session_forget(struct hsm *hsm, uint16_t record) {
    if (record == RECORD_PIN_USER) {
        hsm->pin_verified = false;
    } else {
        hsm->so_verified = false;
    }
    pka_update_rights(hsm);
    if (!hsm->user_verified && !hsm->so_verified && !hsm->pin_verified) {
        forget_master(hsm);
    }
}

void session_blob_clear(struct hsm *hsm) {
    crypto_wipe(hsm->blob, hsm->blob_len);
    hsm->blob_len = 0;
}
