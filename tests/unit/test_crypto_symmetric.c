// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Hashes, ciphers, MACs and key derivation: wrong inputs, aliasing, the card's own derivations. Published
// vectors are in tests/vectors/.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>

#include "hsm/crypto/cipher.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"
#include "tests/support/vectors.h"

static void assert_bytes(const uint8_t *actual, const char *expected) {
    uint8_t bytes[256];
    size_t len = hex_bytes(expected, bytes, sizeof bytes);

    assert_memory_equal(actual, bytes, len);
}

/* The derivations of a DKEK: KCV, Kenc, Kmac (docs/protocol.md, DKEK). */
static void dkek_derivations(void **state) {
    uint8_t dkek[32] = {0};
    uint8_t out[32];
    static const uint8_t one[4] = {0, 0, 0, 1};
    static const uint8_t two[4] = {0, 0, 0, 2};
    struct crypto_part enc[2] = {{dkek, 32}, {one, 4}};
    struct crypto_part mac[2] = {{dkek, 32}, {two, 4}};

    (void)state;
    crypto_hash(CRYPTO_SHA256, dkek, 32, out);
    assert_bytes(out, "66687AADF862BD77");
    crypto_hash_parts(CRYPTO_SHA256, enc, 2, out);
    assert_bytes(out, "2158A8906D5E2C2BE001BAC943AB9CAB4063536E1C546B40221FDF8DB031A4BB");
    crypto_hash_parts(CRYPTO_SHA256, mac, 2, out);
    assert_bytes(out, "E15F374423633701E04FE17C1D640B34F2E27B8F6AEC00E24F1DCF50AD0920B3");

    for (size_t i = 0; i < 32; i++)
        dkek[i] = (uint8_t)i;
    crypto_hash(CRYPTO_SHA256, dkek, 32, out);
    assert_bytes(out, "630DCD2966C43366");
    crypto_hash_parts(CRYPTO_SHA256, enc, 2, out);
    assert_bytes(out, "04A6950A06D3E3308AD7D3606EF810EB124E3943404CA746A12C51C7BF776839");
    crypto_hash_parts(CRYPTO_SHA256, mac, 2, out);
    assert_bytes(out, "0F8D842AC9CB62349779A7537A78327D545AAEB33B2D42C7D1DC3680A4B23628");
}

/* The encrypted part and the MAC of a wrapped AES key under the second DKEK above. */
static void wrapped_key_blob(void **state) {
    uint8_t kenc[32];
    uint8_t kmac[32];
    uint8_t blob[128];
    uint8_t plain[32];
    uint8_t mac[16];

    (void)state;
    hex_bytes("04A6950A06D3E3308AD7D3606EF810EB124E3943404CA746A12C51C7BF776839", kenc, 32);
    hex_bytes("0F8D842AC9CB62349779A7537A78327D545AAEB33B2D42C7D1DC3680A4B23628", kmac, 32);
    size_t head =
        hex_bytes("630DCD2966C43366 0F 0008 6086480165030401 0004 10111899 0000 0000", blob, sizeof blob);
    hex_bytes("A0A1A2A3A4A5A6A7 0010 000102030405060708090A0B0C0D0E0F 80 0000000000", plain, sizeof plain);
    assert_int_equal(crypto_aes_cbc(true, kenc, 32, NULL, plain, 32, blob + head), HSM_OK);
    assert_bytes(blob + head, "85BECAAFAF4C2D99E0EC012F8CBE145C1DBBE472DEC0ADCAD39C3DFDB5C7CC0A");
    struct crypto_part part = {blob, head + 32};
    assert_int_equal(crypto_aes_cmac(kmac, 32, &part, 1, mac), HSM_OK);
    assert_bytes(mac, "8A9DF2627EE4AE47C9BD2B811D23315B");
    assert_int_equal(crypto_aes_cbc(false, kenc, 32, NULL, blob + head, 32, blob + head), HSM_OK);
    assert_memory_equal(blob + head, plain, 32);
}

static void unknown_hashes(void **state) {
    static const int ids[] = {0, 7, -1, 100};
    uint8_t out[64];
    uint8_t key[4] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        enum crypto_hash_id id = (enum crypto_hash_id)ids[i];
        assert_int_equal(crypto_hash_len(id), 0);
        assert_int_equal(crypto_hash(id, key, 4, out), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_hash_parts(id, NULL, 0, out), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_hmac(id, key, 4, NULL, 0, out), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_pbkdf2(id, key, 4, key, 4, 1, NULL, NULL, out, 4), HSM_ERR_UNSUPPORTED);
        assert_int_equal(crypto_hkdf(id, NULL, 0, key, 4, NULL, 0, out, 4), HSM_ERR_UNSUPPORTED);
    }
}

static void hash_in_parts(void **state) {
    uint8_t message[300];
    uint8_t whole[64];
    uint8_t parts[64];

    (void)state;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7);
    for (int id = CRYPTO_SHA1; id <= CRYPTO_RIPEMD160; id++)
        for (size_t cut = 0; cut <= sizeof message; cut += 13) {
            struct crypto_part three[3] = {{message, cut}, {NULL, 0}, {message + cut, sizeof message - cut}};
            size_t len = crypto_hash_len((enum crypto_hash_id)id);
            assert_int_equal(crypto_hash((enum crypto_hash_id)id, message, sizeof message, whole), HSM_OK);
            assert_int_equal(crypto_hash_parts((enum crypto_hash_id)id, three, 3, parts), HSM_OK);
            assert_memory_equal(whole, parts, len);
        }
    crypto_hash(CRYPTO_SHA256, NULL, 0, whole);
    assert_bytes(whole, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void count_tick(void *ctx) { ++*(unsigned *)ctx; }

/* Against mbedTLS's own PBKDF2, which shares only the compression functions with ours. */
static void pbkdf2_against_mbedtls(void **state) {
    static const struct {
        enum crypto_hash_id id;
        mbedtls_md_type_t md;
    } hashes[] = {
        {CRYPTO_SHA1, MBEDTLS_MD_SHA1},     {CRYPTO_SHA224, MBEDTLS_MD_SHA224},
        {CRYPTO_SHA256, MBEDTLS_MD_SHA256}, {CRYPTO_SHA384, MBEDTLS_MD_SHA384},
        {CRYPTO_SHA512, MBEDTLS_MD_SHA512},
    };
    static const size_t lens[] = {1, 20, 32, 64, 65, 150};
    static const uint8_t password[200] = "a password longer than any block when all of it is taken";
    uint8_t ours[150];
    uint8_t theirs[150];

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
            size_t password_len = k % 2 == 0 ? 8 : sizeof password;
            unsigned ticks = 0;
            assert_int_equal(crypto_pbkdf2(hashes[i].id, password, password_len, (const uint8_t *)"salt", 4,
                                           100, count_tick, &ticks, ours, lens[k]),
                             HSM_OK);
            assert_int_equal(mbedtls_pkcs5_pbkdf2_hmac_ext(hashes[i].md, password, password_len,
                                                           (const uint8_t *)"salt", 4, 100, (uint32_t)lens[k],
                                                           theirs),
                             0);
            assert_memory_equal(ours, theirs, lens[k]);
            assert_true(ticks > 0);
        }
    assert_int_equal(crypto_pbkdf2(CRYPTO_SHA256, password, 8, NULL, 0, 0, NULL, NULL, ours, 32),
                     HSM_ERR_DATA);
    assert_int_equal(crypto_pbkdf2(CRYPTO_SHA256, NULL, 0, NULL, 0, 1, NULL, NULL, ours, 32), HSM_OK);
}

static void hkdf_limits(void **state) {
    static uint8_t out[255 * 64 + 1];
    uint8_t secret[16] = {1};

    (void)state;
    for (int i = CRYPTO_SHA1; i <= CRYPTO_RIPEMD160; i++) {
        enum crypto_hash_id id = (enum crypto_hash_id)i;
        size_t most = 255 * crypto_hash_len(id);
        assert_int_equal(crypto_hkdf(id, NULL, 0, secret, 16, NULL, 0, out, most), HSM_OK);
        assert_int_equal(crypto_hkdf(id, NULL, 0, secret, 16, NULL, 0, out, most + 1), HSM_ERR_LENGTH);
        assert_int_equal(crypto_hkdf(id, NULL, 0, secret, 16, NULL, 0, out, 0), HSM_OK);
    }
}

static void aes_wrong_inputs(void **state) {
    uint8_t key[40] = {0};
    uint8_t block[48] = {0};

    (void)state;
    for (size_t len = 0; len <= sizeof key; len++) {
        int expected = len == 16 || len == 24 || len == 32 ? HSM_OK : HSM_ERR_UNSUPPORTED;
        struct crypto_part part = {block, 5};
        assert_int_equal(crypto_aes_cbc(true, key, len, NULL, block, 16, block), expected);
        assert_int_equal(crypto_aes_cbc(false, key, len, NULL, block, 16, block), expected);
        assert_int_equal(crypto_aes_ecb_block(true, key, len, block, block), expected);
        assert_int_equal(crypto_aes_cmac(key, len, &part, 1, block), expected);
    }
    for (size_t len = 0; len <= 48; len++)
        assert_int_equal(crypto_aes_cbc(true, key, 16, NULL, block, len, block),
                         len % 16 == 0 ? HSM_OK : HSM_ERR_LENGTH);
}

static void aes_in_place(void **state) {
    uint8_t key[32];
    uint8_t iv[16];
    uint8_t kept_iv[16];
    uint8_t plain[64];
    uint8_t apart[64];
    uint8_t place[64];

    (void)state;
    memset(key, 0x42, sizeof key);
    memset(iv, 0x17, sizeof iv);
    memcpy(kept_iv, iv, sizeof iv);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)i;
    memcpy(place, plain, sizeof plain);
    assert_int_equal(crypto_aes_cbc(true, key, 32, iv, plain, 64, apart), HSM_OK);
    assert_int_equal(crypto_aes_cbc(true, key, 32, iv, place, 64, place), HSM_OK);
    assert_memory_equal(iv, kept_iv, sizeof iv);
    assert_memory_equal(apart, place, 64);
    assert_int_equal(crypto_aes_cbc(false, key, 32, iv, place, 64, place), HSM_OK);
    assert_memory_equal(plain, place, 64);
    /* one block of ECB is one block of CBC with a zero IV */
    assert_int_equal(crypto_aes_cbc(true, key, 24, NULL, plain, 16, apart), HSM_OK);
    assert_int_equal(crypto_aes_ecb_block(true, key, 24, plain, place), HSM_OK);
    assert_memory_equal(apart, place, 16);
    assert_int_equal(crypto_aes_ecb_block(false, key, 24, place, place), HSM_OK);
    assert_memory_equal(plain, place, 16);
}

static void gcm_refuses_changes(void **state) {
    uint8_t key[32] = {1};
    uint8_t nonce[12] = {2};
    uint8_t text[100];
    uint8_t sealed[100];
    uint8_t opened[100];
    uint8_t tag[16];
    uint8_t aad[7] = "header";
    struct crypto_part part = {aad, sizeof aad};

    (void)state;
    memset(text, 0x33, sizeof text);
    assert_int_equal(crypto_gcm_seal(key, nonce, &part, 1, text, sizeof text, sealed, tag), HSM_OK);
    assert_int_equal(crypto_gcm_open(key, nonce, &part, 1, sealed, sizeof sealed, tag, opened), HSM_OK);
    assert_memory_equal(text, opened, sizeof text);
    uint8_t *const changed[] = {key, nonce, aad, tag, sealed, sealed + 99, tag + 15};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        *changed[i] ^= 0x80;
        memset(opened, 0xAA, sizeof opened);
        assert_int_equal(crypto_gcm_open(key, nonce, &part, 1, sealed, sizeof sealed, tag, opened),
                         HSM_ERR_AUTH);
        for (size_t k = 0; k < sizeof opened; k++)
            assert_int_equal(opened[k], 0);
        *changed[i] ^= 0x80;
    }
    assert_int_equal(crypto_gcm_open(key, nonce, &part, 0, sealed, sizeof sealed, tag, opened), HSM_ERR_AUTH);
    assert_int_equal(crypto_gcm_open(key, nonce, &part, 1, sealed, sizeof sealed - 1, tag, opened),
                     HSM_ERR_AUTH);
    /* in place, and with nothing to hide */
    assert_int_equal(crypto_gcm_open(key, nonce, &part, 1, sealed, sizeof sealed, tag, sealed), HSM_OK);
    assert_memory_equal(text, sealed, sizeof text);
    assert_int_equal(crypto_gcm_seal(key, nonce, &part, 1, NULL, 0, NULL, tag), HSM_OK);
    assert_int_equal(crypto_gcm_open(key, nonce, &part, 1, NULL, 0, tag, NULL), HSM_OK);
    assert_int_equal(crypto_gcm_open(key, nonce, NULL, 0, NULL, 0, tag, NULL), HSM_ERR_AUTH);
}

static void des_wrong_inputs(void **state) {
    uint8_t key[32] = {0};
    uint8_t block[32] = {0};

    (void)state;
    for (size_t len = 0; len <= sizeof key; len++)
        assert_int_equal(crypto_des3_cbc(true, key, len, NULL, block, 8, block),
                         len == 16 || len == 24 ? HSM_OK : HSM_ERR_UNSUPPORTED);
    for (size_t len = 0; len <= sizeof block; len++) {
        struct crypto_part part = {block, len};
        assert_int_equal(crypto_des3_cbc(true, key, 16, NULL, block, len, block),
                         len % 8 == 0 ? HSM_OK : HSM_ERR_LENGTH);
        assert_int_equal(crypto_des_retail_mac(key, &part, 1, block),
                         len != 0 && len % 8 == 0 ? HSM_OK : HSM_ERR_LENGTH);
    }
}

/* ICAO Doc 9303 part 11, appendix D.4, the MAC of the command of step 1: SELECT EF.COM under the session
 * keys. */
static void retail_mac(void **state) {
    uint8_t key[16];
    uint8_t message[40];
    uint8_t mac[8];

    (void)state;
    hex_bytes("F1CB1F1FB5ADF208806B89DC579DC1F8", key, 16);
    size_t len =
        hex_bytes("887022120C06C227 0CA4020C80000000 8709016375432908 C044F68000000000", message, 40);
    for (size_t cut = 0; cut <= len; cut += 5) { /* parts need not be blocks */
        struct crypto_part parts[2] = {{message, cut}, {message + cut, len - cut}};
        assert_int_equal(crypto_des_retail_mac(key, parts, 2, mac), HSM_OK);
        assert_bytes(mac, "BF8B92D635FF24F8");
    }
    /* With equal halves it is plain DES CBC-MAC: the last block of triple DES CBC. */
    uint8_t same[24];
    uint8_t cbc[40];
    for (size_t i = 0; i < 3; i++)
        memcpy(same + 8 * i, key, 8);
    struct crypto_part part = {message, len};
    assert_int_equal(crypto_des_retail_mac(same, &part, 1, mac), HSM_OK);
    assert_int_equal(crypto_des3_cbc(true, same, 24, NULL, message, len, cbc), HSM_OK);
    assert_memory_equal(mac, cbc + len - 8, 8);
}

static void equal_and_wipe(void **state) {
    uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t b[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    assert_true(crypto_equal(a, b, 8));
    assert_true(crypto_equal(NULL, NULL, 0));
    for (size_t i = 0; i < 8; i++) {
        b[i] ^= 0x10;
        assert_false(crypto_equal(a, b, 8));
        assert_true(crypto_equal(a, b, i));
        b[i] ^= 0x10;
    }
    crypto_wipe(a + 1, 6);
    assert_bytes(a, "0100000000000008");
    crypto_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dkek_derivations), cmocka_unit_test(wrapped_key_blob),
        cmocka_unit_test(unknown_hashes),   cmocka_unit_test(hash_in_parts),
        cmocka_unit_test(hkdf_limits),      cmocka_unit_test(pbkdf2_against_mbedtls),
        cmocka_unit_test(aes_wrong_inputs), cmocka_unit_test(aes_in_place),
        cmocka_unit_test(des_wrong_inputs), cmocka_unit_test(gcm_refuses_changes),
        cmocka_unit_test(retail_mac),       cmocka_unit_test(equal_and_wipe),
    };

    return cmocka_run_group_tests_name("hashes and ciphers", tests, NULL, NULL);
}
