// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include <string.h>

#include "hsm/command.h"
#include "hsm/crypto/util.h"
#include "hsm/vault.h"

#define ANY COMMAND_ANY
#define MAXDATA UINT16_MAX

/*
 * Every command of the card. Rows of one instruction stand together; the first that fits P1, P2 and length is
 * taken. Source of each: docs/protocol.md, under the command's name.
 */
static const struct command commands[] = {
    // clang-format off
    /* INS  P1    P2    Nc min..max    access       effect        answer         handler, name */
    {0x20, 0x00, ANY,   0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_pin_status, "VERIFY (status)"},
    {0x20, 0x00, ANY,   1, 16,        ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_verify, "VERIFY"},
    {0x22, 0x81, 0xB6,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_manage_se, "MANAGE SE (verification key)"},
    {0x22, 0x81, 0xA4,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_manage_se, "MANAGE SE (authentication key)"},
    {0x22, 0x41, 0xA4,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_manage_se, "MANAGE SE (chip authentication)"},
    {0x24, 0x00, ANY,   1, 2 * HSM_PIN_MAX, ACCESS_FREE, EFFECT_OWN, ANSWER_ON_LE, cmd_change_reference_data, "CHANGE REFERENCE DATA"},
    {0x2A, 0x00, 0xBE,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_verify_certificate, "VERIFY CERTIFICATE"},
    {0x2C, 0x00, ANY,  14, 24,        ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_reset_retry_counter, "RESET RETRY COUNTER"},
    {0x2C, 0x01, ANY,   8,  8,        ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_reset_retry_counter, "RESET RETRY COUNTER"},
    {0x2C, 0x02, ANY,   6, 16,        ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_reset_retry_counter, "RESET RETRY COUNTER"},
    {0x2C, 0x03, ANY,   0,  0,        ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_reset_retry_counter, "RESET RETRY COUNTER"},
    {0x46, ANY,  0x00,  1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_generate_asymmetric, "GENERATE ASYMMETRIC KEY PAIR"},
    {0x48, ANY,  ANY,   0, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_generate_symmetric, "GENERATE SYMMETRIC KEY"},
    {0x50, 0x00, 0x00,  0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_device_status, "INITIALIZE DEVICE (status)"},
    {0x50, 0x00, 0x00,  1, MAXDATA,   ACCESS_FREE, EFFECT_OWN,   ANSWER_ON_LE,  cmd_initialize, "INITIALIZE DEVICE"},
    {0x52, 0x00, ANY,   0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_domain_status, "KEY DOMAIN (status)"},
    {0x52, 0x00, ANY,  32, 32,        ACCESS_FREE, EFFECT_STORE, ANSWER_ALWAYS, cmd_domain_import_share, "KEY DOMAIN (import share)"},
    {0x52, 0x01, ANY,   1,  1,        ACCESS_USER, EFFECT_STORE, ANSWER_ALWAYS, cmd_domain_create, "KEY DOMAIN (create)"},
    {0x52, 0x02, ANY,   1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ALWAYS, cmd_domain_create_xkek, "KEY DOMAIN (create XKEK)"},
    {0x52, 0x03, ANY,   0,  0,        ACCESS_USER, EFFECT_STORE, ANSWER_ALWAYS, cmd_domain_delete, "KEY DOMAIN (delete)"},
    {0x52, 0x04, ANY,   0,  0,        ACCESS_USER, EFFECT_STORE, ANSWER_ALWAYS, cmd_domain_delete_key, "KEY DOMAIN (delete key)"},
    {0x54, 0x00, 0x00,  0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_pka_status, "PUBLIC KEY AUTHENTICATION (status)"},
    {0x54, 0x00, 0x00,  1, MAXDATA,   ACCESS_FREE, EFFECT_STORE, ANSWER_ALWAYS, cmd_pka_register, "PUBLIC KEY AUTHENTICATION (register)"},
    {0x54, 0x01, ANY,   1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ALWAYS, cmd_pka_replace, "PUBLIC KEY AUTHENTICATION (replace)"},
    {0x54, 0x02, ANY,   0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_pka_enumerate, "PUBLIC KEY AUTHENTICATION (enumerate)"},
    {0x58, 0x00, 0x00,  0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_enumerate_objects, "ENUMERATE OBJECTS"},
    {0x62, ANY,  ANY,   1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_decipher, "DECIPHER"},
    {0x68, ANY,  ANY,   1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_sign, "SIGN"},
    {0x72, ANY,  0x92,  0,  0,        ACCESS_USER, EFFECT_NONE,  ANSWER_ON_LE,  cmd_wrap, "WRAP KEY"},
    {0x74, ANY,  0x93,  0, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_unwrap, "UNWRAP KEY"},
    {0x76, ANY,  ANY,   1, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_derive_key, "DERIVE KEY"},
    {0x78, ANY,  ANY,   0, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_cipher, "CIPHER"},
    {0x82, 0x00, 0x00,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_external_authenticate, "EXTERNAL AUTHENTICATE"},
    {0x84, 0x00, 0x00,  0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_get_challenge, "GET CHALLENGE"},
    {0x86, 0x00, 0x00,  1, MAXDATA,   ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_general_authenticate, "GENERAL AUTHENTICATE"},
    {0xA4, 0x04, ANY,   1, 16,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_select_application, "SELECT"},
    {0xA4, 0x00, ANY,   0, 16,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_select_file, "SELECT"},
    {0xA4, 0x02, ANY,   2, 16,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_select_file, "SELECT"},
    {0xA4, 0x08, ANY,   2, 16,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_select_file, "SELECT"},
    {0xA4, 0x09, ANY,   2, 16,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ALWAYS, cmd_select_file, "SELECT"},
    {0xB0, ANY,  ANY,   0,  0,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_read_binary, "READ BINARY"},
    {0xB1, ANY,  ANY,   2,  6,        ACCESS_FREE, EFFECT_NONE,  ANSWER_ON_LE,  cmd_read_binary_odd, "READ BINARY"},
    {0xD7, ANY,  ANY,   4, MAXDATA,   ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_update_binary_odd, "UPDATE BINARY"},
    {0xE4, ANY,  ANY,   2,  2,        ACCESS_USER, EFFECT_STORE, ANSWER_ON_LE,  cmd_delete_file, "DELETE FILE"},
    // clang-format on
};

static bool parameter_fits(int16_t wanted, uint8_t value) {
    return wanted == COMMAND_ANY || wanted == (int16_t)value;
}

/* Finds the row; else the status says how far the command was right: instruction, P1-P2, length. */
static int find(uint8_t ins, uint8_t p1, uint8_t p2, size_t nc, const struct command **found) {
    int rc = HSM_ERR_INS;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        if (c->ins != ins) {
            continue;
        }
        if (!parameter_fits(c->p1, p1) || !parameter_fits(c->p2, p2)) {
            rc = rc == HSM_ERR_INS ? HSM_ERR_P1P2 : rc;
            continue;
        }
        if (nc < c->nc_min || nc > c->nc_max) {
            rc = HSM_ERR_LENGTH;
            continue;
        }
        *found = c;
        return HSM_OK;
    }
    return rc;
}

const char *command_name(uint8_t ins, uint8_t p1, uint8_t p2, size_t nc) {
    const struct command *command;
    if (find(ins, p1, p2, nc, &command) == HSM_OK) {
        return command->name;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].ins == ins) {
            return commands[i].name;
        }
    }
    return "unknown";
}

static bool allowed(const struct hsm *hsm, enum command_access access) {
    return access == ACCESS_FREE || hsm->user_verified;
}

static int run_in_transaction(struct hsm *hsm, const struct command *command, const struct apdu *apdu,
                              struct writer *out) {
    int rc = store_result(store_begin(hsm->store));
    if (rc != HSM_OK) {
        return rc;
    }
    rc = command->handler(hsm, apdu, out);
    if (rc != HSM_OK || out->overflow) {
        store_abort(hsm->store);
        return rc;
    }
    return store_result(store_commit(hsm->store));
}

/* May response data leave with this result? */
static bool carries_data(int result) { return result == HSM_OK || result == HSM_ERR_REGISTERED; }

int command_run(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    const struct command *command;
    int rc = find(apdu->ins, apdu->p1, apdu->p2, apdu->nc, &command);
    if (rc != HSM_OK) {
        return rc;
    }
    if (!allowed(hsm, command->access)) {
        return HSM_ERR_SECURITY;
    }
    if (command->effect == EFFECT_STORE) {
        rc = run_in_transaction(hsm, command, apdu, out);
    } else {
        rc = command->handler(hsm, apdu, out);
    }
    if (rc == HSM_OK && out->overflow) {
        rc = HSM_ERR_INTERNAL;
    }
    if (!carries_data(rc) || (apdu->ne == 0 && command->answer == ANSWER_ON_LE)) {
        crypto_wipe(out->buf, out->len);
        writer_truncate(out, 0);
    } else if (apdu->ne != 0) {
        writer_truncate(out, apdu->ne);
    }
    return rc;
}
