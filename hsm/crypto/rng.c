// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/rng.h"

#include <stdbool.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

#define PERSONAL_MAX 64u /* bytes; with entropy and nonce far below MBEDTLS_CTR_DRBG_MAX_SEED_INPUT */

struct rng_state {
    mbedtls_ctr_drbg_context drbg;
    bool seeded;      /* instantiated with entropy at least once */
    bool must_reseed; /* the last reseed failed: nothing leaves before one succeeds */
};

_Static_assert(sizeof(struct rng_state) <= CRYPTO_RNG_STATE_SIZE, "enlarge CRYPTO_RNG_STATE_SIZE");
_Static_assert(_Alignof(struct rng_state) <= 16, "struct crypto_rng is aligned to 16");

static struct rng_state *state_of(struct crypto_rng *rng) { return (struct rng_state *)(void *)rng->opaque; }

static int instantiate(struct crypto_rng *rng, crypto_entropy_fn entropy, void *entropy_ctx,
                       const uint8_t *personal, size_t personal_len) {
    struct rng_state *state = state_of(rng);

    memset(rng, 0, sizeof *rng);
    rng->entropy = entropy;
    rng->entropy_ctx = entropy_ctx;
    mbedtls_ctr_drbg_init(&state->drbg);
    if (personal_len > PERSONAL_MAX)
        return HSM_ERR_INTERNAL;
    if (mbedtls_ctr_drbg_seed(&state->drbg, entropy, entropy_ctx, personal, personal_len) != 0)
        return HSM_ERR_INTERNAL;
    state->seeded = true;
    return HSM_OK;
}

int crypto_rng_init(struct crypto_rng *rng, crypto_entropy_fn entropy, void *entropy_ctx,
                    const uint8_t *personal, size_t personal_len) {
    return instantiate(rng, entropy, entropy_ctx, personal, personal_len);
}

#if defined(HSM_TEST_BUILD) && HSM_TEST_BUILD

/* Later reseeds of a seeded generator add nothing; what it delivers depends on the seed alone. */
static int no_entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    memset(out, 0, len);
    return 0;
}

int crypto_rng_seed(struct crypto_rng *rng, const uint8_t *seed, size_t len) {
    uint8_t digest[32];

    if (crypto_hash(CRYPTO_SHA256, seed, len, digest) != HSM_OK)
        return HSM_ERR_INTERNAL;
    crypto_rng_free(rng);
    int ret = instantiate(rng, no_entropy, NULL, digest, sizeof digest);
    crypto_wipe(digest, sizeof digest);
    return ret;
}

#endif

int crypto_rng_reseed(struct crypto_rng *rng) {
    struct rng_state *state = state_of(rng);

    if (!state->seeded)
        return HSM_ERR_INTERNAL;
    state->must_reseed = mbedtls_ctr_drbg_reseed(&state->drbg, NULL, 0) != 0;
    return state->must_reseed ? HSM_ERR_INTERNAL : HSM_OK;
}

int crypto_rng_bytes(struct crypto_rng *rng, uint8_t *out, size_t len) {
    struct rng_state *state = state_of(rng);
    size_t done = 0;

    if (!state->seeded || (state->must_reseed && crypto_rng_reseed(rng) != HSM_OK)) {
        crypto_wipe(out, len);
        return HSM_ERR_INTERNAL;
    }
    while (done < len) {
        size_t step = len - done;
        if (step > MBEDTLS_CTR_DRBG_MAX_REQUEST)
            step = MBEDTLS_CTR_DRBG_MAX_REQUEST;
        if (mbedtls_ctr_drbg_random(&state->drbg, out + done, step) != 0) {
            state->must_reseed = true; /* the only cause is a reseed by request count that failed */
            crypto_wipe(out, len);
            return HSM_ERR_INTERNAL;
        }
        done += step;
    }
    return HSM_OK;
}

int crypto_rng_callback(void *rng, unsigned char *out, size_t len) { return crypto_rng_bytes(rng, out, len); }

void crypto_rng_free(struct crypto_rng *rng) { crypto_wipe(rng, sizeof *rng); }
