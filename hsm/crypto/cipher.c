// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/cipher.h"

#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/cipher.h>
#include <mbedtls/cmac.h>
#include <mbedtls/des.h>
#include <mbedtls/gcm.h>

#include "hsm/crypto/util.h"
#include "hsm/error.h"

/* Sets an AES key for one direction. The caller frees `aes` in any case. */
static int aes_key(mbedtls_aes_context *aes, bool encrypt, const uint8_t *key, size_t key_len) {
    int ret;

    mbedtls_aes_init(aes);
    if (key_len != 16 && key_len != 24 && key_len != 32)
        return HSM_ERR_UNSUPPORTED;
    if (encrypt)
        ret = mbedtls_aes_setkey_enc(aes, key, (unsigned)key_len * 8);
    else
        ret = mbedtls_aes_setkey_dec(aes, key, (unsigned)key_len * 8);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

int crypto_aes_cbc(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t *iv, const uint8_t *in,
                   size_t len, uint8_t *out) {
    mbedtls_aes_context aes;
    uint8_t chain[CRYPTO_AES_BLOCK] = {0};

    if (len % CRYPTO_AES_BLOCK != 0)
        return HSM_ERR_LENGTH;
    if (iv != NULL)
        memcpy(chain, iv, sizeof chain);
    int ret = aes_key(&aes, encrypt, key, key_len);
    if (ret == HSM_OK && len != 0 &&
        mbedtls_aes_crypt_cbc(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, len, chain, in,
                              out) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_aes_free(&aes);
    crypto_wipe(chain, sizeof chain);
    return ret;
}

int crypto_aes_ecb_block(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t in[16],
                         uint8_t out[16]) {
    mbedtls_aes_context aes;

    int ret = aes_key(&aes, encrypt, key, key_len);
    if (ret == HSM_OK &&
        mbedtls_aes_crypt_ecb(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, in, out) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_aes_free(&aes);
    return ret;
}

int crypto_aes_cmac(const uint8_t *key, size_t key_len, const struct crypto_part *parts, size_t count,
                    uint8_t mac[16]) {
    mbedtls_cipher_context_t cipher;
    mbedtls_cipher_type_t type;

    switch (key_len) {
    case 16:
        type = MBEDTLS_CIPHER_AES_128_ECB;
        break;
    case 24:
        type = MBEDTLS_CIPHER_AES_192_ECB;
        break;
    case 32:
        type = MBEDTLS_CIPHER_AES_256_ECB;
        break;
    default:
        return HSM_ERR_UNSUPPORTED;
    }
    mbedtls_cipher_init(&cipher);
    int ret = mbedtls_cipher_setup(&cipher, mbedtls_cipher_info_from_type(type));
    if (ret == 0)
        ret = mbedtls_cipher_cmac_starts(&cipher, key, key_len * 8);
    for (size_t i = 0; ret == 0 && i < count; i++)
        if (parts[i].len != 0)
            ret = mbedtls_cipher_cmac_update(&cipher, parts[i].data, parts[i].len);
    if (ret == 0)
        ret = mbedtls_cipher_cmac_finish(&cipher, mac);
    mbedtls_cipher_free(&cipher);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

/* GCM in one direction; writes the computed tag. */
static int gcm_run(int mode, const uint8_t key[32], const uint8_t nonce[12], const struct crypto_part *aad,
                   size_t count, const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[16]) {
    mbedtls_gcm_context gcm;
    size_t done = 0;
    size_t rest = 0;

    mbedtls_gcm_init(&gcm);
    int ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 256);
    if (ret == 0)
        ret = mbedtls_gcm_starts(&gcm, mode, nonce, CRYPTO_GCM_NONCE);
    for (size_t i = 0; ret == 0 && i < count; i++)
        if (aad[i].len != 0)
            ret = mbedtls_gcm_update_ad(&gcm, aad[i].data, aad[i].len);
    if (ret == 0 && len != 0)
        ret = mbedtls_gcm_update(&gcm, in, len, out, len, &done);
    if (ret == 0 && done != len)
        ret = -1;
    if (ret == 0)
        ret = mbedtls_gcm_finish(&gcm, NULL, 0, &rest, tag, CRYPTO_GCM_TAG);
    mbedtls_gcm_free(&gcm);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

int crypto_gcm_seal(const uint8_t key[32], const uint8_t nonce[12], const struct crypto_part *aad,
                    size_t count, const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[16]) {
    return gcm_run(MBEDTLS_GCM_ENCRYPT, key, nonce, aad, count, in, len, out, tag);
}

int crypto_gcm_open(const uint8_t key[32], const uint8_t nonce[12], const struct crypto_part *aad,
                    size_t count, const uint8_t *in, size_t len, const uint8_t tag[16], uint8_t *out) {
    uint8_t computed[CRYPTO_GCM_TAG] = {0};

    int ret = gcm_run(MBEDTLS_GCM_DECRYPT, key, nonce, aad, count, in, len, out, computed);
    if (ret == HSM_OK && !crypto_equal(computed, tag, sizeof computed))
        ret = HSM_ERR_AUTH;
    if (ret != HSM_OK)
        crypto_wipe(out, len);
    crypto_wipe(computed, sizeof computed); /* the right tag of a forged message must not stay around */
    return ret;
}

int crypto_des3_cbc(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t *iv, const uint8_t *in,
                    size_t len, uint8_t *out) {
    mbedtls_des3_context des;
    uint8_t chain[CRYPTO_DES_BLOCK] = {0};
    int ret;

    if (len % CRYPTO_DES_BLOCK != 0)
        return HSM_ERR_LENGTH;
    if (key_len != 16 && key_len != 24)
        return HSM_ERR_UNSUPPORTED;
    if (iv != NULL)
        memcpy(chain, iv, sizeof chain);
    mbedtls_des3_init(&des);
    if (key_len == 16)
        ret = encrypt ? mbedtls_des3_set2key_enc(&des, key) : mbedtls_des3_set2key_dec(&des, key);
    else
        ret = encrypt ? mbedtls_des3_set3key_enc(&des, key) : mbedtls_des3_set3key_dec(&des, key);
    if (ret == 0 && len != 0)
        ret = mbedtls_des3_crypt_cbc(&des, encrypt ? MBEDTLS_DES_ENCRYPT : MBEDTLS_DES_DECRYPT, len, chain,
                                     in, out);
    mbedtls_des3_free(&des);
    crypto_wipe(chain, sizeof chain);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}

int crypto_des_retail_mac(const uint8_t key[16], const struct crypto_part *parts, size_t count,
                          uint8_t mac[8]) {
    mbedtls_des_context left;
    mbedtls_des3_context both;
    uint8_t chain[CRYPTO_DES_BLOCK] = {0};
    size_t filled = 0;
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += parts[i].len;
    if (total == 0 || total % CRYPTO_DES_BLOCK != 0)
        return HSM_ERR_LENGTH;

    /* CBC with the left key over all blocks; the last one is finished by decrypting with the right key and
     * encrypting with the left, which together is one block of two-key triple DES. */
    mbedtls_des_init(&left);
    mbedtls_des3_init(&both);
    int ret = mbedtls_des_setkey_enc(&left, key);
    if (ret == 0)
        ret = mbedtls_des3_set2key_enc(&both, key);
    for (size_t i = 0; ret == 0 && i < count; i++) {
        const uint8_t *data = parts[i].data;
        for (size_t k = 0; ret == 0 && k < parts[i].len; k++) {
            chain[filled++] ^= data[k];
            total--;
            if (filled == CRYPTO_DES_BLOCK) {
                filled = 0;
                ret = total == 0 ? mbedtls_des3_crypt_ecb(&both, chain, chain)
                                 : mbedtls_des_crypt_ecb(&left, chain, chain);
            }
        }
    }
    if (ret == 0)
        memcpy(mac, chain, CRYPTO_DES_BLOCK);
    mbedtls_des_free(&left);
    mbedtls_des3_free(&both);
    crypto_wipe(chain, sizeof chain);
    return ret == 0 ? HSM_OK : HSM_ERR_INTERNAL;
}
