// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * The peer: what mbedTLS itself takes for the operations a card is asked for, on loaded keys, in the format
 * of bench_card.
 */

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>
#include <string.h>
#include <sys/random.h>

#include "tests/bench/link.h"
#include "tests/bench/timing.h"

static mbedtls_ctr_drbg_context drbg;

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

static void check(int rc, const char *what) {
    if (rc != 0) {
        fail("mbedTLS: %s: -0x%04x", what, (unsigned)-rc);
    }
}

struct ec_key {
    mbedtls_ecp_keypair pair;
    uint8_t hash[64];
    size_t hash_len;
};

static void sign_ec(void *arg) {
    struct ec_key *k = arg;
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    check(mbedtls_ecdsa_sign(&k->pair.MBEDTLS_PRIVATE(grp), &r, &s, &k->pair.MBEDTLS_PRIVATE(d), k->hash,
                             k->hash_len, mbedtls_ctr_drbg_random, &drbg),
          "ECDSA");
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
}

static void agree(void *arg) {
    struct ec_key *k = arg;
    mbedtls_mpi z;
    mbedtls_mpi_init(&z);
    check(mbedtls_ecdh_compute_shared(&k->pair.MBEDTLS_PRIVATE(grp), &z, &k->pair.MBEDTLS_PRIVATE(grp).G,
                                      &k->pair.MBEDTLS_PRIVATE(d), mbedtls_ctr_drbg_random, &drbg),
          "ECDH");
    mbedtls_mpi_free(&z);
}

struct rsa_key {
    mbedtls_rsa_context rsa;
    uint8_t in[512];
    uint8_t out[512];
};

static void sign_rsa(void *arg) {
    struct rsa_key *k = arg;
    check(mbedtls_rsa_private(&k->rsa, mbedtls_ctr_drbg_random, &drbg, k->in, k->out), "RSA");
}

static void generate_rsa2048(void *arg) {
    (void)arg;
    mbedtls_rsa_context rsa;
    mbedtls_rsa_init(&rsa);
    check(mbedtls_rsa_gen_key(&rsa, mbedtls_ctr_drbg_random, &drbg, 2048, 65537), "RSA generation");
    mbedtls_rsa_free(&rsa);
}

static struct ec_key *ec_key(mbedtls_ecp_group_id group, size_t hash_len) {
    static struct ec_key keys[2];
    static size_t used;
    struct ec_key *k = &keys[used++];
    mbedtls_ecp_keypair_init(&k->pair);
    check(mbedtls_ecp_gen_key(group, &k->pair, mbedtls_ctr_drbg_random, &drbg), "EC generation");
    memset(k->hash, 0x5A, sizeof k->hash);
    k->hash_len = hash_len;
    return k;
}

static struct rsa_key *rsa_key(unsigned bits) {
    static struct rsa_key keys[2];
    static size_t used;
    struct rsa_key *k = &keys[used++];
    mbedtls_rsa_init(&k->rsa);
    check(mbedtls_rsa_gen_key(&k->rsa, mbedtls_ctr_drbg_random, &drbg, bits, 65537), "RSA generation");
    memset(k->in, 0x5A, sizeof k->in);
    k->in[0] = 0;
    return k;
}

int main(void) {
    mbedtls_ctr_drbg_init(&drbg);
    check(mbedtls_ctr_drbg_seed(&drbg, entropy, NULL, NULL, 0), "DRBG");
    struct ec_key *p256 = ec_key(MBEDTLS_ECP_DP_SECP256R1, 32);
    struct ec_key *p384 = ec_key(MBEDTLS_ECP_DP_SECP384R1, 48);
    measure("sign P-256", 1000, sign_ec, p256);
    measure("sign P-384", 500, sign_ec, p384);
    measure("ECDH P-256", 500, agree, p256);
    measure("sign RSA-2048", 200, sign_rsa, rsa_key(2048));
    measure("sign RSA-4096", 40, sign_rsa, rsa_key(4096));
    measure("generate RSA-2048", 7, generate_rsa2048, NULL);
    return 0;
}
