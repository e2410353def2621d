// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Project Wycheproof's vectors: edge cases and known attacks, for every primitive that the card exposes. A
// vector is valid (must work), invalid (must be refused) or acceptable (either, but what comes out must be
// right).

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/crypto/cipher.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/rsa.h"
#include "hsm/error.h"
#include "tests/support/json.h"
#include "tests/support/rsa_check.h"
#include "tests/support/vectors.h"

#define DATA_MAX 66000u /* bytes: one HKDF vector asks for too much */

static struct crypto_rng rng;

/* One byte string of a vector. */
struct bytes {
    uint8_t data[DATA_MAX];
    size_t len;
};

static struct bytes key, iv, aad, msg, cipher, tag, out;

static void get(const struct json *object, const char *name, struct bytes *bytes) {
    bytes->len = hex_bytes(json_string(object, name), bytes->data, sizeof bytes->data);
}

typedef void run_vector(struct tally *tally, const struct json *group, const struct json *vector,
                        const char *file);

/* Runs every vector of a file. */
static void run_file(struct tally *tally, const char *name, run_vector *run) {
    char path[600];

    snprintf(path, sizeof path, "%s/%s.json", vectors_wycheproof_dir(), name);
    struct json *document = json_read(path);
    const struct json *groups = json_get(document, "testGroups");
    assert_non_null(groups);
    for (const struct json *group = groups->first; group != NULL; group = group->next) {
        const struct json *vectors = json_get(group, "tests");
        assert_non_null(vectors);
        for (const struct json *vector = vectors->first; vector != NULL; vector = vector->next)
            run(tally, group, vector, name);
    }
    json_free(document);
}

/*
 * Counts a vector. `accepted`: the operation succeeded; `correct`: with the published output.
 */
static void count(struct tally *tally, const struct json *vector, bool accepted, bool correct,
                  const char *file) {
    const char *expected = json_string(vector, "result");
    bool right;

    if (strcmp(expected, "valid") == 0)
        right = accepted && correct;
    else if (strcmp(expected, "invalid") == 0)
        right = !(accepted && correct);
    else
        right = !accepted || correct;
    tally_check(tally, right, file, (unsigned)json_number(vector, "tcId"));
}

static bool out_is(const struct bytes *expected) {
    return out.len == expected->len && memcmp(out.data, expected->data, out.len) == 0;
}

static enum crypto_hash_id hash_named(const char *name) {
    static const struct {
        const char *name;
        enum crypto_hash_id id;
    } known[] = {
        {"SHA-1", CRYPTO_SHA1},     {"SHA-224", CRYPTO_SHA224}, {"SHA-256", CRYPTO_SHA256},
        {"SHA-384", CRYPTO_SHA384}, {"SHA-512", CRYPTO_SHA512},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].id;
    fail_msg("unexpected hash %s", name);
    return CRYPTO_SHA1;
}

/* AES-CBC; the vectors have PKCS #7 padding, which is put on and checked here. */
static void run_aes_cbc(struct tally *tally, const struct json *group, const struct json *vector,
                        const char *file) {
    (void)group;
    get(vector, "key", &key);
    get(vector, "iv", &iv);
    get(vector, "msg", &msg);
    get(vector, "ct", &cipher);
    bool accepted = cipher.len != 0 && crypto_aes_cbc(false, key.data, key.len, iv.data, cipher.data,
                                                      cipher.len, out.data) == HSM_OK;
    size_t padding = accepted ? out.data[cipher.len - 1] : 0;
    accepted = accepted && padding >= 1 && padding <= 16;
    for (size_t i = 0; accepted && i < padding; i++)
        accepted = out.data[cipher.len - 1 - i] == padding;
    out.len = accepted ? cipher.len - padding : 0;
    bool correct = out_is(&msg);
    if (strcmp(json_string(vector, "result"), "valid") == 0) { /* and back */
        size_t pad = 16 - msg.len % 16;
        memset(msg.data + msg.len, (int)pad, pad);
        out.len = msg.len + pad;
        correct = correct &&
                  crypto_aes_cbc(true, key.data, key.len, iv.data, msg.data, out.len, out.data) == HSM_OK &&
                  out_is(&cipher);
    }
    count(tally, vector, accepted, correct, file);
}

static void aes_cbc(void **state) {
    struct tally tally = {.what = "Wycheproof AES-CBC"};

    (void)state;
    run_file(&tally, "aes_cbc_pkcs5_test", run_aes_cbc);
    tally_end(&tally);
}

static void run_aes_cmac(struct tally *tally, const struct json *group, const struct json *vector,
                         const char *file) {
    (void)group;
    get(vector, "key", &key);
    get(vector, "msg", &msg);
    get(vector, "tag", &tag);
    struct crypto_part part = {msg.data, msg.len};
    bool accepted = crypto_aes_cmac(key.data, key.len, &part, 1, out.data) == HSM_OK;
    out.len = tag.len <= 16 ? tag.len : 16;
    count(tally, vector, accepted, out_is(&tag), file);
}

static void aes_cmac(void **state) {
    struct tally tally = {.what = "Wycheproof AES-CMAC"};

    (void)state;
    run_file(&tally, "aes_cmac_test", run_aes_cmac);
    tally_end(&tally);
}

/* What crypto_gcm_* offers: 256-bit keys, 96-bit nonces, 128-bit tags. */
static void run_aes_gcm(struct tally *tally, const struct json *group, const struct json *vector,
                        const char *file) {
    if (json_number(group, "keySize") != 256 || json_number(group, "ivSize") != 96 ||
        json_number(group, "tagSize") != 128)
        return;
    get(vector, "key", &key);
    get(vector, "iv", &iv);
    get(vector, "aad", &aad);
    get(vector, "msg", &msg);
    get(vector, "ct", &cipher);
    get(vector, "tag", &tag);
    struct crypto_part part = {aad.data, aad.len};
    int ret = crypto_gcm_open(key.data, iv.data, &part, 1, cipher.data, cipher.len, tag.data, out.data);
    out.len = cipher.len;
    bool accepted = ret == HSM_OK;
    bool correct = out_is(&msg);
    if (accepted) {
        uint8_t own[16];
        ret = crypto_gcm_seal(key.data, iv.data, &part, 1, msg.data, msg.len, out.data, own);
        correct = correct && ret == HSM_OK && out_is(&cipher) && memcmp(own, tag.data, 16) == 0;
    } else {
        assert_int_equal(ret, HSM_ERR_AUTH);
    }
    count(tally, vector, accepted, correct, file);
}

static void aes_gcm(void **state) {
    struct tally tally = {.what = "Wycheproof AES-256-GCM"};

    (void)state;
    run_file(&tally, "aes_gcm_test", run_aes_gcm);
    tally_end(&tally);
}

static enum crypto_hash_id file_hash; /* the MAC and KDF files name it in the file name only */

static void run_hmac(struct tally *tally, const struct json *group, const struct json *vector,
                     const char *file) {
    (void)group;
    get(vector, "key", &key);
    get(vector, "msg", &msg);
    get(vector, "tag", &tag);
    struct crypto_part part = {msg.data, msg.len};
    bool accepted = crypto_hmac(file_hash, key.data, key.len, &part, 1, out.data) == HSM_OK;
    out.len = tag.len;
    count(tally, vector, accepted, out_is(&tag), file);
}

static void run_hkdf(struct tally *tally, const struct json *group, const struct json *vector,
                     const char *file) {
    static struct bytes salt, info;
    size_t size = (size_t)json_number(vector, "size");

    (void)group;
    get(vector, "ikm", &key);
    get(vector, "salt", &salt);
    get(vector, "info", &info);
    get(vector, "okm", &msg);
    if (size > sizeof out.data)
        fail_msg("%zu bytes of output", size);
    int ret =
        crypto_hkdf(file_hash, salt.data, salt.len, key.data, key.len, info.data, info.len, out.data, size);
    out.len = size;
    count(tally, vector, ret == HSM_OK, ret == HSM_OK && out_is(&msg), file);
}

static void hmac_and_hkdf(void **state) {
    static const struct {
        const char *hmac;
        const char *hkdf;
        enum crypto_hash_id id;
    } files[] = {
        {"hmac_sha1_test", "hkdf_sha1_test", CRYPTO_SHA1},
        {"hmac_sha224_test", NULL, CRYPTO_SHA224},
        {"hmac_sha256_test", "hkdf_sha256_test", CRYPTO_SHA256},
        {"hmac_sha384_test", "hkdf_sha384_test", CRYPTO_SHA384},
        {"hmac_sha512_test", "hkdf_sha512_test", CRYPTO_SHA512},
    };
    struct tally hmac = {.what = "Wycheproof HMAC"};
    struct tally hkdf = {.what = "Wycheproof HKDF"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        file_hash = files[i].id;
        run_file(&hmac, files[i].hmac, run_hmac);
        if (files[i].hkdf != NULL)
            run_file(&hkdf, files[i].hkdf, run_hkdf);
    }
    tally_end(&hmac);
    tally_end(&hkdf);
}

static enum crypto_curve curve_named(const char *name) {
    for (int i = 1; i <= CRYPTO_BP512T1; i++) {
        struct crypto_ec_params params;
        if (crypto_ec_params((enum crypto_curve)i, &params) == HSM_OK && strcmp(params.name, name) == 0)
            return (enum crypto_curve)i;
    }
    fail_msg("unexpected curve %s", name);
    return CRYPTO_CURVE_NONE;
}

/* r || s; a signature of another length is none. */
static void run_ecdsa(struct tally *tally, const struct json *group, const struct json *vector,
                      const char *file) {
    const struct json *pub = json_get(group, "publicKey");
    enum crypto_curve curve = curve_named(json_string(pub, "curve"));
    enum crypto_hash_id id = hash_named(json_string(group, "sha"));
    size_t len = crypto_ec_field_len(curve);
    uint8_t digest[CRYPTO_HASH_MAX];

    get(pub, "uncompressed", &key);
    get(vector, "msg", &msg);
    get(vector, "sig", &tag);
    /* secp224k1's order has a bit more than its field, so published r and s have a byte more. The few valid
     * vectors where that byte is not zero cannot be given to a function that takes field_len bytes (ec.h says
     * why that is enough); an invalid one stays refused for its length. */
    if (curve == CRYPTO_SECP224K1 && tag.len == 2 * (len + 1)) {
        if (tag.data[0] == 0 && tag.data[len + 1] == 0) {
            memmove(tag.data, tag.data + 1, len);
            memmove(tag.data + len, tag.data + len + 2, len);
            tag.len = 2 * len;
        } else if (strcmp(json_string(vector, "result"), "valid") == 0) {
            return;
        }
    }
    crypto_hash(id, msg.data, msg.len, digest);
    assert_int_equal(key.len, 1 + 2 * len);
    bool accepted = tag.len == 2 * len && crypto_ecdsa_verify(curve, key.data, digest, crypto_hash_len(id),
                                                              tag.data, tag.data + len) == HSM_OK;
    count(tally, vector, accepted, true, file);
}

static void ecdsa(void **state) {
    static const char *const files[] = {
        "secp192r1_sha256",       "secp192k1_sha256",       "secp224r1_sha224",
        "secp224r1_sha256",       "secp224r1_sha512",       "secp224k1_sha224",
        "secp224k1_sha256",       "secp256r1_sha256",       "secp256r1_sha512",
        "secp256k1_sha256",       "secp256k1_sha512",       "secp384r1_sha384",
        "secp384r1_sha512",       "secp521r1_sha512",       "brainpoolP224r1_sha224",
        "brainpoolP256r1_sha256", "brainpoolP320r1_sha384", "brainpoolP384r1_sha384",
        "brainpoolP512r1_sha512",
    };
    struct tally tally = {.what = "Wycheproof ECDSA verification"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "ecdsa_%s_p1363_test", files[i]);
        run_file(&tally, name, run_ecdsa);
    }
    tally_end(&tally);
}

static void agree(struct tally *tally, enum crypto_curve curve, const struct json *vector,
                  const uint8_t *peer, size_t peer_len, const char *file) {
    size_t len = crypto_ec_field_len(curve);
    uint8_t priv[CRYPTO_EC_FIELD_MAX];

    if (!hex_integer(json_string(vector, "private"), priv, len))
        fail_msg("%s: a private key of more than %zu bytes", file, len);
    get(vector, "shared", &msg);
    bool accepted = crypto_ecdh(curve, &rng, priv, peer, peer_len, out.data) == HSM_OK;
    out.len = len;
    count(tally, vector, accepted, accepted && out_is(&msg), file);
}

/* The public key as a bare point. Compressed ones are not taken by the card: they are acceptable or invalid.
 */
static void run_ecdh_point(struct tally *tally, const struct json *group, const struct json *vector,
                           const char *file) {
    get(vector, "public", &key);
    agree(tally, curve_named(json_string(group, "curve")), vector, key.data, key.len, file);
}

/*
 * The public key in a SubjectPublicKeyInfo. The card takes points only, so the point is cut out of the end;
 * the vectors about the structure around it have nothing to say here.
 */
static void run_ecdh_asn(struct tally *tally, const struct json *group, const struct json *vector,
                         const char *file) {
    static const char *const about_points[] = {
        "Normal",           "EdgeCaseSharedSecret", "EdgeCaseEphemeralKey",
        "EdgeCaseDoubling", "AdditionChain",        "InvalidCurveAttack"};
    enum crypto_curve curve = curve_named(json_string(group, "curve"));
    size_t len = 1 + 2 * crypto_ec_field_len(curve);
    bool wanted = false;

    const struct json *flags = json_get(vector, "flags");
    for (const struct json *flag = flags->first; flag != NULL; flag = flag->next)
        for (size_t i = 0; i < sizeof about_points / sizeof about_points[0]; i++)
            wanted = wanted || strcmp(flag->string, about_points[i]) == 0;
    if (!wanted)
        return;
    get(vector, "public", &key);
    if (key.len < len)
        fail_msg("%s: too short for a point", file);
    agree(tally, curve, vector, key.data + key.len - len, len, file);
}

static void ecdh(void **state) {
    static const char *const points[] = {"secp224r1", "secp256r1", "secp384r1", "secp521r1"};
    static const char *const others[] = {"secp256k1",       "brainpoolP224r1", "brainpoolP256r1",
                                         "brainpoolP320r1", "brainpoolP384r1", "brainpoolP512r1"};
    struct tally tally = {.what = "Wycheproof ECDH"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        snprintf(name, sizeof name, "ecdh_%s_ecpoint_test", points[i]);
        run_file(&tally, name, run_ecdh_point);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(name, sizeof name, "ecdh_%s_test", others[i]);
        run_file(&tally, name, run_ecdh_asn);
    }
    tally_end(&tally);
}

static void run_xdh(struct tally *tally, const struct json *group, const struct json *vector,
                    const char *file) {
    enum crypto_curve curve =
        strcmp(json_string(group, "curve"), "curve25519") == 0 ? CRYPTO_X25519 : CRYPTO_X448;
    size_t len = crypto_ec_field_len(curve);

    get(vector, "public", &key);
    get(vector, "private", &iv);
    get(vector, "shared", &msg);
    assert_int_equal(iv.len, len);
    bool accepted = crypto_ecdh(curve, &rng, iv.data, key.data, key.len, out.data) == HSM_OK;
    out.len = len;
    bool correct = accepted && out_is(&msg);
    /* "acceptable" covers points on the twist and non-canonical ones, which RFC 7748 wants to work, and
     * points of small order, which it lets us refuse: only the latter may be refused here. */
    bool zero = true;
    for (size_t i = 0; i < msg.len; i++)
        zero = zero && msg.data[i] == 0;
    if (strcmp(json_string(vector, "result"), "acceptable") == 0)
        tally_check(tally, zero ? !accepted : correct, file, (unsigned)json_number(vector, "tcId"));
    else
        count(tally, vector, accepted, correct, file);
}

static void xdh(void **state) {
    struct tally x25519 = {.what = "Wycheproof X25519"};
    struct tally x448 = {.what = "Wycheproof X448"};

    (void)state;
    run_file(&x25519, "x25519_test", run_xdh);
    run_file(&x448, "x448_test", run_xdh);
    tally_end(&x25519);
    tally_end(&x448);
}

static bool read_public(const struct json *object, struct crypto_rsa_public *pub) {
    memset(pub, 0, sizeof *pub);
    get(object, "modulus", &key);
    size_t zeros = 0;
    while (zeros < key.len && key.data[zeros] == 0)
        zeros++;
    size_t len = key.len - zeros;
    if (len > sizeof pub->n)
        return false;
    memcpy(pub->n, key.data + zeros, len);
    pub->bits = 8 * len;
    get(object, "publicExponent", &key);
    zeros = 0;
    while (zeros < key.len && key.data[zeros] == 0)
        zeros++;
    pub->e_len = key.len - zeros;
    if (pub->e_len > sizeof pub->e)
        return false;
    memcpy(pub->e, key.data + zeros, pub->e_len);
    return true;
}

static void run_rsa_signature(struct tally *tally, const struct json *group, const struct json *vector,
                              const char *file) {
    struct crypto_rsa_public pub;
    enum crypto_hash_id id = hash_named(json_string(group, "sha"));
    uint8_t digest[CRYPTO_HASH_MAX];

    assert_true(read_public(json_get(group, "publicKey"), &pub));
    get(vector, "msg", &msg);
    get(vector, "sig", &tag);
    crypto_hash(id, msg.data, msg.len, digest);
    bool accepted = tag.len == pub.bits / 8 && rsa_check_pkcs1(&pub, id, digest, tag.data);
    count(tally, vector, accepted, true, file);
}

static void rsa_signature(void **state) {
    static const char *const files[] = {"2048_sha224", "2048_sha256", "2048_sha384", "2048_sha512",
                                        "3072_sha256", "3072_sha384", "3072_sha512", "4096_sha256",
                                        "4096_sha384", "4096_sha512"};
    struct tally tally = {.what = "Wycheproof RSA PKCS #1 v1.5 verification"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(name, sizeof name, "rsa_signature_%s_test", files[i]);
        run_file(&tally, name, run_rsa_signature);
    }
    tally_end(&tally);
}

/* The private key of a group, imported once for all its vectors. */
static const struct json *imported;
static uint8_t priv[CRYPTO_RSA_PRIV_MAX];
static size_t priv_len;
static size_t modulus_len;

static int import_group(const struct json *group, bool by_primes) {
    static struct bytes n, d, e;
    const struct json *object = json_get(group, "privateKey");
    int ret;

    get(object, "publicExponent", &e);
    if (by_primes) {
        get(object, "prime1", &n);
        get(object, "prime2", &d);
        ret = crypto_rsa_from_pq(n.data, n.len, d.data, d.len, e.data, e.len, &rng, priv, &priv_len);
    } else {
        get(object, "modulus", &n);
        get(object, "privateExponent", &d);
        ret = crypto_rsa_from_nde(n.data, n.len, d.data, d.len, e.data, e.len, &rng, priv, &priv_len);
    }
    imported = group;
    if (ret == HSM_OK) {
        struct crypto_rsa_public pub;
        ret = crypto_rsa_public(priv, priv_len, &pub);
        modulus_len = pub.bits / 8;
    }
    return ret;
}

static void decrypt(struct tally *tally, const struct json *group, const struct json *vector,
                    const char *file, bool oaep) {
    uint8_t em[CRYPTO_RSA_LEN_MAX];

    if (imported != group && import_group(group, !oaep) != HSM_OK)
        fail_msg("%s: a key was refused", file);
    get(vector, "msg", &msg);
    get(vector, "ct", &cipher);
    /* A ciphertext that is not as long as the modulus is refused by the command's length check. */
    bool accepted =
        cipher.len == modulus_len && crypto_rsa_raw(priv, priv_len, &rng, cipher.data, em) == HSM_OK;
    if (accepted)
        accepted = (oaep ? crypto_oaep_unpad(hash_named(json_string(group, "sha")), em, modulus_len, out.data,
                                             &out.len)
                         : crypto_pkcs1_unpad(em, modulus_len, out.data, &out.len)) == HSM_OK;
    if (!accepted)
        out.len = 0;
    count(tally, vector, accepted, accepted && out_is(&msg), file);
}

static void run_pkcs1(struct tally *tally, const struct json *group, const struct json *vector,
                      const char *file) {
    decrypt(tally, group, vector, file, false);
}

/* The card has no labels. */
static void run_oaep(struct tally *tally, const struct json *group, const struct json *vector,
                     const char *file) {
    if (*json_string(vector, "label") == '\0')
        decrypt(tally, group, vector, file, true);
}

static void rsa_decryption(void **state) {
    static const char *const oaep_files[] = {
        "2048_sha1_mgf1sha1",     "2048_sha224_mgf1sha224", "2048_sha256_mgf1sha256",
        "2048_sha384_mgf1sha384", "2048_sha512_mgf1sha512", "3072_sha256_mgf1sha256",
        "3072_sha512_mgf1sha512", "4096_sha256_mgf1sha256", "4096_sha512_mgf1sha512"};
    struct tally pkcs1 = {.what = "Wycheproof RSA PKCS #1 v1.5 decryption"};
    struct tally oaep = {.what = "Wycheproof RSA OAEP decryption"};
    char name[64];

    (void)state;
    imported = NULL;
    run_file(&pkcs1, "rsa_pkcs1_2048_test", run_pkcs1);
    imported = NULL;
    run_file(&pkcs1, "rsa_pkcs1_3072_test", run_pkcs1);
    imported = NULL;
    run_file(&pkcs1, "rsa_pkcs1_4096_test", run_pkcs1);
    for (size_t i = 0; i < sizeof oaep_files / sizeof oaep_files[0]; i++) {
        imported = NULL; /* another file's groups may stand at the same address */
        snprintf(name, sizeof name, "rsa_oaep_%s_test", oaep_files[i]);
        run_file(&oaep, name, run_oaep);
    }
    tally_end(&pkcs1);
    tally_end(&oaep);
}

/* A modulus of three primes is not a key of this card: once per group it must be refused, not half
 * understood. */
static void run_three_primes(struct tally *tally, const struct json *group, const struct json *vector,
                             const char *file) {
    if (imported != group)
        tally_check(tally, import_group(group, false) == HSM_ERR_DATA, file,
                    (unsigned)json_number(vector, "tcId"));
}

static void rsa_three_primes(void **state) {
    static const char *const files[] = {"rsa_three_primes_oaep_2048_sha1_mgf1sha1_test",
                                        "rsa_three_primes_oaep_3072_sha224_mgf1sha224_test",
                                        "rsa_three_primes_oaep_4096_sha256_mgf1sha256_test"};
    struct tally tally = {.what = "Wycheproof RSA keys of three primes, refused"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        imported = NULL;
        run_file(&tally, files[i], run_three_primes);
    }
    tally_end(&tally);
}

static int set_up(void **state) {
    (void)state;
    return crypto_rng_seed(&rng, (const uint8_t *)"wycheproof", 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_cbc),
        cmocka_unit_test(aes_cmac),
        cmocka_unit_test(aes_gcm),
        cmocka_unit_test(hmac_and_hkdf),
        cmocka_unit_test(ecdsa),
        cmocka_unit_test(ecdh),
        cmocka_unit_test(xdh),
        cmocka_unit_test(rsa_signature),
        cmocka_unit_test(rsa_decryption),
        cmocka_unit_test(rsa_three_primes),
    };

    return cmocka_run_group_tests_name("Wycheproof", tests, set_up, NULL);
}
