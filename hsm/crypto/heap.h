// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_HEAP_H
#define HSM_CRYPTO_HEAP_H

/*
 * The heap as mbedTLS sees it (mbedtls_config.h names these functions): whatever is given back is wiped
 * first. mbedTLS wipes most of what it frees itself, but not the work space of modular inversion and gcd,
 * where primes lie.
 */

#include <stddef.h>

/* crypto_heap_calloc / crypto_heap_free: as calloc and free. Alignment suits every type. */
void *crypto_heap_calloc(size_t count, size_t size);
void crypto_heap_free(void *block);

#endif
