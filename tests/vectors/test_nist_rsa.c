// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// RSA against NIST's and RSA Laboratories' vectors. PKCS #1 v1.5 signatures are compared byte by byte; PSS
// ones have a random salt, so the published ones are verified and ours are verified under the same keys.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/rsa.h"
#include "hsm/error.h"
#include "tests/support/rsa_check.h"
#include "tests/support/vectors.h"

static struct crypto_rng rng;

static enum crypto_hash_id hash_named(const char *name) {
    static const struct {
        const char *name;
        enum crypto_hash_id id;
    } known[] = {
        {"SHA1", CRYPTO_SHA1},     {"SHA224", CRYPTO_SHA224}, {"SHA256", CRYPTO_SHA256},
        {"SHA384", CRYPTO_SHA384}, {"SHA512", CRYPTO_SHA512},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].id;
    fail_msg("unknown hash %s", name);
    return CRYPTO_SHA1;
}

/* A number of the current key as it stands in the file. */
struct number {
    uint8_t bytes[CRYPTO_RSA_LEN_MAX];
    size_t len;
};

static void read_number(struct number *number, const char *text) {
    number->len = hex_bytes(text, number->bytes, sizeof number->bytes);
}

/* One vector of NIST's signature files, with the key it stands under. */
struct vector {
    struct crypto_rsa_public pub;
    struct number n, e, d, s, salt;
    enum crypto_hash_id hash;
    uint8_t digest[CRYPTO_HASH_MAX];
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    size_t priv_len;
    bool has_salt;
};

/* The public key with the exponent the file gives it at the moment, which some vectors change. */
static void set_public(struct vector *v) {
    size_t zeros = 0;

    while (zeros < v->e.len && v->e.bytes[zeros] == 0)
        zeros++;
    memset(&v->pub, 0, sizeof v->pub);
    v->pub.bits = 8 * v->n.len;
    memcpy(v->pub.n, v->n.bytes, v->n.len);
    v->pub.e_len = v->e.len - zeros;
    if (v->pub.e_len <= sizeof v->pub.e)
        memcpy(v->pub.e, v->e.bytes + zeros, v->pub.e_len);
}

static void take_line(struct vector *v, const struct vector_file *file) {
    static uint8_t message[1024];

    if (vector_is(file, "n")) {
        read_number(&v->n, file->value);
        v->priv_len = 0;
    } else if (vector_is(file, "e")) {
        read_number(&v->e, file->value);
        set_public(v);
    } else if (vector_is(file, "d")) {
        read_number(&v->d, file->value);
        v->priv_len = 0;
    } else if (vector_is(file, "SHAAlg")) {
        v->hash = hash_named(file->value);
    } else if (vector_is(file, "Msg")) {
        size_t len = hex_bytes(file->value, message, sizeof message);
        crypto_hash(v->hash, message, len, v->digest);
    } else if (vector_is(file, "SaltVal")) {
        read_number(&v->salt, file->value);
        v->has_salt = true;
    } else if (vector_is(file, "S")) {
        read_number(&v->s, file->value);
    }
}

static void import_key(struct vector *v) {
    if (v->priv_len == 0 && crypto_rsa_from_nde(v->n.bytes, v->n.len, v->d.bytes, v->d.len, v->e.bytes,
                                                v->e.len, &rng, v->priv, &v->priv_len) != HSM_OK)
        fail_msg("a published key of %zu bits was refused", 8 * v->n.len);
}

static void pkcs1_generate(void **state) {
    struct tally tally = {.what = "RSA PKCS #1 v1.5 signature, same bytes (CAVP)"};
    struct vector_file file;
    struct vector v = {.priv_len = 0};
    uint8_t info[19 + CRYPTO_HASH_MAX];
    uint8_t em[CRYPTO_RSA_LEN_MAX];

    (void)state;
    vector_open(&file, "asymmetric/RSA/FIPS_186-2/SigGen15_186-2.txt");
    while (vector_next(&file)) {
        take_line(&v, &file);
        if (!vector_is(&file, "S"))
            continue;
        import_key(&v);
        size_t info_len = crypto_pkcs1_digest_info(v.hash, v.digest, info);
        bool right = crypto_pkcs1_pad(info, info_len, v.n.len, em) == HSM_OK &&
                     crypto_rsa_raw(v.priv, v.priv_len, &rng, em, em) == HSM_OK && v.s.len == v.n.len &&
                     memcmp(em, v.s.bytes, v.s.len) == 0;
        tally_check(&tally, right, file.path, file.line);
    }
    tally_end(&tally);
}

static void pss_generate(void **state) {
    struct tally theirs = {.what = "RSA PSS, published signatures verified (CAVP)"};
    struct tally ours = {.what = "RSA PSS, our signatures under the same keys"};
    struct vector_file file;
    struct vector v = {.priv_len = 0};
    uint8_t em[CRYPTO_RSA_LEN_MAX];

    (void)state;
    vector_open(&file, "asymmetric/RSA/FIPS_186-2/SigGenPSS_186-2.txt");
    while (vector_next(&file)) {
        take_line(&v, &file);
        if (!vector_is(&file, "S"))
            continue;
        tally_check(&theirs, rsa_check_pss(&v.pub, v.hash, v.digest, v.s.bytes, v.salt.bytes, v.salt.len),
                    file.path, file.line);
        import_key(&v);
        size_t salt_len = crypto_hash_len(v.hash);
        if (v.n.len < 2 * salt_len + 2) /* SHA-512 under 1024 bits: no room for a salt as long as the hash */
            salt_len = v.salt.len;
        bool right = crypto_pss_encode(v.hash, v.digest, salt_len, v.pub.bits, &rng, em) == HSM_OK &&
                     crypto_rsa_raw(v.priv, v.priv_len, &rng, em, em) == HSM_OK &&
                     rsa_check_pss(&v.pub, v.hash, v.digest, em, NULL, salt_len);
        tally_check(&ours, right, file.path, file.line);
    }
    tally_end(&theirs);
    tally_end(&ours);
}

/* Files without private keys: every signature is right. */
static void pkcs1_verify_only(struct tally *tally) {
    struct vector_file file;
    struct vector v = {.priv_len = 0};

    vector_open(&file, "asymmetric/RSA/FIPS_186-2/SigGen15_186-3.rsp");
    while (vector_next(&file)) {
        take_line(&v, &file);
        if (vector_is(&file, "S"))
            tally_check(tally, rsa_check_pkcs1(&v.pub, v.hash, v.digest, v.s.bytes), file.path, file.line);
    }
}

static void run_verify(struct tally *tally, const char *name, bool pss) {
    struct vector_file file;
    struct vector v = {.priv_len = 0};

    vector_open(&file, name);
    while (vector_next(&file)) {
        take_line(&v, &file);
        if (!vector_is(&file, "Result"))
            continue;
        bool accepted = pss ? rsa_check_pss(&v.pub, v.hash, v.digest, v.s.bytes, v.salt.bytes, v.salt.len)
                            : rsa_check_pkcs1(&v.pub, v.hash, v.digest, v.s.bytes);
        tally_check(tally, accepted == (file.value[0] == 'P'), file.path, file.line);
    }
}

static void verify(void **state) {
    struct tally pkcs1 = {.what = "RSA PKCS #1 v1.5 verification (CAVP)"};
    struct tally pss = {.what = "RSA PSS verification (CAVP)"};

    (void)state;
    pkcs1_verify_only(&pkcs1);
    run_verify(&pkcs1, "asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp", false);
    run_verify(&pkcs1, "asymmetric/RSA/SigVer15EMTest.txt", false);
    run_verify(&pss, "asymmetric/RSA/FIPS_186-2/SigVerPSS_186-3.rsp", true);
    tally_end(&pkcs1);
    tally_end(&pss);
}

/* Keys given whole: p and q must come out of n, d, e; and d out of p, q, e. */
static void key_import(void **state) {
    struct tally from_d = {.what = "RSA key from n, d, e (CAVP)"};
    struct tally from_p = {.what = "RSA key from p, q, e (CAVP)"};
    struct vector_file file;
    struct vector v = {.priv_len = 0};
    struct number p = {.len = 0};
    struct number q = {.len = 0};
    uint8_t packed[CRYPTO_RSA_PRIV_MAX];
    uint8_t d[CRYPTO_RSA_LEN_MAX];

    (void)state;
    vector_open(&file, "asymmetric/RSA/FIPS_186-2/KeyGenRSA.rsp");
    while (vector_next(&file)) {
        take_line(&v, &file);
        if (vector_is(&file, "p"))
            read_number(&p, file.value);
        if (vector_is(&file, "q"))
            read_number(&q, file.value);
        if (!vector_is(&file, "d"))
            continue;
        size_t packed_len = 0;
        int ret = crypto_rsa_from_nde(v.n.bytes, v.n.len, v.d.bytes, v.d.len, v.e.bytes, v.e.len, &rng,
                                      v.priv, &v.priv_len);
        const uint8_t *primes = v.priv + 3 + v.priv[2];
        const struct number *larger = memcmp(p.bytes, q.bytes, p.len) > 0 ? &p : &q;
        tally_check(&from_d, ret == HSM_OK && memcmp(primes, larger->bytes, larger->len) == 0, file.path,
                    file.line);
        ret =
            crypto_rsa_from_pq(p.bytes, p.len, q.bytes, q.len, v.e.bytes, v.e.len, &rng, packed, &packed_len);
        bool right = ret == HSM_OK && packed_len == v.priv_len && memcmp(packed, v.priv, packed_len) == 0 &&
                     crypto_rsa_private_exponent(packed, packed_len, d) == HSM_OK &&
                     memcmp(d + v.n.len - v.d.len, v.d.bytes, v.d.len) == 0;
        tally_check(&from_p, right, file.path, file.line);
    }
    tally_end(&from_d);
    tally_end(&from_p);
}

/*
 * The vectors of RSA Laboratories: "# Name:" followed by lines of digits. Keys whose modulus is not a whole
 * number of bytes are passed over; the card has none (rsa.h).
 */
enum scheme { SIGN_PKCS1, CHECK_PSS, DECRYPT_PKCS1, DECRYPT_OAEP };

struct laboratory {
    enum scheme scheme;
    enum crypto_hash_id hash;
    struct number modulus, exponent, prime[2], message, salt, output;
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
    size_t priv_len;
};

static void run_one(struct laboratory *lab, struct tally *tally, const char *path, unsigned line) {
    uint8_t em[CRYPTO_RSA_LEN_MAX];
    uint8_t out[CRYPTO_RSA_LEN_MAX];
    uint8_t digest[CRYPTO_HASH_MAX];
    uint8_t info[19 + CRYPTO_HASH_MAX];
    size_t k = lab->modulus.len;
    size_t len = 0;
    struct crypto_rsa_public pub;
    bool right = false;

    if (lab->priv_len == 0) {
        int ret =
            crypto_rsa_from_pq(lab->prime[0].bytes, lab->prime[0].len, lab->prime[1].bytes, lab->prime[1].len,
                               lab->exponent.bytes, lab->exponent.len, &rng, lab->priv, &lab->priv_len);
        if (ret == HSM_ERR_UNSUPPORTED) {
            lab->priv_len = 0;
            return;
        }
        if (ret != HSM_OK)
            fail_msg("%s:%u: the key was refused (%d)", path, line, ret);
    }
    crypto_rsa_public(lab->priv, lab->priv_len, &pub);
    crypto_hash(lab->hash, lab->message.bytes, lab->message.len, digest);
    switch (lab->scheme) {
    case SIGN_PKCS1:
        len = crypto_pkcs1_digest_info(lab->hash, digest, info);
        right = crypto_pkcs1_pad(info, len, k, em) == HSM_OK &&
                crypto_rsa_raw(lab->priv, lab->priv_len, &rng, em, out) == HSM_OK &&
                memcmp(out, lab->output.bytes, k) == 0;
        break;
    case CHECK_PSS:
        right = rsa_check_pss(&pub, lab->hash, digest, lab->output.bytes, lab->salt.bytes, lab->salt.len);
        break;
    case DECRYPT_PKCS1:
    case DECRYPT_OAEP:
        right = crypto_rsa_raw(lab->priv, lab->priv_len, &rng, lab->output.bytes, em) == HSM_OK &&
                (lab->scheme == DECRYPT_PKCS1 ? crypto_pkcs1_unpad(em, k, out, &len)
                                              : crypto_oaep_unpad(lab->hash, em, k, out, &len)) == HSM_OK &&
                len == lab->message.len && memcmp(out, lab->message.bytes, len) == 0;
        break;
    }
    tally_check(tally, right, path, line);
}

/* Where the digits after a label go, NULL when they are not needed. */
static struct number *target_of(struct laboratory *lab, const char *label) {
    static const struct {
        const char *label;
        size_t offset;
    } known[] = {
        {"Modulus:", offsetof(struct laboratory, modulus)},
        {"Public exponent:", offsetof(struct laboratory, exponent)},
        {"Prime 1:", offsetof(struct laboratory, prime[0])},
        {"Prime 2:", offsetof(struct laboratory, prime[1])},
        {"Message to be signed:", offsetof(struct laboratory, message)},
        {"Message to be encrypted:", offsetof(struct laboratory, message)},
        {"Message:", offsetof(struct laboratory, message)},
        {"Salt:", offsetof(struct laboratory, salt)},
        {"Signature:", offsetof(struct laboratory, output)},
        {"Encryption:", offsetof(struct laboratory, output)},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(label, known[i].label) == 0)
            return (struct number *)(void *)((char *)lab + known[i].offset);
    return NULL;
}

static void run_laboratory(struct tally *tally, const char *name, enum scheme scheme,
                           enum crypto_hash_id hash) {
    static struct laboratory lab;
    char path[512];
    char *text = NULL;
    size_t room = 0;
    char digits[2 * CRYPTO_RSA_LEN_MAX + 1];
    struct number *target = NULL;
    unsigned line = 0;

    memset(&lab, 0, sizeof lab);
    lab.scheme = scheme;
    lab.hash = hash;
    snprintf(path, sizeof path, "%s/%s", vectors_nist_dir(), name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    for (;;) {
        bool more = getline(&text, &room, file) >= 0;
        line++;
        if (more)
            text[strcspn(text, "\r\n")] = '\0';
        if (more && target != NULL && text[0] != '#' && text[0] != '\0') {
            for (const char *p = text; *p != '\0'; p++)
                if (*p != ' ' && strlen(digits) < sizeof digits - 1)
                    strncat(digits, p, 1);
            continue;
        }
        if (target != NULL) { /* the number has ended */
            read_number(target, digits);
            if (target == &lab.modulus)
                lab.priv_len = 0;
            if (target == &lab.output)
                run_one(&lab, tally, path, line - 1);
        }
        target = NULL;
        if (!more)
            break;
        if (text[0] == '#') {
            char *label = text + 1 + strspn(text + 1, " ");
            size_t len = strlen(label);
            while (len > 0 && label[len - 1] == ' ')
                label[--len] = '\0';
            target = target_of(&lab, label);
            digits[0] = '\0';
        }
    }
    free(text);
    fclose(file);
}

static void laboratory_signatures(void **state) {
    struct tally pkcs1 = {.what = "RSA PKCS #1 v1.5 signature, same bytes (RSA Labs)"};
    struct tally pss = {.what = "RSA PSS verification (RSA Labs)"};

    (void)state;
    run_laboratory(&pkcs1, "asymmetric/RSA/pkcs1v15sign-vectors.txt", SIGN_PKCS1, CRYPTO_SHA1);
    run_laboratory(&pss, "asymmetric/RSA/pkcs-1v2-1d2-vec/pss-vect.txt", CHECK_PSS, CRYPTO_SHA1);
    tally_end(&pkcs1);
    tally_end(&pss);
}

static void laboratory_decryption(void **state) {
    static const struct {
        const char *file;
        enum crypto_hash_id hash;
    } custom[] = {
        {"asymmetric/RSA/pkcs-1v2-1d2-vec/oaep-vect.txt", CRYPTO_SHA1},
        {"asymmetric/RSA/oaep-custom/oaep-sha224-sha224.txt", CRYPTO_SHA224},
        {"asymmetric/RSA/oaep-custom/oaep-sha256-sha256.txt", CRYPTO_SHA256},
        {"asymmetric/RSA/oaep-custom/oaep-sha384-sha384.txt", CRYPTO_SHA384},
        {"asymmetric/RSA/oaep-custom/oaep-sha512-sha512.txt", CRYPTO_SHA512},
    };
    struct tally pkcs1 = {.what = "RSA PKCS #1 v1.5 decryption (RSA Labs)"};
    struct tally oaep = {.what = "RSA OAEP decryption (RSA Labs and others)"};

    (void)state;
    run_laboratory(&pkcs1, "asymmetric/RSA/pkcs1v15crypt-vectors.txt", DECRYPT_PKCS1, CRYPTO_SHA1);
    for (size_t i = 0; i < sizeof custom / sizeof custom[0]; i++)
        run_laboratory(&oaep, custom[i].file, DECRYPT_OAEP, custom[i].hash);
    tally_end(&pkcs1);
    tally_end(&oaep);
}

static int set_up(void **state) {
    (void)state;
    return crypto_rng_seed(&rng, (const uint8_t *)"rsa", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_import),
        cmocka_unit_test(pkcs1_generate),
        cmocka_unit_test(pss_generate),
        cmocka_unit_test(verify),
        cmocka_unit_test(laboratory_signatures),
        cmocka_unit_test(laboratory_decryption),
    };

    return cmocka_run_group_tests_name("NIST and RSA Laboratories vectors: RSA", tests, set_up, NULL);
}
