// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/parallel.h"

void crypto_parallel(void (*job)(void *), void *first, void *second) {
    job(first);
    job(second);
}
