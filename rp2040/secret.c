// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/secret.h"

#include <string.h>

#include "hsm/crypto/util.h"
#include "storage/crc32.h"

static const char magic[16] = "TwinHSM secret 1";

struct record {
    char magic[sizeof magic];
    uint8_t secret[HSM_DEVICE_SECRET_LEN];
    uint32_t crc;
};

_Static_assert(sizeof(struct record) == 52, "no padding");

static uint32_t crc_of(const struct record *record) {
    return crc32_update(0, record, sizeof *record - sizeof record->crc);
}

bool secret_read(const struct nor_device *device, uint8_t secret[HSM_DEVICE_SECRET_LEN]) {
    struct record record;
    bool valid = device->read(device->context, 0, &record, sizeof record) == NOR_OK &&
                 memcmp(record.magic, magic, sizeof magic) == 0 && record.crc == crc_of(&record);

    if (valid) {
        memcpy(secret, record.secret, sizeof record.secret);
    }
    crypto_wipe(&record, sizeof record);
    return valid;
}

int secret_create(const struct nor_device *device, const uint8_t secret[HSM_DEVICE_SECRET_LEN]) {
    union {
        struct record record;
        uint8_t bytes[NOR_PAGE_SIZE];
    } page;
    uint8_t back[HSM_DEVICE_SECRET_LEN];
    int rc = 0;

    memset(page.bytes, 0xFF, sizeof page.bytes);
    memcpy(page.record.magic, magic, sizeof magic);
    memcpy(page.record.secret, secret, sizeof page.record.secret);
    page.record.crc = crc_of(&page.record);
    if (device->erase(device->context, 0) != NOR_OK ||
        device->program(device->context, 0, page.bytes) != NOR_OK || !secret_read(device, back) ||
        memcmp(back, secret, sizeof back) != 0) {
        rc = -1;
    }
    crypto_wipe(&page, sizeof page);
    crypto_wipe(back, sizeof back);
    return rc;
}

void secret_erase(const struct nor_device *device) { (void)device->erase(device->context, 0); }
