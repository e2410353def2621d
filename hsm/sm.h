// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_SM_H
#define HSM_SM_H

/* Secure messaging after chip authentication (BSI TR-03110-3, 3.4 and Appendix F; docs/secure-messaging.md).
 */

#include "hsm/apdu.h"
#include "hsm/buf.h"
#include "hsm/hsm.h"

/*
 * sm_run: takes a protected command apart, runs it, and writes the protected answer to `out`. Returns the
 * result of the command inside; HSM_ERR_CONDITIONS (no session), HSM_ERR_SM_MISSING, HSM_ERR_SM_WRONG,
 * HSM_ERR_LENGTH when the protection is not right: the session, and every right in it, is then gone.
 */
int sm_run(struct hsm *hsm, const struct apdu *apdu, struct writer *out);

/* sm_interrupted: a command without protection arrived: ends the session, and every right in it, if there is
 * one. */
void sm_interrupted(struct hsm *hsm);

#endif
