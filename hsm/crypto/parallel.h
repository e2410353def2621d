// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_PARALLEL_H
#define HSM_CRYPTO_PARALLEL_H

/*
 * Two independent halves of a long computation, for bodies that can run them at the same time. The engine
 * does not know how: hsm/crypto/parallel.c runs one after the other, and a body with a second processor links
 * its own crypto_parallel instead (rp2040/parallel.c). The result never depends on which.
 */

/*
 * crypto_parallel: calls job(first) and job(second), in any order or both at once, and returns when both have
 * returned. The two calls share nothing that either writes; both may allocate numbers.
 */
void crypto_parallel(void (*job)(void *), void *first, void *second);

#endif
