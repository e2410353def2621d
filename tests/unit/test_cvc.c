// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * What the card signs, on every curve and for every RSA size of a short test: certificate chain,
 * authenticated requests with both their signatures, and SIGN with every hash. OpenSSL verifies.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/device.h"
#include "hsm/record.h"
#include "tests/support/cvc_client.h"
#include "tests/support/openssl_check.h"

#define DEVICE_CURVE "brainpoolP256r1"

/* OpenSSL's names, by the numbers of enum crypto_curve. */
static const char *const curves[] = {
    NULL,
    "prime192v1",
    "secp224r1",
    "prime256v1",
    "secp384r1",
    "secp521r1",
    "secp192k1",
    "secp224k1",
    "secp256k1",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "brainpoolP192r1",
    "brainpoolP224r1",
    "brainpoolP320r1",
    "brainpoolP192t1",
    "brainpoolP224t1",
    "brainpoolP256t1",
    "brainpoolP320t1",
    "brainpoolP384t1",
    "brainpoolP512t1",
};
#define CURVE_COUNT (sizeof curves / sizeof curves[0])

static const struct {
    const char *name;
    uint8_t p2; /* low half of P2 of SIGN */
} hashes[] = {{"SHA1", 1}, {"SHA224", 2}, {"SHA256", 3}, {"SHA384", 4}, {"SHA512", 5}};
#define HASH_COUNT (sizeof hashes / sizeof hashes[0])

static const uint8_t message[] = "whatever is to be signed";

static struct card *card;
static EVP_PKEY *device_key; /* of the device certificate */

static struct tlv child(const struct tlv *parent, uint32_t tag) {
    struct tlv t;
    if (!tlv_find(parent->value, parent->len, tag, &t)) {
        fail_msg("no object %X in %X", tag, parent->tag);
    }
    return t;
}

static struct tlv outermost(const struct bytes *from) {
    struct reader r;
    struct tlv t;
    reader_init(&r, from->at, from->len);
    assert_int_equal(tlv_next(&r, &t), 1);
    assert_int_equal(r.left, 0);
    return t;
}

/* r || s over `data` with SHA-256, under an EC key. */
static bool plain_signature_fits(EVP_PKEY *key, const uint8_t *data, size_t len,
                                 const struct tlv *signature) {
    uint8_t der[160];
    size_t n = openssl_der_signature(signature->value, signature->len, der);
    return openssl_verify(key, "SHA256", OPENSSL_NONE, data, len, der, n);
}

/* A certificate, 7F21: is it signed by `issuer`? Returns its public key. */
static EVP_PKEY *check_certificate(const struct bytes *certificate, EVP_PKEY *issuer, const char *car) {
    struct tlv cvc = outermost(certificate);
    struct tlv body = child(&cvc, 0x7F4E);
    struct tlv signature = child(&cvc, 0x5F37);
    struct tlv name = child(&body, 0x42);
    struct tlv key = child(&body, 0x7F49);
    struct tlv point = child(&key, 0x86);
    assert_int_equal(name.len, strlen(car));
    assert_memory_equal(name.value, car, name.len);
    assert_int_equal(signature.len, 64);
    assert_true(plain_signature_fits(issuer, body.raw, body.raw_len, &signature));
    return openssl_public_ec(DEVICE_CURVE, point.value, point.len);
}

static int set_up(void **state) {
    (void)state;
    struct bytes device, issuer;
    uint8_t root[65];
    card = card_new(31);
    card_initialize(card, NULL);
    card_login(card);
    client_certificate(card, 0, &device);
    client_certificate(card, 1, &issuer);
    assert_int_equal(device_development_root(&card->hsm, root), HSM_OK);
    EVP_PKEY *root_key = openssl_public_ec(DEVICE_CURVE, root, sizeof root);
    assert_non_null(root_key);
    EVP_PKEY *issuer_key = check_certificate(&issuer, root_key, DEVICE_ROOT_CHR);
    assert_non_null(issuer_key);
    device_key = check_certificate(&device, issuer_key, DEVICE_ISSUER_CHR);
    assert_non_null(device_key);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    EVP_PKEY_free(device_key);
    card_free(card);
    return 0;
}

/* Form of the device id: two letters, nine characters, five digits; scdaemon reads the first 512 bytes of the
 * chain. */
static void test_device_id(void **state) {
    (void)state;
    struct bytes device, chr, chain;
    client_certificate(card, 0, &device);
    client_name(&device, 0x5F20, &chr);
    client_read(card, FID_DEVICE_CERTIFICATES, &chain);
    assert_true(chain.len <= 512);
    assert_int_equal(chr.len, 16);
    assert_memory_equal(chr.at, "XT", 2);
    assert_memory_equal(chr.at + 11, "00001", 5);
    assert_int_equal(card_reopen(card), HSM_OK);
    struct bytes again;
    client_certificate(card, 0, &again);
    assert_int_equal(again.len, device.len);
    assert_memory_equal(again.at, device.at, device.len);
    struct card *other = card_new(32);
    struct bytes other_device, other_chr;
    client_certificate(other, 0, &other_device);
    client_name(&other_device, 0x5F20, &other_chr);
    assert_memory_not_equal(chr.at, other_chr.at, chr.len);
    card_free(other);
    card_login(card);
}

/* Outer signature: by the device over certificate and outer CAR. */
static void check_outer(const struct tlv *request) {
    struct tlv cvc = child(request, 0x7F21);
    struct tlv car = child(request, 0x42);
    struct tlv signature = child(request, 0x5F37);
    struct bytes device, chr;
    client_certificate(card, 0, &device);
    client_name(&device, 0x5F20, &chr);
    assert_int_equal(car.len, chr.len);
    assert_memory_equal(car.value, chr.at, chr.len);
    assert_ptr_equal(cvc.raw + cvc.raw_len, car.raw);
    assert_true(plain_signature_fits(device_key, cvc.raw, cvc.raw_len + car.raw_len, &signature));
}

static EVP_PKEY *check_ec_request(const struct bytes *bytes, const char *curve) {
    struct tlv request = outermost(bytes);
    struct tlv cvc = child(&request, 0x7F21);
    struct tlv body = child(&cvc, 0x7F4E);
    struct tlv signature = child(&cvc, 0x5F37);
    struct tlv key = child(&body, 0x7F49);
    struct tlv point = child(&key, 0x86);
    EVP_PKEY *public = openssl_public_ec(curve, point.value, point.len);
    if (public == NULL) {
        fail_msg("OpenSSL refuses the public key on %s", curve);
    }
    assert_true(plain_signature_fits(public, body.raw, body.raw_len, &signature));
    check_outer(&request);
    return public;
}

static void test_request_of_the_device(void **state) {
    (void)state;
    struct bytes request;
    client_read(card, FID_DEVICE_REQUEST, &request);
    EVP_PKEY *public = check_ec_request(&request, DEVICE_CURVE);
    assert_int_equal(EVP_PKEY_eq(public, device_key), 1);
    EVP_PKEY_free(public);
}

static void sign_with_every_hash(uint8_t id, EVP_PKEY *public) {
    for (size_t h = 0; h < HASH_COUNT; h++) {
        assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x70 | hashes[h].p2, message, sizeof message, true),
                         0x9000);
        assert_true(openssl_verify(public, hashes[h].name, OPENSSL_NONE, message, sizeof message, card->data,
                                   card->len));
        assert_false(openssl_verify(public, hashes[h].name, OPENSSL_NONE, message, sizeof message - 1,
                                    card->data, card->len));
    }
}

/* A ready hash of any length: its leftmost bits count. */
static void sign_hashes_of_any_length(uint8_t id, EVP_PKEY *public) {
    static const size_t lengths[] = {1, 16, 20, 24, 28, 32, 48, 64, 66, 80, 128};
    uint8_t hash[128];
    for (size_t i = 0; i < sizeof hash; i++) {
        hash[i] = (uint8_t)(0xFF - 7 * i);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x70, hash, lengths[i], true), 0x9000);
        assert_true(openssl_verify_hash(public, hash, lengths[i], card->data, card->len));
    }
}

static void test_every_curve(void **state) {
    (void)state;
    for (unsigned curve = 1; curve < CURVE_COUNT; curve++) {
        struct bytes request;
        uint8_t id = (uint8_t)curve;
        client_generate(card, id, (enum crypto_curve)curve, "UTTESTKEY00001", NULL, &request);
        EVP_PKEY *public = check_ec_request(&request, curves[curve]);
        sign_with_every_hash(id, public);
        sign_hashes_of_any_length(id, public);
        EVP_PKEY_free(public);
    }
}

static void sign_with_rsa(uint8_t id, EVP_PKEY *public, size_t k) {
    for (size_t h = 0; h < HASH_COUNT; h++) {
        assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x30 | hashes[h].p2, message, sizeof message, true),
                         0x9000);
        assert_int_equal(card->len, k);
        assert_true(
            openssl_verify(public, hashes[h].name, OPENSSL_PKCS1, message, sizeof message, card->data, k));
        if (k == 128 && hashes[h].p2 == 5) {
            continue; /* hash, salt and padding do not fit 1024 bits */
        }
        assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x40 | hashes[h].p2, message, sizeof message, true),
                         0x9000);
        assert_true(
            openssl_verify(public, hashes[h].name, OPENSSL_PSS, message, sizeof message, card->data, k));
        assert_false(
            openssl_verify(public, hashes[h].name, OPENSSL_PSS, message, sizeof message - 1, card->data, k));
        uint8_t digest[64];
        unsigned digest_len;
        assert_int_equal(EVP_Digest(message, sizeof message, digest, &digest_len,
                                    EVP_get_digestbyname(hashes[h].name), NULL),
                         1);
        assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x40, digest, digest_len, true), 0x9000);
        assert_true(
            openssl_verify(public, hashes[h].name, OPENSSL_PSS, message, sizeof message, card->data, k));
    }
}

static void test_rsa(void **state) {
    (void)state;
    static const size_t sizes[] = {1024, 1536, 2048};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bytes request;
        char command[128];
        uint8_t id = (uint8_t)(0x40 + i);
        snprintf(command, sizeof command,
                 "00 46 %02X 00 00 0015 7F49 12 06 0A 04007F00070202020102 02 02 %04X 02 00 0000", id,
                 (unsigned)sizes[i]);
        assert_int_equal(card_cmd(card, command), 0x9000);
        request.len = card->len;
        memcpy(request.at, card->data, card->len);
        struct tlv outer = outermost(&request);
        struct tlv cvc = child(&outer, 0x7F21);
        struct tlv body = child(&cvc, 0x7F4E);
        struct tlv signature = child(&cvc, 0x5F37);
        struct tlv key = child(&body, 0x7F49);
        struct tlv n = child(&key, 0x81);
        struct tlv e = child(&key, 0x82);
        assert_int_equal(n.len, sizes[i] / 8);
        assert_true(n.value[0] >= 0x80);
        EVP_PKEY *public = openssl_public_rsa(n.value, n.len, e.value, e.len);
        assert_non_null(public);
        assert_true(openssl_verify(public, "SHA256", OPENSSL_PKCS1, body.raw, body.raw_len, signature.value,
                                   signature.len));
        check_outer(&outer);
        sign_with_rsa(id, public, sizes[i] / 8);
        EVP_PKEY_free(public);
    }
}

/* The verifier can say no: a request of one card under the device key of another. */
static void test_foreign_request(void **state) {
    (void)state;
    struct bytes bytes;
    struct card *other = card_new(33);
    client_read(other, FID_DEVICE_REQUEST, &bytes);
    struct tlv request = outermost(&bytes);
    struct tlv cvc = child(&request, 0x7F21);
    struct tlv car = child(&request, 0x42);
    struct tlv signature = child(&request, 0x5F37);
    assert_false(plain_signature_fits(device_key, cvc.raw, cvc.raw_len + car.raw_len, &signature));
    card_free(other);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_id),       cmocka_unit_test(test_request_of_the_device),
        cmocka_unit_test(test_every_curve),     cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_foreign_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
