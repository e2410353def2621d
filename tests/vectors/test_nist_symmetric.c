// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Hashes, MACs, ciphers and key derivation against NIST's and the RFCs' vectors.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/crypto/cipher.h"
#include "hsm/crypto/hash.h"
#include "hsm/error.h"
#include "tests/support/vectors.h"

#define DATA_MAX 16384u

static uint8_t data[DATA_MAX];
static uint8_t result[DATA_MAX];

static const struct {
    const char *name;
    enum crypto_hash_id id;
} hashes[] = {
    {"SHA1", CRYPTO_SHA1},     {"SHA224", CRYPTO_SHA224}, {"SHA256", CRYPTO_SHA256},
    {"SHA384", CRYPTO_SHA384}, {"SHA512", CRYPTO_SHA512},
};

#define HASHES (sizeof hashes / sizeof hashes[0])

/* Len (bits), Msg, MD; with Key the MD is a MAC. */
static void run_digests(struct tally *tally, const char *name, enum crypto_hash_id id) {
    struct vector_file v;
    uint8_t key[256];
    uint8_t expected[CRYPTO_HASH_MAX];
    size_t len = 0;
    size_t key_len = 0;
    bool keyed = false;

    vector_open(&v, name);
    while (vector_next(&v)) {
        if (vector_is(&v, "Len")) {
            len = strtoul(v.value, NULL, 10) / 8;
        } else if (vector_is(&v, "Key")) {
            keyed = true;
            key_len = hex_bytes(v.value, key, sizeof key);
        } else if (vector_is(&v, "Msg")) {
            hex_bytes(v.value, data, sizeof data); /* the empty message is written "00" */
        } else if (vector_is(&v, "MD")) {
            size_t md_len = hex_bytes(v.value, expected, sizeof expected);
            struct crypto_part part = {data, len};
            int ret =
                keyed ? crypto_hmac(id, key, key_len, &part, 1, result) : crypto_hash(id, data, len, result);
            tally_check(tally,
                        ret == HSM_OK && md_len <= crypto_hash_len(id) &&
                            memcmp(result, expected, md_len) == 0,
                        v.path, v.line);
        }
    }
}

/* SHAVS, 6.4: each of 100 seeds is the digest of 1000 steps from the one before. */
static void run_monte_carlo(struct tally *tally, const char *name, enum crypto_hash_id id) {
    struct vector_file v;
    uint8_t md[3][CRYPTO_HASH_MAX];
    uint8_t expected[CRYPTO_HASH_MAX];
    size_t len = crypto_hash_len(id);

    vector_open(&v, name);
    while (vector_next(&v)) {
        if (vector_is(&v, "Seed")) {
            hex_bytes(v.value, md[2], len);
        } else if (vector_is(&v, "MD")) {
            memcpy(md[0], md[2], len);
            memcpy(md[1], md[2], len);
            for (unsigned i = 0; i < 1000; i++) {
                struct crypto_part parts[3] = {
                    {md[i % 3], len}, {md[(i + 1) % 3], len}, {md[(i + 2) % 3], len}};
                crypto_hash_parts(id, parts, 3, md[i % 3]);
            }
            memcpy(md[2], md[999 % 3], len);
            hex_bytes(v.value, expected, len);
            tally_check(tally, memcmp(md[2], expected, len) == 0, v.path, v.line);
        }
    }
}

static void sha(void **state) {
    struct tally tally = {.what = "SHA-1, SHA-2 (CAVP)"};
    struct tally monte = {.what = "SHA-1, SHA-2, Monte Carlo (CAVP)"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < HASHES; i++) {
        const char *dir = hashes[i].id == CRYPTO_SHA1 ? "SHA1" : "SHA2";
        snprintf(name, sizeof name, "hashes/%s/%sShortMsg.rsp", dir, hashes[i].name);
        run_digests(&tally, name, hashes[i].id);
        snprintf(name, sizeof name, "hashes/%s/%sLongMsg.rsp", dir, hashes[i].name);
        run_digests(&tally, name, hashes[i].id);
        snprintf(name, sizeof name, "hashes/%s/%sMonte.rsp", dir, hashes[i].name);
        run_monte_carlo(&monte, name, hashes[i].id);
    }
    tally_end(&tally);
    tally_end(&monte);
}

static void ripemd160(void **state) {
    struct tally tally = {.what = "RIPEMD-160 (authors' page)"};

    (void)state;
    run_digests(&tally, "hashes/ripemd160/ripevectors.txt", CRYPTO_RIPEMD160);
    tally_end(&tally);
}

static void hmac(void **state) {
    struct tally tally = {.what = "HMAC (RFC 2202, 2286, 4231)"};

    (void)state;
    run_digests(&tally, "HMAC/rfc-2202-sha1.txt", CRYPTO_SHA1);
    run_digests(&tally, "HMAC/rfc-2286-ripemd160.txt", CRYPTO_RIPEMD160);
    run_digests(&tally, "HMAC/rfc-4231-sha224.txt", CRYPTO_SHA224);
    run_digests(&tally, "HMAC/rfc-4231-sha256.txt", CRYPTO_SHA256);
    run_digests(&tally, "HMAC/rfc-4231-sha384.txt", CRYPTO_SHA384);
    run_digests(&tally, "HMAC/rfc-4231-sha512.txt", CRYPTO_SHA512);
    tally_end(&tally);
}

static void aes_cmac(void **state) {
    static const char *const files[] = {"CMAC/nist-800-38b-aes128.txt", "CMAC/nist-800-38b-aes192.txt",
                                        "CMAC/nist-800-38b-aes256.txt"};
    struct tally tally = {.what = "AES-CMAC (SP 800-38B)"};
    uint8_t key[32];
    uint8_t mac[16];
    uint8_t expected[16];
    size_t key_len = 0;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            if (vector_is(&v, "KEY")) {
                key_len = hex_bytes(v.value, key, sizeof key);
            } else if (vector_is(&v, "MESSAGE")) {
                len = hex_bytes(v.value, data, sizeof data);
            } else if (vector_is(&v, "OUTPUT")) {
                hex_bytes(v.value, expected, sizeof expected);
                /* in three pieces, the first of 5 bytes: parts need not be blocks */
                size_t cut = len < 5 ? len : 5;
                struct crypto_part parts[3] = {{data, cut}, {NULL, 0}, {data + cut, len - cut}};
                int ret = crypto_aes_cmac(key, key_len, parts, 3, mac);
                tally_check(&tally, ret == HSM_OK && memcmp(mac, expected, 16) == 0, v.path, v.line);
            }
        }
    }
    tally_end(&tally);
}

/* One file of CBC vectors, in both directions. The cipher is triple DES when `key_len` is 8 per part. */
static void run_cbc(struct tally *tally, const char *name, bool des) {
    struct vector_file v;
    uint8_t key[32] = {0};
    uint8_t iv[16];
    static uint8_t cipher[DATA_MAX];
    size_t key_len = 0;
    size_t plain_len = 0;
    size_t cipher_len = 0;
    bool encrypt = false;

    vector_open(&v, name);
    while (vector_next(&v)) {
        bool last = false;
        if (vector_is(&v, "[")) {
            encrypt = strcmp(v.value, "ENCRYPT") == 0;
        } else if (vector_is(&v, "KEY")) {
            key_len = hex_bytes(v.value, key, sizeof key);
        } else if (vector_is(&v, "KEYs")) { /* three times the same: single DES */
            for (size_t i = 0; i < 3; i++)
                hex_bytes(v.value, key + 8 * i, 8);
            key_len = 24;
        } else if (vector_is(&v, "KEY1")) {
            hex_bytes(v.value, key, 8);
        } else if (vector_is(&v, "KEY2")) {
            hex_bytes(v.value, key + 8, 8);
        } else if (vector_is(&v, "KEY3")) {
            hex_bytes(v.value, key + 16, 8);
            key_len = 24;
        } else if (vector_is(&v, "IV")) {
            hex_bytes(v.value, iv, sizeof iv);
        } else if (vector_is(&v, "PLAINTEXT")) {
            plain_len = hex_bytes(v.value, data, sizeof data);
            last = !encrypt;
        } else if (vector_is(&v, "CIPHERTEXT")) {
            cipher_len = hex_bytes(v.value, cipher, sizeof cipher);
            last = encrypt;
        }
        if (!last)
            continue;
        const uint8_t *in = encrypt ? data : cipher;
        const uint8_t *expected = encrypt ? cipher : data;
        int ret = des ? crypto_des3_cbc(encrypt, key, key_len, iv, in, plain_len, result)
                      : crypto_aes_cbc(encrypt, key, key_len, iv, in, plain_len, result);
        bool right = ret == HSM_OK && plain_len == cipher_len && memcmp(result, expected, plain_len) == 0;
        if (des && memcmp(key, key + 16, 8) == 0) { /* the same with a two-key key */
            ret = crypto_des3_cbc(encrypt, key, 16, iv, in, plain_len, result);
            right = right && ret == HSM_OK && memcmp(result, expected, plain_len) == 0;
        }
        tally_check(tally, right, v.path, v.line);
    }
}

static void aes_cbc(void **state) {
    static const char *const kinds[] = {"GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt"};
    static const int sizes[] = {128, 192, 256};
    struct tally tally = {.what = "AES-CBC (CAVP)"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            snprintf(name, sizeof name, "ciphers/AES/CBC/CBC%s%d.rsp", kinds[i], sizes[k]);
            run_cbc(&tally, name, false);
        }
    tally_end(&tally);
}

static void des3_cbc(void **state) {
    static const char *const kinds[] = {"MMT1",   "MMT2",   "MMT3",   "invperm",
                                        "permop", "subtab", "varkey", "vartext"};
    struct tally tally = {.what = "Triple DES CBC (CAVP)"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snprintf(name, sizeof name, "ciphers/3DES/CBC/TCBC%s.rsp", kinds[i]);
        run_cbc(&tally, name, true);
    }
    tally_end(&tally);
}

/* What crypto_gcm_* offers of GCM: 256-bit keys, 96-bit nonces, 128-bit tags. */
static void run_gcm(struct tally *tally, const char *name, bool encrypt) {
    struct vector_file v;
    uint8_t key[32];
    uint8_t nonce[64];
    uint8_t expected_tag[16];
    uint8_t tag[16];
    static uint8_t aad[256];
    static uint8_t cipher[256];
    size_t nonce_len = 0;
    size_t aad_len = 0;
    size_t len = 0;
    size_t tag_len = 0;

    vector_open(&v, name);
    while (vector_next(&v)) {
        if (vector_is(&v, "Key")) {
            hex_bytes(v.value, key, sizeof key);
        } else if (vector_is(&v, "IV")) {
            nonce_len = strlen(v.value) / 2;
            if (nonce_len <= sizeof nonce)
                hex_bytes(v.value, nonce, sizeof nonce);
        } else if (vector_is(&v, "AAD")) {
            aad_len = hex_bytes(v.value, aad, sizeof aad);
        } else if (vector_is(&v, "CT")) {
            len = hex_bytes(v.value, cipher, sizeof cipher);
        } else if (vector_is(&v, "PT")) {
            len = hex_bytes(v.value, data, sizeof data);
        } else if (vector_is(&v, "Tag")) {
            tag_len = hex_bytes(v.value, expected_tag, sizeof expected_tag);
        }
        bool usable = nonce_len == CRYPTO_GCM_NONCE && tag_len == CRYPTO_GCM_TAG;
        size_t cut = aad_len / 3;
        struct crypto_part parts[2] = {{aad, cut}, {aad + cut, aad_len - cut}};
        if (usable && encrypt && vector_is(&v, "Tag")) {
            int ret = crypto_gcm_seal(key, nonce, parts, 2, data, len, result, tag);
            tally_check(tally,
                        ret == HSM_OK && memcmp(result, cipher, len) == 0 &&
                            memcmp(tag, expected_tag, 16) == 0,
                        v.path, v.line);
        } else if (usable && !encrypt && (vector_is(&v, "PT") || vector_is(&v, "FAIL"))) {
            bool valid = vector_is(&v, "PT");
            int ret = crypto_gcm_open(key, nonce, parts, 2, cipher, len, expected_tag, result);
            bool right = valid ? ret == HSM_OK && memcmp(result, data, len) == 0 : ret == HSM_ERR_AUTH;
            for (size_t i = 0; !valid && i < len; i++)
                right = right && result[i] == 0;
            tally_check(tally, right, v.path, v.line);
        }
    }
}

static void aes_gcm(void **state) {
    struct tally seal = {.what = "AES-256-GCM, sealing (CAVP)"};
    struct tally open = {.what = "AES-256-GCM, opening (CAVP)"};

    (void)state;
    run_gcm(&seal, "ciphers/AES/GCM/gcmEncryptExtIV256.rsp", true);
    run_gcm(&open, "ciphers/AES/GCM/gcmDecrypt256.rsp", false);
    tally_end(&seal);
    tally_end(&open);
}

static void hkdf(void **state) {
    static const char *const files[] = {"KDF/rfc-5869-HKDF-SHA1.txt", "KDF/rfc-5869-HKDF-SHA256.txt",
                                        "KDF/hkdf-generated.txt"};
    struct tally tally = {.what = "HKDF (RFC 5869 and one more)"};
    static uint8_t fields[3][512];
    size_t lens[3] = {0, 0, 0};
    static const char *const names[3] = {"IKM", "salt", "info"};
    static uint8_t expected[2048];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        enum crypto_hash_id id = CRYPTO_SHA256;
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            for (size_t k = 0; k < 3; k++)
                if (vector_is(&v, names[k]))
                    lens[k] = hex_bytes(v.value, fields[k], sizeof fields[k]);
            if (vector_is(&v, "Hash"))
                id = strcmp(v.value, "SHA-1") == 0 ? CRYPTO_SHA1 : CRYPTO_SHA256;
            if (!vector_is(&v, "OKM"))
                continue;
            size_t len = hex_bytes(v.value, expected, sizeof expected);
            int ret =
                crypto_hkdf(id, fields[1], lens[1], fields[0], lens[0], fields[2], lens[2], result, len);
            tally_check(&tally, ret == HSM_OK && memcmp(result, expected, len) == 0, v.path, v.line);
        }
    }
    tally_end(&tally);
}

/* A password or salt of RFC 6070; a zero byte is written \0. */
static size_t read_text(const char *value, uint8_t *out) {
    size_t len = 0;

    for (; *value != '\0'; value++) {
        if (value[0] == '\\' && value[1] == '0') {
            out[len++] = 0;
            value++;
        } else {
            out[len++] = (uint8_t)*value;
        }
    }
    return len;
}

static void pbkdf2(void **state) {
    struct tally tally = {.what = "PBKDF2-HMAC-SHA-1 (RFC 6070)"};
    struct vector_file v;
    uint8_t password[64];
    uint8_t salt[64];
    uint8_t expected[64];
    size_t password_len = 0;
    size_t salt_len = 0;
    uint32_t iterations = 0;

    (void)state;
    vector_open(&v, "KDF/rfc-6070-PBKDF2-SHA1.txt");
    while (vector_next(&v)) {
        if (vector_is(&v, "PASSWORD")) {
            password_len = read_text(v.value, password);
        } else if (vector_is(&v, "SALT")) {
            salt_len = read_text(v.value, salt);
        } else if (vector_is(&v, "ITERATIONS")) {
            iterations = (uint32_t)strtoul(v.value, NULL, 10);
        } else if (vector_is(&v, "DERIVED_KEY") &&
                   iterations <= 1000000) { /* one has 16 million: 10 seconds */
            size_t len = hex_bytes(v.value, expected, sizeof expected);
            int ret = crypto_pbkdf2(CRYPTO_SHA1, password, password_len, salt, salt_len, iterations, NULL,
                                    NULL, result, len);
            tally_check(&tally, ret == HSM_OK && memcmp(result, expected, len) == 0, v.path, v.line);
        }
    }
    tally_end(&tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha),      cmocka_unit_test(ripemd160), cmocka_unit_test(hmac),
        cmocka_unit_test(aes_cmac), cmocka_unit_test(aes_cbc),   cmocka_unit_test(aes_gcm),
        cmocka_unit_test(des3_cbc), cmocka_unit_test(hkdf),      cmocka_unit_test(pbkdf2),
    };

    return cmocka_run_group_tests_name("NIST and RFC vectors: symmetric", tests, NULL, NULL);
}
