// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/mul.h"

#include <string.h>

/* mbedTLS's own */
#include "common.h"

#include "bignum_core.h"

void mul(uint32_t *x, const uint32_t *a, size_t a_words, const uint32_t *b, size_t b_words) {
    if (a_words == 0 || a_words % 8 != 0 || b_words == 0) {
        mbedtls_mpi_core_mul(x, a, a_words, b, b_words);
        return;
    }
    memset(x, 0, a_words * sizeof *x);
    mul_rows(x, a, a_words, b, b_words);
}
