// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_UTIL_H
#define HSM_CRYPTO_UTIL_H

#include <stdbool.h>
#include <stddef.h>

/* crypto_wipe: overwrites `len` bytes with zeros; the compiler cannot remove it. NULL with 0 is allowed. */
void crypto_wipe(void *buf, size_t len);

/* crypto_equal: compares two buffers of `len` bytes in time that depends on `len` only. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
