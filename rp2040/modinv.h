// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_MODINV_H
#define RP2040_MODINV_H

/*
 * Modular inversion, much faster than mbedTLS's on a processor without a long
 * multiplication: division steps in batches of 30, each batch a 2x2 matrix of words. The number of steps
 * depends on the size of the modulus only, and no branch or address on the numbers.
 *
 * Source: Bernstein, Yang, "Fast constant-time gcd computation and modular inversion", 2019, theorem 11.2 for
 * the number of steps.
 */

#include <mbedtls/bignum.h>

/*
 * modinv: x = a^-1 mod n and gcd (may be NULL) = 1, in the place of mbedTLS's internal
 * mbedtls_mpi_gcd_modinv_odd, which its ecp.c, ecdsa.c and rsa.c are compiled not to call (CMakeLists.txt).
 * It turns to that function itself for what they hardly ask for: x NULL, n above 2048 bits or below 64, a not
 * in 1..n-1 or not invertible. Returns 0 or an error of mbedTLS.
 */
int modinv(mbedtls_mpi *gcd, mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *n);

#endif
