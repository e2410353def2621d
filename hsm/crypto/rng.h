// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_RNG_H
#define HSM_CRYPTO_RNG_H

/*
 * The card's random generator: CTR_DRBG with AES-256 (NIST SP 800-90A, 10.2.1) over the platform's entropy.
 * One per card, owned by the caller; no state is shared between cards.
 */

#include <stddef.h>
#include <stdint.h>

#include "hsm/limits.h"

/*
 * Entropy source: fills `out` with `len` bytes of full entropy. Returns 0, or any other value when its health
 * tests fail: the generator then delivers nothing more until a later call succeeds.
 */
typedef int (*crypto_entropy_fn)(void *ctx, uint8_t *out, size_t len);

/* Room for the generator's state; checked at compile time in rng.c. */
#define CRYPTO_RNG_STATE_SIZE 640u

struct crypto_rng {
    _Alignas(16) unsigned char opaque[CRYPTO_RNG_STATE_SIZE];
    crypto_entropy_fn entropy;
    void *entropy_ctx;
};

/*
 * crypto_rng_init: instantiates the generator. `personal` (`personal_len` bytes, 0..64) makes two cards with
 * the same entropy differ. Returns 0 or HSM_ERR_INTERNAL when the source fails.
 */
int crypto_rng_init(struct crypto_rng *rng, crypto_entropy_fn entropy, void *entropy_ctx,
                    const uint8_t *personal, size_t personal_len);

/*
 * crypto_rng_bytes: fills `out` with `len` random bytes, any length. It reseeds by itself.
 * Returns 0 or HSM_ERR_INTERNAL; `out` is then zeroed.
 */
int crypto_rng_bytes(struct crypto_rng *rng, uint8_t *out, size_t len);

/* crypto_rng_reseed: mixes fresh entropy in now. Returns 0 or HSM_ERR_INTERNAL. */
int crypto_rng_reseed(struct crypto_rng *rng);

/* crypto_rng_free: wipes the state. Afterwards crypto_rng_bytes only fails. */
void crypto_rng_free(struct crypto_rng *rng);

#if defined(HSM_TEST_BUILD) && HSM_TEST_BUILD
/*
 * crypto_rng_seed: test builds only. Makes everything the generator delivers from now on a function of `seed`
 * (any length) alone; the entropy source is not asked again. Returns 0 or HSM_ERR_INTERNAL.
 */
int crypto_rng_seed(struct crypto_rng *rng, const uint8_t *seed, size_t len);
#endif

#endif
