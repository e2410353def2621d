// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_PIN_H
#define HSM_PIN_H

/*
 * User PIN and SO-PIN: tries, and the master key wrapped under each. A PIN is right when it opens the wrap;
 * no hash of it is stored. A try is taken and committed before the comparison.
 */

#include "hsm/hsm.h"

#define PIN_REF_USER 0x81u
#define PIN_REF_SO 0x88u

#define PIN_FLAG_TRANSPORT 0x01u /* must be changed before it can be used */

struct pin_state {
    uint8_t tries;     /* left */
    uint8_t tries_max; /* after a right PIN */
    uint8_t len;       /* bytes of the PIN, for splitting CHANGE REFERENCE DATA */
    uint8_t flags;
};

/* pin_state: reads it. `record` is RECORD_PIN_USER or RECORD_PIN_SO. Returns 0, HSM_ERR_REFERENCE (not set).
 */
int pin_state(struct hsm *hsm, uint16_t record, struct pin_state *state);

/*
 * pin_verify: takes a try (own transaction), compares, gives the try back. On success `master` receives the
 * master key. Ends the user's login when a user PIN is wrong. Must be called without an open transaction.
 * Returns 0, HSM_ERR_REFERENCE (not set), HSM_ERR_BLOCKED (also when this was the last try),
 * HSM_WRONG_PIN(n), HSM_ERR_STORAGE.
 */
int pin_verify(struct hsm *hsm, uint16_t record, const uint8_t *pin, size_t len, uint8_t master[32]);

/*
 * pin_put: writes a PIN anew with all its tries, wrapping `master`; a transaction must be open.
 */
int pin_put(struct hsm *hsm, uint16_t record, const uint8_t *pin, size_t len, uint8_t tries_max,
            uint8_t flags, const uint8_t master[32]);

/* pin_refill: sets the tries back to their maximum; a transaction must be open. */
int pin_refill(struct hsm *hsm, uint16_t record);

/* pin_tries_limit: most tries that a user PIN of `len` bytes may have (docs/protocol.md, "PIN and SO-PIN").
 */
uint8_t pin_tries_limit(size_t len);

#endif
