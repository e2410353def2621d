// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/rsa_check.h"

#include <string.h>

bool rsa_check_pkcs1(const struct crypto_rsa_public *pub, enum crypto_hash_id id, const uint8_t *digest,
                     const uint8_t *signature) {
    uint8_t em[CRYPTO_RSA_LEN_MAX];
    uint8_t expected[CRYPTO_RSA_LEN_MAX];
    uint8_t info[19 + CRYPTO_HASH_MAX];
    size_t k = pub->bits / 8;
    size_t info_len = crypto_pkcs1_digest_info(id, digest, info);

    return crypto_pkcs1_pad(info, info_len, k, expected) == 0 &&
           crypto_rsa_apply_public(pub, signature, em) == 0 && memcmp(em, expected, k) == 0;
}

static void xor_mgf1(enum crypto_hash_id id, const uint8_t *seed, uint8_t *buf, size_t len) {
    size_t hash_len = crypto_hash_len(id);

    for (size_t i = 0; i < len; i++) {
        static uint8_t mask[CRYPTO_HASH_MAX];
        if (i % hash_len == 0) {
            uint8_t number[4] = {0, 0, 0, (uint8_t)(i / hash_len)};
            struct crypto_part parts[2] = {{seed, hash_len}, {number, 4}};
            crypto_hash_parts(id, parts, 2, mask);
        }
        buf[i] ^= mask[i % hash_len];
    }
}

bool rsa_check_pss(const struct crypto_rsa_public *pub, enum crypto_hash_id id, const uint8_t *digest,
                   const uint8_t *signature, const uint8_t *salt, size_t salt_len) {
    static const uint8_t zeros[8];
    uint8_t em[CRYPTO_RSA_LEN_MAX];
    uint8_t h[CRYPTO_HASH_MAX];
    size_t k = pub->bits / 8; /* also the length of the encoded message: the size is a multiple of 8 bits */
    size_t hash_len = crypto_hash_len(id);

    if (crypto_rsa_apply_public(pub, signature, em) != 0 || k < hash_len + salt_len + 2 ||
        em[k - 1] != 0xBC || (em[0] & 0x80) != 0)
        return false;
    size_t db_len = k - hash_len - 1;
    xor_mgf1(id, em + db_len, em, db_len);
    em[0] &= 0x7F;
    for (size_t i = 0; i < db_len - salt_len - 1; i++)
        if (em[i] != 0)
            return false;
    const uint8_t *found = em + db_len - salt_len;
    if (found[-1] != 0x01 || (salt != NULL && memcmp(found, salt, salt_len) != 0))
        return false;
    struct crypto_part parts[3] = {{zeros, 8}, {digest, hash_len}, {found, salt_len}};
    crypto_hash_parts(id, parts, 3, h);
    return memcmp(h, em + db_len, hash_len) == 0;
}
