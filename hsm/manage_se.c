// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* MANAGE SECURITY ENVIRONMENT: SET (ISO/IEC 7816-4, 7.5.11): which key the next command of a protocol uses.
 */

#include <string.h>

#include "hsm/command.h"
#include "hsm/pka.h"
#include "hsm/tlv.h"
#include "hsm/trust.h"

#define TAG_ALGORITHM 0x80u
#define TAG_PUBLIC_KEY 0x83u

#define P1_COMPUTE 0x41u
#define P2_DST 0xB6u

/* id-CA-ECDH-3DES-CBC-CBC and id-CA-ECDH-AES-CBC-CMAC-128 (TR-03110-3, A.1.1.2) but for the last byte. */
static const uint8_t oid_chip_authentication[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x03, 0x02};
#define SUITE_DES3 0x01u
#define SUITE_AES128 0x02u

static int select_chip_authentication(struct hsm *hsm, const struct apdu *apdu) {
    struct tlv oid;
    hsm->se_ca = false;
    if (!tlv_find(apdu->data, apdu->nc, TAG_ALGORITHM, &oid)) {
        return HSM_ERR_DATA;
    }
    size_t prefix = sizeof oid_chip_authentication;
    if (oid.len != prefix + 1 || memcmp(oid.value, oid_chip_authentication, prefix) != 0) {
        return HSM_ERR_UNSUPPORTED;
    }
    uint8_t suite = oid.value[prefix];
    if (suite != SUITE_DES3 && suite != SUITE_AES128) {
        return HSM_ERR_UNSUPPORTED;
    }
    hsm->se_ca = true;
    hsm->se_ca_des3 = suite == SUITE_DES3;
    return HSM_OK;
}

static int select_verification_key(struct hsm *hsm, const struct tlv *name) {
    struct trust_key key;
    hsm->se_dst_len = 0;
    int rc = trust_find(hsm, name->value, name->len, &key);
    if (rc == HSM_OK) {
        memcpy(hsm->se_dst, name->value, name->len);
        hsm->se_dst_len = (uint8_t)name->len;
    }
    return rc;
}

static int select_authentication_key(struct hsm *hsm, const struct tlv *name) {
    hsm->se_at_slot = -1;
    int slot = pka_find(hsm, name->value, name->len);
    if (slot < 0) {
        return slot;
    }
    if (pka_is_authenticated(hsm, (uint8_t)slot)) {
        return HSM_ERR_CONDITIONS;
    }
    hsm->se_at_slot = slot;
    return HSM_OK;
}

int cmd_manage_se(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct tlv name;
    if (!tlv_valid(apdu->data, apdu->nc)) {
        return HSM_ERR_DATA;
    }
    if (apdu->p1 == P1_COMPUTE) {
        return select_chip_authentication(hsm, apdu);
    }
    if (!tlv_find(apdu->data, apdu->nc, TAG_PUBLIC_KEY, &name) || name.len == 0 || name.len > HSM_CHR_MAX) {
        return HSM_ERR_DATA;
    }
    return apdu->p2 == P2_DST ? select_verification_key(hsm, &name) : select_authentication_key(hsm, &name);
}
