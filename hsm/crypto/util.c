// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/util.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>

void crypto_wipe(void *buf, size_t len) {
    if (len != 0)
        mbedtls_platform_zeroize(buf, len);
}

bool crypto_equal(const void *a, const void *b, size_t len) {
    return len == 0 || mbedtls_ct_memcmp(a, b, len) == 0;
}
