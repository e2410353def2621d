// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/openssl_check.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

EVP_PKEY *openssl_public_der(const uint8_t *der, size_t len) { return d2i_PUBKEY(NULL, &der, (long)len); }

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM *parameters) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *openssl_public_rsa(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len) {
    BIGNUM *n_number = BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *e_number = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n_number);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e_number);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *key = from_parameters("RSA", parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n_number);
    BN_free(e_number);
    return key;
}

EVP_PKEY *openssl_public_ec(const char *curve, const uint8_t *point, size_t len) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, len);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *key = from_parameters("EC", parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum openssl_padding padding) {
    switch (padding) {
    case OPENSSL_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    case OPENSSL_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    default:
        return true;
    }
}

bool openssl_verify(EVP_PKEY *key, const char *hash, enum openssl_padding padding, const uint8_t *message,
                    size_t message_len, const uint8_t *signature, size_t signature_len) {
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(digest, &ctx, hash, NULL, NULL, key, NULL) == 1 &&
              set_padding(ctx, padding) &&
              EVP_DigestVerify(digest, signature, signature_len, message, message_len) == 1;
    EVP_MD_CTX_free(digest);
    return ok;
}

bool openssl_verify_hash(EVP_PKEY *key, const uint8_t *hash, size_t hash_len, const uint8_t *signature,
                         size_t signature_len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
              EVP_PKEY_verify(ctx, signature, signature_len, hash, hash_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

size_t openssl_der_signature(const uint8_t *rs, size_t len, uint8_t *out) {
    ECDSA_SIG *signature = ECDSA_SIG_new();
    int half = (int)(len / 2);
    ECDSA_SIG_set0(signature, BN_bin2bn(rs, half, NULL), BN_bin2bn(rs + half, half, NULL));
    int n = i2d_ECDSA_SIG(signature, &out);
    ECDSA_SIG_free(signature);
    return n > 0 ? (size_t)n : 0;
}

size_t openssl_encrypt(EVP_PKEY *key, const char *oaep_hash, const uint8_t *message, size_t len, uint8_t *out,
                       size_t cap) {
    size_t n = cap;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = EVP_PKEY_encrypt_init(ctx) == 1;
    if (ok && oaep_hash != NULL) {
        const EVP_MD *md = EVP_get_digestbyname(oaep_hash);
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
    }
    ok = ok && EVP_PKEY_encrypt(ctx, out, &n, message, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? n : 0;
}
