// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * RSA private operations on both cores. mbedTLS raises the blinded input to dP mod p, then to dQ mod q, one
 * right after the other, and looks at neither result in between: so the first is given to core 1 and the
 * second computed meanwhile. mbedTLS's rsa.c is compiled to call rsa_pair_exp_mod in the place of
 * mbedtls_mpi_exp_mod (CMakeLists.txt); blinding, recombination and the check of the result stay mbedTLS's
 * own.
 *
 * The two are told from its other calls by the exponent: those use the public one, which has at most
 * CRYPTO_RSA_EXP_MAX bytes.
 */

#include <mbedtls/bignum.h>

#include "hsm/crypto/rsa.h"
#include "rp2040/parallel.h"

int rsa_pair_exp_mod(mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n,
                     mbedtls_mpi *rr);

struct power {
    mbedtls_mpi *x;
    const mbedtls_mpi *a;
    const mbedtls_mpi *e;
    const mbedtls_mpi *n;
    mbedtls_mpi *rr;
    int result;
};

static void compute(void *arg) {
    struct power *power = arg;

    power->result = mbedtls_mpi_exp_mod(power->x, power->a, power->e, power->n, power->rr);
}

int rsa_pair_exp_mod(mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n,
                     mbedtls_mpi *rr) {
    static struct power first; /* pointers only */
    static bool waiting;

    if (mbedtls_mpi_size(e) <= CRYPTO_RSA_EXP_MAX) {
        return mbedtls_mpi_exp_mod(x, a, e, n, rr);
    }
    if (!waiting) {
        first = (struct power){x, a, e, n, rr, 0};
        waiting = true;
        parallel_begin(compute, &first);
        return 0;
    }
    int result = mbedtls_mpi_exp_mod(x, a, e, n, rr);
    parallel_end();
    waiting = false;
    return first.result != 0 ? first.result : result;
}
