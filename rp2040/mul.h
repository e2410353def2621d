// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_MUL_H
#define RP2040_MUL_H

/* Multiplication of big numbers for the Cortex-M0+. */

#include <stddef.h>
#include <stdint.h>

/* mul_rows (mul.S): x = a * b; `a_words` is a multiple of 8, neither length is 0, and the first a_words words
 * of x are 0. x takes a_words + b_words words and overlaps neither. */
void mul_rows(uint32_t *x, const uint32_t *a, size_t a_words, const uint32_t *b, size_t b_words);

/* mul: x = a * b, in the place of mbedTLS's internal mbedtls_mpi_core_mul, which its bignum.c is compiled not
 * to call (CMakeLists.txt). */
void mul(uint32_t *x, const uint32_t *a, size_t a_words, const uint32_t *b, size_t b_words);

#endif
