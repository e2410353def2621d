// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_SESSION_H
#define HSM_SESSION_H

/*
 * The session: who is authenticated, the current EF, and the pending steps of multi-command protocols. It
 * lives in RAM only and ends with power off, reset, and SELECT of the application.
 */

#include "hsm/hsm.h"

/* session_end: forgets everything, keys included. */
void session_end(struct hsm *hsm);

/* session_login: the user PIN was right (RECORD_PIN_USER) or the SO-PIN (RECORD_PIN_SO); `master` came with
 * it. */
void session_login(struct hsm *hsm, uint16_t record, const uint8_t master[32]);

/* session_forget: ends the login that belongs to one PIN record, after a wrong PIN. */
void session_forget(struct hsm *hsm, uint16_t record);

/* session_blob_clear: empties EF 2F10. */
void session_blob_clear(struct hsm *hsm);

#endif
