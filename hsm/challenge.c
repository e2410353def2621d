// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* GET CHALLENGE (ISO/IEC 7816-4, 7.5.3). */

#include <string.h>

#include "hsm/command.h"

/* Without Le: as much as a short Le of 00 asks for. */
#define DEFAULT_LEN 256u

int cmd_get_challenge(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    size_t len = apdu->ne == 0 ? DEFAULT_LEN : apdu->ne < HSM_CHALLENGE_MAX ? apdu->ne : HSM_CHALLENGE_MAX;
    uint8_t *to = writer_reserve(out, len);
    if (to == NULL) {
        return HSM_ERR_LENGTH;
    }
    int rc = crypto_rng_bytes(&hsm->rng, to, len);
    /* Eight bytes are a challenge for EXTERNAL AUTHENTICATE; longer ones are random numbers for the client.
     */
    if (rc == HSM_OK && len == sizeof hsm->challenge) {
        memcpy(hsm->challenge, to, len);
        hsm->challenge_valid = true;
    }
    return rc;
}
