// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/config.h"

#include "hsm/buf.h"
#include "hsm/record.h"
#include "hsm/vault.h"

#define CONFIG_LEN 6u

int config_load(struct hsm *hsm, struct config *config) {
    uint8_t raw[CONFIG_LEN];
    *config = (struct config){0};
    int rc = vault_get_small(hsm, SEAL_DEVICE, RECORD_CONFIG, raw, sizeof raw);
    if (rc == HSM_ERR_REFERENCE) {
        return HSM_OK;
    }
    if (rc != HSM_OK) {
        return rc;
    }
    struct reader r;
    reader_init(&r, raw, sizeof raw);
    config->options = reader_u16(&r);
    config->mode = reader_u8(&r);
    config->domains = reader_u8(&r);
    config->pka_total = reader_u8(&r);
    config->pka_required = reader_u8(&r);
    return HSM_OK;
}

int config_save(struct hsm *hsm, const struct config *config) {
    uint8_t raw[CONFIG_LEN];
    struct writer w;
    writer_init(&w, raw, sizeof raw);
    writer_u16(&w, config->options);
    writer_u8(&w, config->mode);
    writer_u8(&w, config->domains);
    writer_u8(&w, config->pka_total);
    writer_u8(&w, config->pka_required);
    return vault_put_small(hsm, SEAL_DEVICE, RECORD_CONFIG, raw, w.len);
}
