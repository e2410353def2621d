// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_STATUS_H
#define HSM_STATUS_H

#include <stdint.h>

/* status_word: the ISO/IEC 7816-4 (5.1.3) status word of a result of hsm/error.h. The only such place. */
uint16_t status_word(int result);

#endif
