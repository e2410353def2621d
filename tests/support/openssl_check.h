// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_OPENSSL_CHECK_H
#define TESTS_SUPPORT_OPENSSL_CHECK_H

/*
 * What the card made, checked by OpenSSL's libcrypto, so that the verifier is not the code that signed. Only
 * the test programs that need it link libcrypto (Makefile, OPENSSL_TESTS).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

/* Public keys: from DER (SubjectPublicKeyInfo), from modulus and exponent, from a point (04 || X || Y) and
 * the curve's name in OpenSSL. NULL when OpenSSL refuses. Release with EVP_PKEY_free. */
EVP_PKEY *openssl_public_der(const uint8_t *der, size_t len);
EVP_PKEY *openssl_public_rsa(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len);
EVP_PKEY *openssl_public_ec(const char *curve, const uint8_t *point, size_t len);

enum openssl_padding {
    OPENSSL_NONE, /* ECDSA, DER */
    OPENSSL_PKCS1,
    OPENSSL_PSS, /* MGF1 with the same hash, salt as long as the hash */
};

/* openssl_verify: is it the signature of `message` hashed by `hash` ("SHA256")? */
bool openssl_verify(EVP_PKEY *key, const char *hash, enum openssl_padding padding, const uint8_t *message,
                    size_t message_len, const uint8_t *signature, size_t signature_len);

/* openssl_verify_hash: ECDSA (DER) of a ready hash of any length. */
bool openssl_verify_hash(EVP_PKEY *key, const uint8_t *hash, size_t hash_len, const uint8_t *signature,
                         size_t signature_len);

/* openssl_der_signature: r || s to ECDSA-Sig-Value. `out` takes 160 bytes; returns the length. */
size_t openssl_der_signature(const uint8_t *rs, size_t len, uint8_t *out);

/* openssl_encrypt: to an RSA key; `oaep_hash` NULL means PKCS #1 v1.5. Returns the length, 0 on failure. */
size_t openssl_encrypt(EVP_PKEY *key, const char *oaep_hash, const uint8_t *message, size_t len, uint8_t *out,
                       size_t cap);

#endif
