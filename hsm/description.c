// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/description.h"

#include "hsm/file.h"
#include "hsm/record.h"
#include "hsm/tlv.h"

#define DESCRIPTION_MAX 96u

/* Outer tag: PrivateKeyType is a CHOICE, RSA untagged. */
static uint8_t outer_tag(const struct key *key) {
    switch (key->type) {
    case KEY_RSA:
        return 0x30;
    case KEY_EC:
        return 0xA0;
    default:
        return 0xA8;
    }
}

/* KeyUsageFlags as clients write them: RSA sign, decrypt and unwrap; EC sign and derive; AES encrypt,
 * decrypt, sign. */
static void put_usage(struct writer *w, const struct key *key) {
    switch (key->type) {
    case KEY_RSA:
        tlv_put(w, 0x03, "\x02\x74", 2);
        break;
    case KEY_EC:
        tlv_put(w, 0x03, "\x07\x20\x80", 3);
        break;
    default:
        tlv_put(w, 0x03, "\x07\xC0\x10", 3);
        break;
    }
}

static void put_label(struct writer *w, uint8_t id) {
    static const char digits[] = "0123456789ABCDEF";
    char label[] = "Key ..";
    label[4] = digits[id >> 4];
    label[5] = digits[id & 15];
    tlv_put(w, 0x0C, label, sizeof label - 1);
}

static void put_description(struct writer *w, const struct key *key) {
    uint8_t bits[3] = {0, (uint8_t)(key->bits >> 8), (uint8_t)key->bits};
    /* A positive INTEGER: a leading zero when the top bit is set. No key here has fewer than 128 bits. */
    const uint8_t *number = bits[1] >= 0x80   ? bits
                            : bits[1] != 0    ? bits + 1
                            : bits[2] >= 0x80 ? bits + 1
                                              : bits + 2;
    size_t number_len = (size_t)(bits + 3 - number);
    size_t outer = tlv_open(w, outer_tag(key));
    size_t common = tlv_open(w, 0x30);
    put_label(w, key->id);
    tlv_close(w, common);
    size_t class = tlv_open(w, 0x30);
    tlv_put(w, 0x04, &key->id, 1);
    put_usage(w, key);
    tlv_close(w, class);
    if (key->type == KEY_AES) {
        size_t sub = tlv_open(w, 0xA0);
        size_t attributes = tlv_open(w, 0x30);
        tlv_put(w, 0x02, number, number_len);
        tlv_close(w, attributes);
        tlv_close(w, sub);
    } else {
        size_t type = tlv_open(w, 0xA1);
        size_t attributes = tlv_open(w, 0x30);
        size_t path = tlv_open(w, 0x30);
        tlv_put(w, 0x04, NULL, 0);
        tlv_close(w, path);
        tlv_put(w, 0x02, number, number_len);
        tlv_close(w, attributes);
        tlv_close(w, type);
    }
    tlv_close(w, outer);
}

int description_ensure(struct hsm *hsm, const struct key *key) {
    uint16_t fid = (uint16_t)(FID_PRKD | key->id);
    uint8_t first = 0;
    size_t len = 0;
    int rc = file_read(hsm, fid, 0, &first, 1, &len);
    if (rc == HSM_OK && len == 1 && first == outer_tag(key)) {
        return HSM_OK;
    }
    if (rc != HSM_OK && rc != HSM_ERR_FILE_NOT_FOUND) {
        return rc;
    }
    uint8_t description[DESCRIPTION_MAX];
    struct writer w;
    writer_init(&w, description, sizeof description);
    put_description(&w, key);
    return w.overflow ? HSM_ERR_INTERNAL : file_put(hsm, fid, description, w.len);
}
