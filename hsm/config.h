// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CONFIG_H
#define HSM_CONFIG_H

/* What INITIALIZE DEVICE chose for the card (docs/protocol.md, "INITIALIZE DEVICE"). */

#include "hsm/hsm.h"

#define OPTION_RESET_RETRY_COUNTER 0x0001u /* SO-PIN may unblock the user PIN */
#define OPTION_TRANSPORT_PIN 0x0002u       /* user PIN must be changed before use */
#define OPTION_SESSION_PIN 0x0004u         /* clear the authentication at reset */
#define OPTION_REPLACE_PKA_KEY 0x0008u     /* a registered public key may be replaced */
#define OPTION_PIN_AND_PKA 0x0010u         /* user PIN and public keys are both needed */
#define OPTION_RESET_COUNTER_ONLY 0x0020u  /* SO-PIN resets the tries, but cannot set a PIN */

enum domain_mode {
    DOMAINS_NONE = 0, /* no DKEK: keys cannot leave the card */
    DOMAINS_DKEK = 1, /* one domain, 0, set up by INITIALIZE (tag 92) */
    DOMAINS_MANY = 2, /* key domains, created one by one (tag 97) */
};

struct config {
    uint16_t options;
    uint8_t mode;      /* enum domain_mode */
    uint8_t domains;   /* number of key domains, 0..HSM_DOMAINS_MAX */
    uint8_t pka_total; /* public keys to be registered; 0 = no public key authentication */
    uint8_t pka_required;
};

/* config_load: reads it. On a card never initialised it gives an all-zero config. Returns 0 or an error of
 * the vault. */
int config_load(struct hsm *hsm, struct config *config);

/* config_save: writes it; a transaction must be open. */
int config_save(struct hsm *hsm, const struct config *config);

#endif
