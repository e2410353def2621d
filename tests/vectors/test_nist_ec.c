// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Elliptic curves against NIST's and the RFCs' vectors. A signature cannot be compared with a published one,
// since its nonce is random: ours are verified, under the vectors' keys and messages.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/error.h"
#include "tests/support/vectors.h"

#define MESSAGE_MAX 4096u

static struct crypto_rng rng;

/* The curve by NIST's name at the start of a section line, NONE for the binary ones. */
static enum crypto_curve nist_curve(const char *name) {
    static const struct {
        const char *name;
        enum crypto_curve curve;
    } known[] = {
        {"P-192", CRYPTO_SECP192R1}, {"P-224", CRYPTO_SECP224R1}, {"P-256", CRYPTO_SECP256R1},
        {"P-384", CRYPTO_SECP384R1}, {"P-521", CRYPTO_SECP521R1}, {"K-256", CRYPTO_SECP256K1},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(name, known[i].name, 5) == 0)
            return known[i].curve;
    return CRYPTO_CURVE_NONE;
}

static enum crypto_hash_id nist_hash(const char *name) {
    if (strcmp(name, "SHA-224") == 0)
        return CRYPTO_SHA224;
    if (strcmp(name, "SHA-256") == 0)
        return CRYPTO_SHA256;
    if (strcmp(name, "SHA-384") == 0)
        return CRYPTO_SHA384;
    if (strcmp(name, "SHA-512") == 0)
        return CRYPTO_SHA512;
    return CRYPTO_SHA1;
}

/* One vector: whatever of it the file gives. Integers out of range leave `fits` false. */
struct vector {
    enum crypto_curve curve;
    enum crypto_hash_id hash;
    size_t len; /* of a field element */
    bool fits;
    uint8_t d[CRYPTO_EC_FIELD_MAX];
    uint8_t q[CRYPTO_EC_POINT_MAX];
    uint8_t r[CRYPTO_EC_FIELD_MAX];
    uint8_t s[CRYPTO_EC_FIELD_MAX];
    uint8_t digest[CRYPTO_HASH_MAX];
};

/* Takes the line if it belongs to a vector; d is NULL-named where a file calls it otherwise. */
static void take_line(struct vector *vector, const struct vector_file *v) {
    static uint8_t message[MESSAGE_MAX];

    if (vector_is(v, "[")) {
        enum crypto_curve curve = nist_curve(v->value);
        const char *comma = strchr(v->value, ',');
        if (strncmp(v->value, "B.4.2", 5) == 0)
            return;
        memset(vector, 0, sizeof *vector);
        vector->curve = curve;
        vector->len = crypto_ec_field_len(curve);
        vector->hash = comma == NULL ? CRYPTO_SHA1 : nist_hash(comma + 1);
        vector->q[0] = 0x04;
        vector->fits = true;
    }
    if (vector->curve == CRYPTO_CURVE_NONE)
        return;
    if (vector_is(v, "Msg")) {
        size_t len = hex_bytes(v->value, message, sizeof message);
        crypto_hash(vector->hash, message, len, vector->digest);
        vector->fits = true;
    } else if (vector_is(v, "d")) {
        vector->fits = hex_integer(v->value, vector->d, vector->len);
    } else if (vector_is(v, "Qx")) {
        vector->fits = hex_integer(v->value, vector->q + 1, vector->len);
    } else if (vector_is(v, "Qy")) {
        vector->fits = hex_integer(v->value, vector->q + 1 + vector->len, vector->len) && vector->fits;
    } else if (vector_is(v, "R")) {
        vector->fits = hex_integer(v->value, vector->r, vector->len) && vector->fits;
    } else if (vector_is(v, "S")) {
        vector->fits = hex_integer(v->value, vector->s, vector->len) && vector->fits;
    }
}

static void key_pairs(void **state) {
    static const char *const files[] = {"asymmetric/ECDSA/FIPS_186-2/KeyPair.rsp",
                                        "asymmetric/ECDSA/FIPS_186-3/KeyPair.rsp"};
    struct tally tally = {.what = "EC public key from private (CAVP)"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        struct vector vector = {.curve = CRYPTO_CURVE_NONE};
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            take_line(&vector, &v);
            if (vector.curve == CRYPTO_CURVE_NONE || !vector_is(&v, "Qy"))
                continue;
            uint8_t pub[CRYPTO_EC_POINT_MAX];
            int ret = crypto_ec_public(vector.curve, &rng, vector.d, pub);
            tally_check(&tally,
                        ret == HSM_OK && vector.fits && memcmp(pub, vector.q, 1 + 2 * vector.len) == 0,
                        v.path, v.line);
        }
    }
    tally_end(&tally);
}

static void public_keys(void **state) {
    static const char *const files[] = {"asymmetric/ECDSA/FIPS_186-2/PKV.rsp",
                                        "asymmetric/ECDSA/FIPS_186-3/PKV.rsp"};
    struct tally tally = {.what = "EC public key validation (CAVP)"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        struct vector vector = {.curve = CRYPTO_CURVE_NONE};
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            take_line(&vector, &v);
            if (vector.curve == CRYPTO_CURVE_NONE || !vector_is(&v, "Result"))
                continue;
            bool accepted =
                vector.fits && crypto_ec_check_point(vector.curve, vector.q, 1 + 2 * vector.len) == HSM_OK;
            tally_check(&tally, accepted == (v.value[0] == 'P'), v.path, v.line);
        }
    }
    tally_end(&tally);
}

static int verify(const struct vector *vector) {
    return crypto_ecdsa_verify(vector->curve, vector->q, vector->digest, crypto_hash_len(vector->hash),
                               vector->r, vector->s);
}

static void ecdsa_verify(void **state) {
    static const char *const files[] = {"asymmetric/ECDSA/FIPS_186-2/SigVer.rsp",
                                        "asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"};
    struct tally tally = {.what = "ECDSA verification (CAVP)"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        struct vector vector = {.curve = CRYPTO_CURVE_NONE};
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            take_line(&vector, &v);
            if (vector.curve == CRYPTO_CURVE_NONE || !vector_is(&v, "Result"))
                continue;
            tally_check(&tally, (vector.fits && verify(&vector) == HSM_OK) == (v.value[0] == 'P'), v.path,
                        v.line);
        }
    }
    tally_end(&tally);
}

static void ecdsa_sign(void **state) {
    static const char *const files[] = {"asymmetric/ECDSA/FIPS_186-2/SigGen.txt",
                                        "asymmetric/ECDSA/FIPS_186-3/SigGen.txt",
                                        "asymmetric/ECDSA/SECP256K1/SigGen.txt"};
    struct tally theirs = {.what = "ECDSA, published signatures verified"};
    struct tally ours = {.what = "ECDSA, our signatures under the same keys"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vector_file v;
        struct vector vector = {.curve = CRYPTO_CURVE_NONE};
        vector_open(&v, files[i]);
        while (vector_next(&v)) {
            take_line(&vector, &v);
            if (vector.curve == CRYPTO_CURVE_NONE || !vector_is(&v, "S"))
                continue;
            tally_check(&theirs, vector.fits && verify(&vector) == HSM_OK, v.path, v.line);
            uint8_t r[CRYPTO_EC_FIELD_MAX];
            memcpy(r, vector.r, vector.len);
            int ret = crypto_ecdsa_sign(vector.curve, &rng, vector.d, vector.digest,
                                        crypto_hash_len(vector.hash), vector.r, vector.s);
            bool right = ret == HSM_OK && verify(&vector) == HSM_OK && memcmp(r, vector.r, vector.len) != 0;
            vector.digest[0] ^= 0x01;
            tally_check(&ours, right && verify(&vector) == HSM_ERR_AUTH, v.path, v.line);
        }
    }
    tally_end(&theirs);
    tally_end(&ours);
}

/* Is Z what our private key and their public key give? */
static bool agrees(enum crypto_curve curve, const uint8_t *priv, const uint8_t *peer, const uint8_t *z) {
    uint8_t secret[CRYPTO_EC_FIELD_MAX];
    size_t len = crypto_ec_field_len(curve);

    return crypto_ecdh(curve, &rng, priv, peer, 1 + 2 * len, secret) == HSM_OK && memcmp(secret, z, len) == 0;
}

/*
 * KAS validity: a vector's result comes with the number of its case. The primitive has a say in those where
 * the other side's public key is bad (1, 2), our own public key (5, 6), our own private key (7), and Z (8).
 * The other wrong ones concern key derivation and confirmation; their Z is right.
 */
static void run_kas(struct tally *tally, const char *name) {
    static const enum crypto_curve curves[] = {CRYPTO_SECP192R1, CRYPTO_SECP224R1, CRYPTO_SECP256R1,
                                               CRYPTO_SECP384R1, CRYPTO_SECP521R1};
    struct vector_file v;
    enum crypto_curve curve = CRYPTO_CURVE_NONE;
    size_t len = 0;
    uint8_t peer[CRYPTO_EC_POINT_MAX] = {0x04};
    uint8_t own[CRYPTO_EC_POINT_MAX] = {0x04};
    uint8_t priv[CRYPTO_EC_FIELD_MAX];
    uint8_t z[CRYPTO_EC_FIELD_MAX];
    bool fits = true;
    bool fits_own = true;
    bool fits_priv = true;

    vector_open(&v, name);
    while (vector_next(&v)) {
        if (vector_is(&v, "[") && v.value[0] == 'E' && v.value[1] >= 'A' && v.value[1] <= 'E') {
            curve = curves[v.value[1] - 'A'];
            len = crypto_ec_field_len(curve);
        } else if (vector_is(&v, "QsCAVSx")) {
            fits = hex_integer(v.value, peer + 1, len);
        } else if (vector_is(&v, "QsCAVSy")) {
            fits = hex_integer(v.value, peer + 1 + len, len) && fits;
        } else if (vector_is(&v, "dsIUT")) {
            fits_priv = hex_integer(v.value, priv, len);
        } else if (vector_is(&v, "QsIUTx")) {
            fits_own = hex_integer(v.value, own + 1, len);
        } else if (vector_is(&v, "QsIUTy")) {
            fits_own = hex_integer(v.value, own + 1 + len, len) && fits_own;
        } else if (vector_is(&v, "Z")) {
            hex_integer(v.value, z, len);
        } else if (vector_is(&v, "Result")) {
            uint8_t out[CRYPTO_EC_POINT_MAX];
            bool right;
            switch (strtoul(strchr(v.value, '(') + 1, NULL, 10)) {
            case 1:
            case 2:
                right = !fits || crypto_ecdh(curve, &rng, priv, peer, 1 + 2 * len, out) == HSM_ERR_DATA;
                break;
            case 5:
            case 6:
                right = !fits_own || crypto_ec_check_point(curve, own, 1 + 2 * len) == HSM_ERR_DATA;
                break;
            case 7:
                right = !fits_priv || crypto_ec_public(curve, &rng, priv, out) != HSM_OK ||
                        memcmp(out, own, 1 + 2 * len) != 0;
                break;
            case 8:
                right = fits && fits_priv && !agrees(curve, priv, peer, z);
                break;
            default:
                right = fits && fits_priv && agrees(curve, priv, peer, z);
            }
            tally_check(tally, right, v.path, v.line);
        }
    }
}

static void ecdh(void **state) {
    struct tally tally = {.what = "ECDH, KAS validity (CAVP)"};

    (void)state;
    run_kas(&tally, "asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_init.fax");
    run_kas(&tally, "asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_resp.fax");
    run_kas(&tally, "asymmetric/ECDH/KASValidityTest_ECCStaticUnified_KDFConcat_NOKC_init.fax");
    run_kas(&tally, "asymmetric/ECDH/KASValidityTest_ECCStaticUnified_KDFConcat_NOKC_resp.fax");
    tally_end(&tally);
}

static void ecdh_brainpool(void **state) {
    struct tally tally = {.what = "ECDH on Brainpool curves (RFC 7027)"};
    struct vector_file v;
    enum crypto_curve curve = CRYPTO_CURVE_NONE;
    size_t len = 0;
    uint8_t priv[2][CRYPTO_EC_FIELD_MAX];
    uint8_t pub[2][CRYPTO_EC_POINT_MAX] = {{0x04}, {0x04}};
    uint8_t z[CRYPTO_EC_FIELD_MAX];

    (void)state;
    vector_open(&v, "asymmetric/ECDH/brainpool.txt");
    while (vector_next(&v)) {
        if (vector_is(&v, "curve")) {
            if (strcmp(v.value, "brainpoolP256r1") == 0)
                curve = CRYPTO_BP256R1;
            else
                curve = strcmp(v.value, "brainpoolP384r1") == 0 ? CRYPTO_BP384R1 : CRYPTO_BP512R1;
            len = crypto_ec_field_len(curve);
        } else if (vector_is(&v, "dA")) {
            hex_integer(v.value, priv[0], len);
        } else if (vector_is(&v, "dB")) {
            hex_integer(v.value, priv[1], len);
        } else if (vector_is(&v, "x_qA")) {
            hex_integer(v.value, pub[0] + 1, len);
        } else if (vector_is(&v, "y_qA")) {
            hex_integer(v.value, pub[0] + 1 + len, len);
        } else if (vector_is(&v, "x_qB")) {
            hex_integer(v.value, pub[1] + 1, len);
        } else if (vector_is(&v, "y_qB")) {
            hex_integer(v.value, pub[1] + 1 + len, len);
        } else if (vector_is(&v, "x_Z")) {
            hex_integer(v.value, z, len);
            tally_check(&tally, agrees(curve, priv[0], pub[1], z), v.path, v.line);
            tally_check(&tally, agrees(curve, priv[1], pub[0], z), v.path, v.line);
        }
    }
    tally_end(&tally);
}

static void montgomery(void **state) {
    static const struct {
        const char *file;
        const char *what;
        enum crypto_curve curve;
    } kinds[] = {
        {"asymmetric/X25519/rfc7748.txt", "X25519 (RFC 7748)", CRYPTO_X25519},
        {"asymmetric/X448/rfc7748.txt", "X448 (RFC 7748)", CRYPTO_X448},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tally tally = {.what = kinds[i].what};
        struct vector_file v;
        uint8_t scalar[56];
        uint8_t u[56];
        uint8_t expected[56];
        uint8_t secret[56];
        size_t len = crypto_ec_field_len(kinds[i].curve);
        vector_open(&v, kinds[i].file);
        while (vector_next(&v)) {
            if (vector_is(&v, "INPUT_SCALAR")) {
                hex_bytes(v.value, scalar, len);
            } else if (vector_is(&v, "INPUT_U")) {
                hex_bytes(v.value, u, len);
            } else if (vector_is(&v, "OUTPUT_U")) {
                hex_bytes(v.value, expected, len);
                int ret = crypto_ecdh(kinds[i].curve, &rng, scalar, u, len, secret);
                tally_check(&tally, ret == HSM_OK && memcmp(secret, expected, len) == 0, v.path, v.line);
            }
        }
        tally_end(&tally);
    }
}

static int set_up(void **state) {
    (void)state;
    return crypto_rng_seed(&rng, (const uint8_t *)"ec", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_pairs),  cmocka_unit_test(public_keys), cmocka_unit_test(ecdsa_verify),
        cmocka_unit_test(ecdsa_sign), cmocka_unit_test(ecdh),        cmocka_unit_test(ecdh_brainpool),
        cmocka_unit_test(montgomery),
    };

    return cmocka_run_group_tests_name("NIST and RFC vectors: elliptic curves", tests, set_up, NULL);
}
