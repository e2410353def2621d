// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Keys and DKEK shares of other cards on a TwinHSM card: published vectors, and the key files of
 * tests/fixtures/pico-hsm. Signatures are verified by OpenSSL. */

#define OPENSSL_SUPPRESS_DEPRECATED /* MD5 as such: ten million rounds take three times as long through EVP  \
                                     */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/md5.h>

#include "hsm/domain.h"
#include "hsm/tlv.h"
#include "tests/support/blob_maker.h"
#include "tests/support/card_fixture.h"
#include "tests/support/openssl_check.h"

#define FIXTURES "tests/fixtures/pico-hsm/"
#define SHARE_FILE_LEN 64u
#define SHARE_LEN 32u
#define MD5_ROUNDS 10000000u
#define FILE_MAX 4096u

static const uint8_t message[] = "signed on one card, restored on another";

/* The share of the fixtures, decrypted once. */
static uint8_t fixture_share[SHARE_LEN];

static size_t read_fixture(const char *name, const char *ending, uint8_t *buf) {
    char path[128];
    snprintf(path, sizeof path, FIXTURES "%s%s", name, ending);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fail_msg("cannot read %s: run the tests from the top of the tree", path);
    }
    size_t len = fread(buf, 1, FILE_MAX, in);
    fclose(in);
    return len;
}

/* MD5 applied MD5_ROUNDS times to `first` (16 bytes or none), password and salt. */
static void digest_rounds(const uint8_t *first, size_t first_len, const char *password, const uint8_t *salt,
                          uint8_t out[16]) {
    MD5_CTX ctx;
    MD5_Init(&ctx);
    MD5_Update(&ctx, first, first_len);
    MD5_Update(&ctx, password, strlen(password));
    MD5_Update(&ctx, salt, 8);
    MD5_Final(out, &ctx);
    for (unsigned i = 1; i < MD5_ROUNDS; i++) {
        MD5(out, 16, out);
    }
}

/* A DKEK share file of sc-hsm-tool: "Salted__", salt, AES-256-CBC under EVP_BytesToKey with MD5. */
static bool decrypt_share(const uint8_t file[SHARE_FILE_LEN], const char *password,
                          uint8_t share[SHARE_LEN]) {
    uint8_t d[3][16];
    uint8_t plain[SHARE_FILE_LEN];
    const uint8_t *salt = file + 8;
    int len = 0;
    int rest = 0;
    digest_rounds(NULL, 0, password, salt, d[0]);
    digest_rounds(d[0], 16, password, salt, d[1]);
    digest_rounds(d[1], 16, password, salt, d[2]);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = memcmp(file, "Salted__", 8) == 0 &&
              EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, (const uint8_t *)d, d[2]) == 1 &&
              EVP_DecryptUpdate(ctx, plain, &len, file + 16, SHARE_FILE_LEN - 16) == 1 &&
              EVP_DecryptFinal_ex(ctx, plain + len, &rest) == 1 && len + rest == SHARE_LEN;
    EVP_CIPHER_CTX_free(ctx);
    memcpy(share, plain, SHARE_LEN);
    return ok;
}

/* Valgrind makes the rounds take minutes. */
static bool under_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static void test_share_file_vector(void **state) {
    (void)state;
    uint8_t file[SHARE_FILE_LEN];
    uint8_t want[SHARE_LEN];
    uint8_t share[SHARE_LEN];
    if (under_valgrind()) {
        skip();
    }
    card_hex("53616C7465645F5F01020304050607082585D4F5F834ED0D917B9811186CBFB588380A503C9F2839F4B48EBADF59E8A"
             "9412FC1F3F65B"
             "CBFE0B66B041DF8EC330",
             file, sizeof file);
    card_hex(CARD_DKEK, want, sizeof want);
    assert_true(decrypt_share(file, "password", share));
    assert_memory_equal(share, want, sizeof want);
}

static void test_key_derivation_vectors(void **state) {
    (void)state;
    static const struct {
        const char *dkek, *kcv, *kenc, *kmac;
    } vectors[] = {
        {CARD_DKEK, "630DCD2966C43366", "04A6950A06D3E3308AD7D3606EF810EB124E3943404CA746A12C51C7BF776839",
         "0F8D842AC9CB62349779A7537A78327D545AAEB33B2D42C7D1DC3680A4B23628"},
        {"0000000000000000000000000000000000000000000000000000000000000000", "66687AADF862BD77",
         "2158A8906D5E2C2BE001BAC943AB9CAB4063536E1C546B40221FDF8DB031A4BB",
         "E15F374423633701E04FE17C1D640B34F2E27B8F6AEC00E24F1DCF50AD0920B3"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t dkek[32], want[32], kcv[8], kenc[32], kmac[32];
        card_hex(vectors[i].dkek, dkek, sizeof dkek);
        assert_int_equal(domain_kcv(dkek, kcv), 0);
        assert_int_equal(domain_blob_keys(dkek, kenc, kmac), 0);
        card_hex(vectors[i].kcv, want, sizeof want);
        assert_memory_equal(kcv, want, sizeof kcv);
        card_hex(vectors[i].kenc, want, sizeof want);
        assert_memory_equal(kenc, want, sizeof kenc);
        card_hex(vectors[i].kmac, want, sizeof want);
        assert_memory_equal(kmac, want, sizeof kmac);
    }
}

#define BLOB_VECTOR                                                                                          \
    "630DCD2966C43366 0F 0008 6086480165030401 0004 10111899 0000 0000"                                      \
    "85BECAAFAF4C2D99E0EC012F8CBE145C1DBBE472DEC0ADCAD39C3DFDB5C7CC0A 8A9DF2627EE4AE47C9BD2B811D23315B"

static void test_blob_vector(void **state) {
    (void)state;
    uint8_t vector[128];
    uint8_t made[160];
    uint8_t plain[18] = {0x00, 0x10};
    uint8_t dkek[32];
    size_t len = card_hex(BLOB_VECTOR, vector, sizeof vector);
    assert_int_equal(len, 77);
    struct card *card = card_new(3);
    card_initialize(card, CARD_DKEK);
    card_login(card);
    assert_int_equal(card_apdu(card, 0x80, 0x74, 1, 0x93, vector, len, false), 0x9000);
    /* AES-128 of a zero block under 00..0F. */
    assert_int_equal(card_cmd(card, "80 78 01 10 10 00000000000000000000000000000000 00"), 0x9000);
    uint8_t want[16];
    card_hex("C6A13B37878F5B826F4F8162A1C8D879", want, sizeof want);
    assert_memory_equal(card->data, want, 16);
    /* What goes out again is the same but for the random bytes. */
    assert_int_equal(card_cmd(card, "80 72 01 92 000000"), 0x9000);
    assert_int_equal(card->len, len);
    assert_memory_equal(card->data, vector, 29);
    card_hex(CARD_DKEK, dkek, sizeof dkek);
    for (uint8_t i = 0; i < 16; i++) {
        plain[2 + i] = i;
    }
    assert_int_equal(blob_open(dkek, card->data, card->len, made), 24);
    assert_memory_equal(made, plain, sizeof plain);
    assert_memory_equal(made + 18, "\x80\0\0\0\0\0", 6);
    card_free(card);
}

static const struct {
    const char *name;
    const char *curve; /* NULL: RSA */
} fixtures[] = {
    {"ec-secp256r1", "prime256v1"},
    {"ec-secp384r1", "secp384r1"},
    {"ec-secp521r1", "secp521r1"},
    {"ec-brainpoolp256r1", "brainpoolP256r1"},
    {"ec-secp256k1", "secp256k1"},
    {"rsa-2048", NULL},
    {"rsa-4096", NULL},
};
#define FIXTURE_COUNT (sizeof fixtures / sizeof fixtures[0])

static void test_share_of_another_card(void **state) {
    (void)state;
    uint8_t file[FILE_MAX];
    uint8_t want[SHARE_LEN];
    if (!under_valgrind()) {
        assert_int_equal(read_fixture("dkek.1", ".pbe", file), SHARE_FILE_LEN);
        assert_true(decrypt_share(file, "pw-1", want));
        assert_memory_equal(fixture_share, want, sizeof want);
    }
    struct card *card = card_new(4);
    card_initialize(card, NULL);
    assert_int_equal(card_cmd(card, "80 50 00 00 1C 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                                    " 91 01 03 92 01 01"),
                     0x9000);
    assert_int_equal(card_apdu(card, 0x80, 0x52, 0, 0, fixture_share, SHARE_LEN, true), 0x9000);
    assert_int_equal(card->len, 10);
    assert_memory_equal(card->data, "\x01\x00\x12\x06\x5D\xA8\x8B\xB3\x34\x77", 10);
    card_free(card);
}

/* The parts of a key file. */
struct key_file {
    uint8_t bytes[FILE_MAX];
    struct tlv blob, description, request;
};

static void read_key_file(const char *name, struct key_file *file) {
    struct reader r;
    struct tlv outer;
    size_t len = read_fixture(name, ".wrap", file->bytes);
    reader_init(&r, file->bytes, len);
    assert_int_equal(tlv_next(&r, &outer), 1);
    reader_init(&r, outer.value, outer.len);
    assert_int_equal(tlv_next(&r, &file->blob), 1);
    assert_int_equal(file->blob.tag, 0x04);
    assert_int_equal(tlv_next(&r, &file->description), 1);
    assert_int_equal(tlv_next(&r, &file->request), 1);
    assert_int_equal(file->request.tag, 0x67);
}

/* The contents of 7F49 in a request. */
static void request_key(const uint8_t *request, size_t len, struct tlv *key) {
    struct tlv t;
    assert_true(tlv_find(request, len, 0x67, &t));
    assert_true(tlv_find(t.value, t.len, 0x7F21, &t));
    assert_true(tlv_find(t.value, t.len, 0x7F4E, &t));
    assert_true(tlv_find(t.value, t.len, 0x7F49, key));
}

static EVP_PKEY *fixture_public(size_t i, const struct key_file *file) {
    uint8_t der[FILE_MAX];
    if (strcmp(fixtures[i].name, "ec-secp384r1") == 0) {
        struct tlv key, point;
        request_key(file->request.raw, file->request.raw_len, &key);
        assert_true(tlv_find(key.value, key.len, 0x86, &point));
        return openssl_public_ec(fixtures[i].curve, point.value, point.len);
    }
    return openssl_public_der(der, read_fixture(fixtures[i].name, ".pub.der", der));
}

static void check_ec(struct card *card, uint8_t id, EVP_PKEY *public) {
    assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x73, message, sizeof message, true), 0x9000);
    assert_true(
        openssl_verify(public, "SHA256", OPENSSL_NONE, message, sizeof message, card->data, card->len));
    assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x75, message, sizeof message, true), 0x9000);
    assert_true(
        openssl_verify(public, "SHA512", OPENSSL_NONE, message, sizeof message, card->data, card->len));
}

static void check_rsa(struct card *card, uint8_t id, EVP_PKEY *public) {
    uint8_t ciphertext[512];
    size_t len;
    assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x33, message, sizeof message, true), 0x9000);
    assert_true(
        openssl_verify(public, "SHA256", OPENSSL_PKCS1, message, sizeof message, card->data, card->len));
    assert_int_equal(card_apdu(card, 0x80, 0x68, id, 0x45, message, sizeof message, true), 0x9000);
    assert_true(
        openssl_verify(public, "SHA512", OPENSSL_PSS, message, sizeof message, card->data, card->len));
    len = openssl_encrypt(public, "SHA256", message, sizeof message, ciphertext, sizeof ciphertext);
    assert_int_not_equal(len, 0);
    assert_int_equal(card_apdu(card, 0x80, 0x62, id, 0x23, ciphertext, len, true), 0x9000);
    assert_int_equal(card->len, sizeof message);
    assert_memory_equal(card->data, message, sizeof message);
    len = openssl_encrypt(public, NULL, message, sizeof message, ciphertext, sizeof ciphertext);
    assert_int_equal(card_apdu(card, 0x80, 0x62, id, 0x22, ciphertext, len, true), 0x9000);
    assert_memory_equal(card->data, message, sizeof message);
}

static void check_key(struct card *card, uint8_t id, size_t fixture, EVP_PKEY *public) {
    if (fixtures[fixture].curve != NULL) {
        check_ec(card, id, public);
    } else {
        check_rsa(card, id, public);
    }
}

/* The request that the card wrote names the same public key as the one that came in the key file. */
static void check_request(struct card *card, uint8_t id, const struct key_file *file) {
    char command[64];
    struct tlv theirs, ours, a, b;
    snprintf(command, sizeof command, "00 B1 CE %02X 00 0004 54020000 0000", id);
    assert_int_equal(card_cmd(card, command), 0x9000);
    request_key(file->request.raw, file->request.raw_len, &theirs);
    request_key(card->data, card->len, &ours);
    uint32_t tag = tlv_find(theirs.value, theirs.len, 0x86, &a) ? 0x86 : 0x81;
    assert_true(tlv_find(theirs.value, theirs.len, tag, &a));
    assert_true(tlv_find(ours.value, ours.len, tag, &b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.value, b.value, a.len);
}

static struct card *card_of_fixtures(uint64_t seed) {
    char share[2 * SHARE_LEN + 1];
    for (size_t i = 0; i < SHARE_LEN; i++) {
        snprintf(share + 2 * i, 3, "%02X", fixture_share[i]);
    }
    struct card *card = card_new(seed);
    card_initialize(card, share);
    card_login(card);
    return card;
}

/* EF 2F10 in pieces of a limited reader, then UNWRAP without data. */
static void unwrap_in_pieces(struct card *card, uint8_t id, const struct tlv *blob) {
    for (size_t at = 0; at < blob->len;) {
        uint8_t data[4 + 3 + 230];
        size_t n = blob->len - at < 230 ? blob->len - at : 230;
        struct writer w;
        writer_init(&w, data, sizeof data);
        writer_u16(&w, 0x5402);
        writer_u16(&w, (uint16_t)at);
        tlv_put(&w, 0x53, blob->value + at, n);
        assert_int_equal(card_apdu(card, 0x00, 0xD7, 0x2F, 0x10, data, w.len, false), 0x9000);
        at += n;
    }
    assert_int_equal(card_apdu(card, 0x80, 0x74, id, 0x93, NULL, 0, false), 0x9000);
}

static void test_keys_of_another_card(void **state) {
    (void)state;
    struct card *card = card_of_fixtures(5);
    struct card *second = card_of_fixtures(6);
    for (size_t i = 0; i < FIXTURE_COUNT; i++) {
        struct key_file file;
        uint8_t id = (uint8_t)(i + 1);
        read_key_file(fixtures[i].name, &file);
        EVP_PKEY *public = fixture_public(i, &file);
        assert_non_null(public);
        assert_int_equal(card_apdu(card, 0x80, 0x74, id, 0x93, file.blob.value, file.blob.len, false),
                         0x9000);
        check_key(card, id, i, public);
        check_request(card, id, &file);
        unwrap_in_pieces(card, (uint8_t)(id + 0x40), &file.blob);
        check_key(card, (uint8_t)(id + 0x40), i, public);
        /* Out again and onto another TwinHSM. */
        assert_int_equal(card_apdu(card, 0x80, 0x72, id, 0x92, NULL, 0, true), 0x9000);
        assert_memory_equal(card->data, file.blob.value, 27);
        assert_int_equal(card_apdu(second, 0x80, 0x74, id, 0x93, card->data, card->len, false), 0x9000);
        check_key(second, id, i, public);
        EVP_PKEY_free(public);
    }
    card_free(card);
    card_free(second);
}

static void test_refused_with_another_dkek(void **state) {
    (void)state;
    struct card *card = card_new(7);
    card_initialize(card, CARD_DKEK);
    card_login(card);
    uint8_t before[32], after[32];
    card_digest(card, before);
    for (size_t i = 0; i < FIXTURE_COUNT; i++) {
        struct key_file file;
        read_key_file(fixtures[i].name, &file);
        assert_int_equal(card_apdu(card, 0x80, 0x74, 1, 0x93, file.blob.value, file.blob.len, false), 0x6A80);
    }
    card_digest(card, after);
    assert_memory_equal(before, after, 32);
    card_free(card);
}

/* One prime factor of n from n, e, d (SP 800-56B rev. 2, Appendix C). */
static BIGNUM *factor(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d, BN_CTX *ctx) {
    BIGNUM *r = BN_new();
    BIGNUM *x = BN_new();
    BIGNUM *y = BN_new();
    BIGNUM *g = BN_new();
    BIGNUM *p = NULL;
    int twos = 0;
    BN_mul(r, e, d, ctx);
    BN_sub_word(r, 1);
    while (!BN_is_bit_set(r, twos)) {
        twos++;
    }
    BN_rshift(r, r, twos);
    for (BN_ULONG base = 2; p == NULL && base < 100; base++) {
        BN_set_word(g, base);
        BN_mod_exp(x, g, r, n, ctx);
        for (int i = 0; i < twos && p == NULL; i++) {
            BN_mod_sqr(y, x, n, ctx);
            BN_sub_word(x, 1);
            BN_gcd(g, x, n, ctx);
            if (BN_is_one(y) && !BN_is_one(g) && BN_cmp(g, n) != 0) {
                p = BN_dup(g);
            }
            BN_copy(x, y);
        }
    }
    BN_free(r);
    BN_free(x);
    BN_free(y);
    BN_free(g);
    return p;
}

static void put_number(struct writer *w, const BIGNUM *number) {
    uint8_t bytes[512];
    int len = BN_bn2bin(number, bytes);
    writer_field16(w, bytes, (size_t)len);
}

/* RSA in CRT form (type 06), which other cards write up to 2048 bits, of every size. */
static void test_rsa_crt_form(void **state) {
    (void)state;
    static const size_t rsa[] = {5, 6};
    struct card *card = card_of_fixtures(8);
    for (size_t i = 0; i < sizeof rsa / sizeof rsa[0]; i++) {
        struct key_file file;
        uint8_t plain[FILE_MAX];
        uint8_t crt[FILE_MAX];
        uint8_t blob[FILE_MAX + 128];
        size_t d_len, n_len, e_len;
        struct reader r;
        struct writer w;
        read_key_file(fixtures[rsa[i]].name, &file);
        size_t len = blob_open(fixture_share, file.blob.value, file.blob.len, plain);
        assert_int_not_equal(len, 0);
        reader_init(&r, plain, len);
        uint16_t bits = reader_u16(&r);
        const uint8_t *d_bytes = reader_field16(&r, &d_len);
        const uint8_t *n_bytes = reader_field16(&r, &n_len);
        const uint8_t *e_bytes = reader_field16(&r, &e_len);
        assert_non_null(e_bytes);
        BN_CTX *ctx = BN_CTX_new();
        BIGNUM *d = BN_bin2bn(d_bytes, (int)d_len, NULL);
        BIGNUM *n = BN_bin2bn(n_bytes, (int)n_len, NULL);
        BIGNUM *e = BN_bin2bn(e_bytes, (int)e_len, NULL);
        BIGNUM *p = factor(n, e, d, ctx);
        assert_non_null(p);
        BIGNUM *q = BN_new();
        BIGNUM *one_less = BN_new();
        BIGNUM *value = BN_new();
        BN_div(q, NULL, n, p, ctx);
        writer_init(&w, crt, sizeof crt);
        writer_u16(&w, bits);
        BN_sub(one_less, p, BN_value_one());
        BN_mod(value, d, one_less, ctx);
        put_number(&w, value);
        BN_sub(one_less, q, BN_value_one());
        BN_mod(value, d, one_less, ctx);
        put_number(&w, value);
        put_number(&w, p);
        BN_mod_inverse(value, q, p, ctx);
        put_number(&w, value);
        put_number(&w, q);
        put_number(&w, n);
        put_number(&w, e);
        len = blob_make(fixture_share, BLOB_RSA_CRT, NULL, 0, crt, w.len, blob);
        assert_int_equal(card_apdu(card, 0x80, 0x74, 1, 0x93, blob, len, false), 0x9000);
        EVP_PKEY *public = fixture_public(rsa[i], &file);
        check_rsa(card, 1, public);
        EVP_PKEY_free(public);
        BIGNUM *numbers[] = {d, n, e, p, q, one_less, value};
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            BN_free(numbers[k]);
        }
        BN_CTX_free(ctx);
    }
    card_free(card);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_file_vector),    cmocka_unit_test(test_key_derivation_vectors),
        cmocka_unit_test(test_blob_vector),          cmocka_unit_test(test_share_of_another_card),
        cmocka_unit_test(test_keys_of_another_card), cmocka_unit_test(test_refused_with_another_dkek),
        cmocka_unit_test(test_rsa_crt_form),
    };
    card_hex("0ABDF4D84F604AC26D3745C70F9D7EC8D05F9D633DDF11E387C27525F1996708", fixture_share,
             sizeof fixture_share);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
