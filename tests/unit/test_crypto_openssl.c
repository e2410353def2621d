// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Every short Weierstrass curve against OpenSSL's command line: its keys, its signatures and shared secrets
// under our arithmetic, and ours under its. For secp192k1, secp224k1, brainpoolP192r1 and the t1 curves,
// which mbedTLS does not have or no published vectors cover, it is the only other opinion.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hsm/crypto/ec.h"
#include "hsm/error.h"

static struct crypto_rng rng;
static char dir[64] = "/tmp/twinhsm-openssl-XXXXXX";

/* Runs a shell command line in the working directory; returns whether it succeeded. */
static int run(const char *format, ...) {
    char line[512];
    char whole[700];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "cd %s && exec >/dev/null 2>&1 && %s", dir, line);
    return system(whole) == 0;
}

static size_t read_file(const char *name, uint8_t *out, size_t room) {
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(out, 1, room, file);
    fclose(file);
    return len;
}

static void write_file(const char *name, const uint8_t *bytes, size_t len) {
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Content of a DER element at `der` if it has this tag; `*len` receives its length. */
static const uint8_t *element(const uint8_t *der, uint8_t tag, size_t *len) {
    assert_int_equal(der[0], tag);
    if (der[1] < 0x80) {
        *len = der[1];
        return der + 2;
    }
    assert_true(der[1] == 0x81 || der[1] == 0x82);
    *len = der[1] == 0x81 ? der[2] : (size_t)der[2] << 8 | der[3];
    return der + 2 + (der[1] & 0x0F);
}

/* An integer or octet string as `width` bytes; returns what follows it. */
static const uint8_t *number(const uint8_t *der, uint8_t tag, uint8_t *out, size_t width) {
    size_t len;
    const uint8_t *content = element(der, tag, &len);
    const uint8_t *end = content + len;

    while (len > width && content[0] == 0) {
        content++;
        len--;
    }
    assert_true(len <= width);
    memset(out, 0, width - len);
    memcpy(out + width - len, content, len);
    return end;
}

/* A new key of OpenSSL's in file NAME.der, its public key in NAME.pub; both halves as our functions take
 * them. */
static void foreign_key(const char *curve, const char *name, size_t width, uint8_t *priv, uint8_t *pub) {
    uint8_t der[1024];
    size_t len;

    assert_true(run("openssl ecparam -name %s -genkey -noout -outform DER -out %s.der", curve, name));
    assert_true(run("openssl ec -inform DER -in %s.der -pubout -outform DER -out %s.pub", name, name));
    size_t der_len = read_file(name[0] == 'a' ? "a.der" : "b.der", der, sizeof der);
    const uint8_t *next = element(der, 0x30, &len) + 3; /* ECPrivateKey (SEC 1, C.4), after its version */
    number(next, 0x04, priv, width);
    memcpy(pub, der + der_len - (1 + 2 * width), 1 + 2 * width); /* the public key ends it */
}

static void check_curve(const char *name, enum crypto_curve curve) {
    size_t width = crypto_ec_field_len(curve);
    uint8_t priv[2][CRYPTO_EC_FIELD_MAX];
    uint8_t pub[2][CRYPTO_EC_POINT_MAX];
    uint8_t out[CRYPTO_EC_POINT_MAX];
    uint8_t r[CRYPTO_EC_FIELD_MAX];
    uint8_t s[CRYPTO_EC_FIELD_MAX];
    uint8_t der[256];
    uint8_t hash[20];
    uint8_t theirs[CRYPTO_EC_FIELD_MAX];
    size_t len;

    foreign_key(name, "a", width, priv[0], pub[0]);
    foreign_key(name, "b", width, priv[1], pub[1]);
    assert_int_equal(crypto_ec_public(curve, &rng, priv[0], out), HSM_OK);
    assert_memory_equal(out, pub[0], 1 + 2 * width);

    assert_int_equal(crypto_rng_bytes(&rng, hash, sizeof hash), HSM_OK);
    write_file("hash", hash, sizeof hash);
    assert_int_equal(crypto_ecdsa_sign(curve, &rng, priv[0], hash, sizeof hash, r, s), HSM_OK);
    write_file("sig", der, crypto_ecdsa_der(r, s, width, der));
    assert_true(run("openssl pkeyutl -verify -pubin -inkey a.pub -keyform DER -in hash -sigfile sig"));
    assert_false(run("openssl pkeyutl -verify -pubin -inkey b.pub -keyform DER -in hash -sigfile sig"));
    assert_true(run("openssl pkeyutl -sign -inkey a.der -keyform DER -in hash -out sig"));
    read_file("sig", der, sizeof der);
    number(number(element(der, 0x30, &len), 0x02, r, width), 0x02, s, width);
    assert_int_equal(crypto_ecdsa_verify(curve, pub[0], hash, sizeof hash, r, s), HSM_OK);
    assert_int_equal(crypto_ecdsa_verify(curve, pub[1], hash, sizeof hash, r, s), HSM_ERR_AUTH);

    assert_true(run("openssl pkeyutl -derive -inkey a.der -keyform DER -peerkey b.pub -peerform DER -out z"));
    assert_int_equal(read_file("z", theirs, sizeof theirs), width);
    assert_int_equal(crypto_ecdh(curve, &rng, priv[0], pub[1], 1 + 2 * width, out), HSM_OK);
    assert_memory_equal(out, theirs, width);
    assert_int_equal(crypto_ecdh(curve, &rng, priv[1], pub[0], 1 + 2 * width, out), HSM_OK);
    assert_memory_equal(out, theirs, width);
}

static void all_curves(void **state) {
    unsigned checked = 0;

    (void)state;
    if (!run("openssl version")) {
        print_message("skipped: there is no openssl command\n");
        skip();
    }
    for (int i = 1; i <= CRYPTO_BP512T1; i++) {
        struct crypto_ec_params params;
        const char *name;
        assert_int_equal(crypto_ec_params((enum crypto_curve)i, &params), HSM_OK);
        name = params.name;
        if (i == CRYPTO_SECP192R1 || i == CRYPTO_SECP256R1) /* OpenSSL calls them by their X9.62 names */
            name = i == CRYPTO_SECP192R1 ? "prime192v1" : "prime256v1";
        if (!run("openssl ecparam -name %s -noout", name)) {
            print_message("%s: not in this OpenSSL\n", name);
            continue;
        }
        check_curve(name, (enum crypto_curve)i);
        checked++;
    }
    print_message("%u curves agree with OpenSSL\n", checked);
    assert_true(checked > 0);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : crypto_rng_seed(&rng, (const uint8_t *)"openssl", 7);
}

static int tear_down(void **state) {
    (void)state;
    run("rm -f a.der a.pub b.der b.pub hash sig z");
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_curves)};

    return cmocka_run_group_tests_name("curves against OpenSSL", tests, set_up, tear_down);
}
