// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* SELECT (ISO/IEC 7816-4, 7.1.1): the application and its elementary files, and the FCI both answer with. */

#include <string.h>

#include "hsm/command.h"
#include "hsm/config.h"
#include "hsm/file.h"
#include "hsm/key.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/tlv.h"

#define FID_MF 0x3F00u

#define P2_FCI 0x00u
#define P2_FCP 0x04u
#define P2_NOTHING 0x0Cu

static const uint8_t application_id[] = {0xE8, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x81, 0xC3, 0x1F, 0x02, 0x01};

/* Option bits that clients may see in tag 85. The session PIN bit stays hidden: OpenSC would open secure
 * messaging for it. */
#define OPTIONS_SHOWN                                                                                        \
    (OPTION_RESET_RETRY_COUNTER | OPTION_TRANSPORT_PIN | OPTION_PIN_AND_PKA | OPTION_RESET_COUNTER_ONLY)

static size_t open_template(struct writer *out, uint8_t p2) {
    return tlv_open(out, p2 == P2_FCP ? 0x62 : 0x6F);
}

static void put_u16(struct writer *out, uint32_t tag, size_t value) {
    uint16_t capped = value > 0xFFFF ? 0xFFFF : (uint16_t)value;
    uint8_t b[2] = {(uint8_t)(capped >> 8), (uint8_t)capped};
    tlv_put(out, tag, b, sizeof b);
}

static void put_u8(struct writer *out, uint32_t tag, uint8_t value) { tlv_put(out, tag, &value, 1); }

static int check_p2(uint8_t p2) {
    return p2 == P2_FCI || p2 == P2_FCP || p2 == P2_NOTHING ? HSM_OK : HSM_ERR_P1P2;
}

static int answer_application(struct hsm *hsm, uint8_t p2, struct writer *out) {
    struct config config;
    int rc = config_load(hsm, &config);
    if (rc != HSM_OK || p2 == P2_NOTHING) {
        return rc;
    }
    uint16_t options = config.options & OPTIONS_SHOWN;
    uint8_t version[] = {(uint8_t)(options >> 8), (uint8_t)options, 0xFF, HSM_VERSION_MAJOR,
                         HSM_VERSION_MINOR};
    size_t mark = open_template(out, p2);
    put_u8(out, 0x82, 0x78);
    put_u16(out, 0x83, FID_MF);
    tlv_put(out, 0x84, application_id, sizeof application_id);
    put_u8(out, 0x8A, 0x05);
    tlv_put(out, 0x85, version, sizeof version);
    tlv_close(out, mark);
    return HSM_OK;
}

/* SELECT by AID. It is also the logout: clients rely on that. Another AID leaves everything as it is. */
int cmd_select_application(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    int rc = check_p2(apdu->p2);
    if (rc != HSM_OK) {
        return rc;
    }
    if (apdu->nc != sizeof application_id || memcmp(apdu->data, application_id, apdu->nc) != 0) {
        return HSM_ERR_FILE_NOT_FOUND;
    }
    session_end(hsm);
    return answer_application(hsm, apdu->p2, out);
}

/* A key's FCI shows its policy: use counter (90) and algorithm list (91), as at generation. */
static int put_key_policy(struct hsm *hsm, uint8_t id, struct writer *out) {
    struct key key;
    uint32_t uses;
    int rc = key_peek(hsm, id, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    if (key.counted && key_uses_left(hsm, id, &uses) == HSM_OK) {
        uint8_t b[4] = {(uint8_t)(uses >> 24), (uint8_t)(uses >> 16), (uint8_t)(uses >> 8), (uint8_t)uses};
        tlv_put(out, 0x90, b, sizeof b);
    }
    if (key.algorithms_len != 0) {
        tlv_put(out, 0x91, key.algorithms, key.algorithms_len);
    }
    return HSM_OK;
}

/* SELECT by FID or path. The last FID counts; 3F00 alone is the application itself. */
int cmd_select_file(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    int rc = check_p2(apdu->p2);
    if (rc != HSM_OK) {
        return rc;
    }
    if (apdu->nc % 2 != 0) {
        return HSM_ERR_LENGTH;
    }
    struct reader r;
    reader_init(&r, apdu->data, apdu->nc);
    uint16_t fid = FID_MF;
    size_t depth = 0;
    while (r.left != 0) {
        fid = reader_u16(&r);
        depth += fid != FID_MF || r.left == 0 ? 1 : 0;
    }
    if (fid == FID_MF) {
        return answer_application(hsm, apdu->p2, out);
    }
    size_t size = 0;
    rc = depth == 1 ? file_size(hsm, fid, &size) : HSM_ERR_FILE_NOT_FOUND;
    if (rc != HSM_OK) {
        return rc;
    }
    hsm->current_ef = fid;
    if (apdu->p2 == P2_NOTHING) {
        return HSM_OK;
    }
    size_t mark = open_template(out, apdu->p2);
    put_u16(out, 0x81, size);
    put_u16(out, 0x80, size);
    put_u8(out, 0x82, 0x01);
    put_u16(out, 0x83, fid);
    put_u8(out, 0x8A, 0x05);
    if (file_kind(fid) == FILE_KEY) {
        rc = put_key_policy(hsm, (uint8_t)fid, out);
    }
    tlv_close(out, mark);
    return rc;
}
