// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Key derivation from passwords and secrets: PBKDF2 and HKDF, both on HMAC.

#include <string.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/internal.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

/* Iterations between two calls of tick: about 10 ms on the RP2040, nothing on a host. */
#define PBKDF2_TICK_ITERATIONS 16u

/* One block T_i of RFC 8018, 5.2, step 3. `block` receives one digest. */
static int pbkdf2_block(const struct crypto_hmac_key *hmac, const uint8_t *salt, size_t salt_len,
                        uint32_t index, uint32_t iterations, void (*tick)(void *), void *tick_ctx,
                        uint8_t *block) {
    size_t len = crypto_hash_len(hmac->inner.id);
    uint8_t number[4] = {(uint8_t)(index >> 24), (uint8_t)(index >> 16), (uint8_t)(index >> 8),
                         (uint8_t)index};
    struct crypto_part first[2] = {{salt, salt_len}, {number, sizeof number}};
    uint8_t u[CRYPTO_HASH_MAX];
    struct crypto_part next = {u, len};

    int ret = crypto_hmac_key_mac(hmac, first, 2, u);
    memcpy(block, u, len);
    for (uint32_t i = 1; i < iterations && ret == HSM_OK; i++) {
        if (tick != NULL && i % PBKDF2_TICK_ITERATIONS == 0)
            tick(tick_ctx);
        ret = crypto_hmac_key_mac(hmac, &next, 1, u);
        for (size_t k = 0; k < len; k++)
            block[k] ^= u[k];
    }
    crypto_wipe(u, sizeof u);
    return ret;
}

int crypto_pbkdf2(enum crypto_hash_id id, const uint8_t *password, size_t password_len, const uint8_t *salt,
                  size_t salt_len, uint32_t iterations, void (*tick)(void *), void *tick_ctx, uint8_t *out,
                  size_t out_len) {
    struct crypto_hmac_key hmac;
    uint8_t block[CRYPTO_HASH_MAX] = {0};
    size_t digest_len = crypto_hash_len(id);
    size_t done = 0;

    if (iterations == 0)
        return HSM_ERR_DATA;
    int ret = crypto_hmac_key_set(&hmac, id, password, password_len);
    if (ret != HSM_OK)
        return ret;
    for (uint32_t index = 1; done < out_len && ret == HSM_OK; index++) {
        size_t step = out_len - done < digest_len ? out_len - done : digest_len;
        ret = pbkdf2_block(&hmac, salt, salt_len, index, iterations, tick, tick_ctx, block);
        memcpy(out + done, block, step);
        done += step;
    }
    if (ret != HSM_OK)
        crypto_wipe(out, out_len);
    crypto_wipe(block, sizeof block);
    crypto_hmac_key_wipe(&hmac);
    return ret;
}

/* HKDF-Expand, RFC 5869, 2.3: T(i) = HMAC(PRK, T(i-1) || info || i). */
static int hkdf_expand(const struct crypto_hmac_key *prk, const uint8_t *info, size_t info_len, uint8_t *out,
                       size_t out_len) {
    size_t digest_len = crypto_hash_len(prk->inner.id);
    uint8_t t[CRYPTO_HASH_MAX];
    uint8_t number = 0;
    size_t done = 0;
    int ret = HSM_OK;

    while (done < out_len && ret == HSM_OK) {
        number++;
        struct crypto_part parts[3] = {
            {t, number == 1 ? 0 : digest_len},
            {info, info_len},
            {&number, 1},
        };
        size_t step = out_len - done < digest_len ? out_len - done : digest_len;
        ret = crypto_hmac_key_mac(prk, parts, 3, t);
        if (ret == HSM_OK)
            memcpy(out + done, t, step);
        done += step;
    }
    if (ret != HSM_OK)
        crypto_wipe(out, out_len);
    crypto_wipe(t, sizeof t);
    return ret;
}

int crypto_hkdf(enum crypto_hash_id id, const uint8_t *salt, size_t salt_len, const uint8_t *secret,
                size_t secret_len, const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len) {
    uint8_t prk[CRYPTO_HASH_MAX];
    struct crypto_hmac_key hmac;
    struct crypto_part part = {secret, secret_len};
    size_t digest_len = crypto_hash_len(id);

    if (digest_len == 0)
        return HSM_ERR_UNSUPPORTED;
    if (out_len > 255 * digest_len)
        return HSM_ERR_LENGTH;
    /* An absent salt is a string of zeros (2.2), which HMAC's key padding makes of an empty one by itself. */
    int ret = crypto_hmac(id, salt, salt_len, &part, 1, prk);
    if (ret == HSM_OK)
        ret = crypto_hmac_key_set(&hmac, id, prk, digest_len);
    if (ret == HSM_OK) {
        ret = hkdf_expand(&hmac, info, info_len, out, out_len);
        crypto_hmac_key_wipe(&hmac);
    }
    crypto_wipe(prk, sizeof prk);
    return ret;
}
