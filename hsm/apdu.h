// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_APDU_H
#define HSM_APDU_H

/* Command APDUs (ISO/IEC 7816-3, 12.1.2): the seven cases 1, 2S, 3S, 4S, 2E, 3E, 4E. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apdu {
    uint8_t cla;
    uint8_t ins;
    uint8_t p1;
    uint8_t p2;
    const uint8_t *data; /* NULL when nc is 0 */
    size_t nc;           /* bytes of command data, 0..65535 */
    size_t ne;           /* most bytes of response data wanted, 0..65536; 0 = no Le field */
    bool extended;       /* lengths are in the extended form */
};

/* apdu_parse: splits a command of `len` bytes. Returns 0 or HSM_ERR_LENGTH. */
int apdu_parse(const uint8_t *command, size_t len, struct apdu *out);

/* apdu_p1p2: P1 and P2 as one number. */
uint16_t apdu_p1p2(const struct apdu *apdu);

#endif
