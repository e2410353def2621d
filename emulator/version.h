// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_VERSION_H
#define EMULATOR_VERSION_H

/* Version of the product. The card's own version, which clients read, is HSM_VERSION_MAJOR in hsm/hsm.h. */
#define TWINHSM_VERSION "0.1.0"

#endif
