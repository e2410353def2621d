// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/hash.h"

#include <string.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

#define BLOCK_MAX 128u /* bytes of the longest input block, SHA-384 and SHA-512 */

size_t crypto_hash_len(enum crypto_hash_id id) {
    switch (id) {
    case CRYPTO_SHA1:
    case CRYPTO_RIPEMD160:
        return 20;
    case CRYPTO_SHA224:
        return 28;
    case CRYPTO_SHA256:
        return 32;
    case CRYPTO_SHA384:
        return 48;
    case CRYPTO_SHA512:
        return 64;
    }
    return 0;
}

static size_t block_len(enum crypto_hash_id id) {
    return id == CRYPTO_SHA384 || id == CRYPTO_SHA512 ? 128 : 64;
}

int crypto_hash_start(struct crypto_hash_ctx *ctx, enum crypto_hash_id id) {
    int ret = -1;

    memset(ctx, 0, sizeof *ctx);
    ctx->id = id;
    switch (id) {
    case CRYPTO_SHA1:
        mbedtls_sha1_init(&ctx->u.sha1);
        ret = mbedtls_sha1_starts(&ctx->u.sha1);
        break;
    case CRYPTO_SHA224:
    case CRYPTO_SHA256:
        mbedtls_sha256_init(&ctx->u.sha256);
        ret = mbedtls_sha256_starts(&ctx->u.sha256, id == CRYPTO_SHA224);
        break;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        mbedtls_sha512_init(&ctx->u.sha512);
        ret = mbedtls_sha512_starts(&ctx->u.sha512, id == CRYPTO_SHA384);
        break;
    case CRYPTO_RIPEMD160:
        mbedtls_ripemd160_init(&ctx->u.ripemd160);
        ret = mbedtls_ripemd160_starts(&ctx->u.ripemd160);
        break;
    default:
        return HSM_ERR_UNSUPPORTED;
    }
    if (ret != 0) {
        crypto_hash_wipe(ctx);
        return HSM_ERR_INTERNAL;
    }
    return HSM_OK;
}

int crypto_hash_update(struct crypto_hash_ctx *ctx, const void *data, size_t len) {
    int ret = -1;

    if (len == 0)
        return HSM_OK;
    switch (ctx->id) {
    case CRYPTO_SHA1:
        ret = mbedtls_sha1_update(&ctx->u.sha1, data, len);
        break;
    case CRYPTO_SHA224:
    case CRYPTO_SHA256:
        ret = mbedtls_sha256_update(&ctx->u.sha256, data, len);
        break;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        ret = mbedtls_sha512_update(&ctx->u.sha512, data, len);
        break;
    case CRYPTO_RIPEMD160:
        ret = mbedtls_ripemd160_update(&ctx->u.ripemd160, data, len);
        break;
    }
    if (ret != 0) {
        crypto_hash_wipe(ctx);
        return HSM_ERR_INTERNAL;
    }
    return HSM_OK;
}

int crypto_hash_finish(struct crypto_hash_ctx *ctx, uint8_t *out) {
    uint8_t digest[CRYPTO_HASH_MAX]; /* older code paths of mbedTLS write the untruncated digest */
    size_t len = crypto_hash_len(ctx->id);
    int ret = -1;

    switch (ctx->id) {
    case CRYPTO_SHA1:
        ret = mbedtls_sha1_finish(&ctx->u.sha1, digest);
        break;
    case CRYPTO_SHA224:
    case CRYPTO_SHA256:
        ret = mbedtls_sha256_finish(&ctx->u.sha256, digest);
        break;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        ret = mbedtls_sha512_finish(&ctx->u.sha512, digest);
        break;
    case CRYPTO_RIPEMD160:
        ret = mbedtls_ripemd160_finish(&ctx->u.ripemd160, digest);
        break;
    }
    if (ret == 0)
        memcpy(out, digest, len);
    crypto_wipe(digest, sizeof digest);
    crypto_hash_wipe(ctx);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

void crypto_hash_copy(struct crypto_hash_ctx *to, const struct crypto_hash_ctx *from) {
    memset(to, 0, sizeof *to);
    to->id = from->id;
    switch (from->id) {
    case CRYPTO_SHA1:
        mbedtls_sha1_clone(&to->u.sha1, &from->u.sha1);
        break;
    case CRYPTO_SHA224:
    case CRYPTO_SHA256:
        mbedtls_sha256_clone(&to->u.sha256, &from->u.sha256);
        break;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        mbedtls_sha512_clone(&to->u.sha512, &from->u.sha512);
        break;
    case CRYPTO_RIPEMD160:
        mbedtls_ripemd160_clone(&to->u.ripemd160, &from->u.ripemd160);
        break;
    }
}

void crypto_hash_wipe(struct crypto_hash_ctx *ctx) { crypto_wipe(ctx, sizeof *ctx); }

static int update_parts(struct crypto_hash_ctx *ctx, const struct crypto_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int ret = crypto_hash_update(ctx, parts[i].data, parts[i].len);
        if (ret != HSM_OK)
            return ret;
    }
    return HSM_OK;
}

int crypto_hash_parts(enum crypto_hash_id id, const struct crypto_part *parts, size_t count, uint8_t *out) {
    struct crypto_hash_ctx ctx;

    int ret = crypto_hash_start(&ctx, id);
    if (ret == HSM_OK)
        ret = update_parts(&ctx, parts, count);
    if (ret == HSM_OK)
        ret = crypto_hash_finish(&ctx, out);
    return ret;
}

int crypto_hash(enum crypto_hash_id id, const void *data, size_t len, uint8_t *out) {
    struct crypto_part part = {data, len};

    return crypto_hash_parts(id, &part, 1, out);
}

/* Starts one keyed state: the hash of the key block XORed with `pad`. */
static int keyed_state(struct crypto_hash_ctx *ctx, enum crypto_hash_id id, const uint8_t *key,
                       size_t key_len, uint8_t pad) {
    uint8_t block[BLOCK_MAX];
    size_t block_size = block_len(id);

    memset(block, pad, block_size);
    for (size_t i = 0; i < key_len; i++)
        block[i] ^= key[i];
    int ret = crypto_hash_start(ctx, id);
    if (ret == HSM_OK)
        ret = crypto_hash_update(ctx, block, block_size);
    crypto_wipe(block, sizeof block);
    return ret;
}

int crypto_hmac_key_set(struct crypto_hmac_key *hmac, enum crypto_hash_id id, const uint8_t *key,
                        size_t key_len) {
    uint8_t digest[CRYPTO_HASH_MAX];
    int ret;

    if (crypto_hash_len(id) == 0)
        return HSM_ERR_UNSUPPORTED;
    if (key_len > block_len(id)) { /* FIPS 198-1, 4, step 2 */
        ret = crypto_hash(id, key, key_len, digest);
        if (ret != HSM_OK)
            return ret;
        key = digest;
        key_len = crypto_hash_len(id);
    }
    ret = keyed_state(&hmac->inner, id, key, key_len, 0x36);
    if (ret == HSM_OK)
        ret = keyed_state(&hmac->outer, id, key, key_len, 0x5C);
    crypto_wipe(digest, sizeof digest);
    if (ret != HSM_OK)
        crypto_hmac_key_wipe(hmac);
    return ret;
}

int crypto_hmac_key_mac(const struct crypto_hmac_key *hmac, const struct crypto_part *parts, size_t count,
                        uint8_t *out) {
    struct crypto_hash_ctx ctx;
    uint8_t digest[CRYPTO_HASH_MAX];

    crypto_hash_copy(&ctx, &hmac->inner);
    int ret = update_parts(&ctx, parts, count);
    if (ret == HSM_OK)
        ret = crypto_hash_finish(&ctx, digest);
    if (ret == HSM_OK) {
        crypto_hash_copy(&ctx, &hmac->outer);
        ret = crypto_hash_update(&ctx, digest, crypto_hash_len(hmac->outer.id));
    }
    if (ret == HSM_OK)
        ret = crypto_hash_finish(&ctx, out);
    crypto_wipe(digest, sizeof digest);
    return ret;
}

void crypto_hmac_key_wipe(struct crypto_hmac_key *hmac) { crypto_wipe(hmac, sizeof *hmac); }

int crypto_hmac(enum crypto_hash_id id, const uint8_t *key, size_t key_len, const struct crypto_part *parts,
                size_t count, uint8_t *out) {
    struct crypto_hmac_key hmac;

    int ret = crypto_hmac_key_set(&hmac, id, key, key_len);
    if (ret == HSM_OK) {
        ret = crypto_hmac_key_mac(&hmac, parts, count, out);
        crypto_hmac_key_wipe(&hmac);
    }
    return ret;
}
