// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_SM_H
#define HSM_SM_H

/* Secure messaging (BSI TR-03110-3, Appendix F; docs/protocol.md, "Secure messaging"). */

#include "hsm/apdu.h"
#include "hsm/buf.h"
#include "hsm/hsm.h"

/* sm_run: takes a protected command apart, runs it, and protects the answer. Any error of protection ends the
 * session. */
int sm_run(struct hsm *hsm, const struct apdu *apdu, struct writer *out);

#endif
