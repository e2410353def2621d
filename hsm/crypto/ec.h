// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_EC_H
#define HSM_CRYPTO_EC_H

/*
 * Elliptic curves: domain parameters, key generation, ECDSA (FIPS 186-5), ECDH (SP 800-56A).
 *
 * Integers are unsigned big-endian of fixed width. Coordinates, private keys, r and s all take field_len
 * bytes. (One order is longer than its field: secp224k1's has 225 bits. The private keys, r and s of 2^224
 * and above that this leaves out are one in 2^112; none is ever made here.) Public points are uncompressed,
 * 04 || X || Y (SEC 1, 2.3.3). Montgomery curves (RFC 7748): private and public keys are the raw
 * little-endian strings of 32 or 56 bytes; private keys are clamped (5) when they are used, not when they are
 * stored.
 *
 * Private key operations are blinded with the random generator they are given.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/crypto/rng.h"

/* Stored in key records: numbers never change meaning. */
enum crypto_curve {
    CRYPTO_CURVE_NONE = 0,
    CRYPTO_SECP192R1 = 1,
    CRYPTO_SECP224R1 = 2,
    CRYPTO_SECP256R1 = 3,
    CRYPTO_SECP384R1 = 4,
    CRYPTO_SECP521R1 = 5,
    CRYPTO_SECP192K1 = 6,
    CRYPTO_SECP224K1 = 7,
    CRYPTO_SECP256K1 = 8,
    CRYPTO_BP256R1 = 9,
    CRYPTO_BP384R1 = 10,
    CRYPTO_BP512R1 = 11,
    CRYPTO_BP192R1 = 12, /* 12 to 20: through the generic arithmetic, hsm/crypto/ec_curves.c */
    CRYPTO_BP224R1 = 13,
    CRYPTO_BP320R1 = 14,
    CRYPTO_BP192T1 = 15,
    CRYPTO_BP224T1 = 16,
    CRYPTO_BP256T1 = 17,
    CRYPTO_BP320T1 = 18,
    CRYPTO_BP384T1 = 19,
    CRYPTO_BP512T1 = 20,
    CRYPTO_X25519 = 21,
    CRYPTO_X448 = 22,
};

#define CRYPTO_EC_FIELD_MAX 66u                             /* bytes: secp521r1 */
#define CRYPTO_EC_POINT_MAX (1u + 2u * CRYPTO_EC_FIELD_MAX) /* bytes: 04 || X || Y */
#define CRYPTO_EC_DER_MAX 141u                              /* bytes: ECDSA-Sig-Value of secp521r1 */

/* Domain parameters, big-endian, field_len bytes each (order_len for n); g is 04 || X || Y. The cofactor
 * is 1. */
struct crypto_ec_params {
    const char *name; /* usual name, for messages */
    size_t bits;      /* size of the field in bits */
    size_t field_len; /* bytes */
    size_t order_len; /* bytes of n: field_len, except 29 for secp224k1 */
    uint8_t p[CRYPTO_EC_FIELD_MAX];
    uint8_t a[CRYPTO_EC_FIELD_MAX];
    uint8_t b[CRYPTO_EC_FIELD_MAX];
    uint8_t n[CRYPTO_EC_FIELD_MAX];
    uint8_t g[CRYPTO_EC_POINT_MAX];
};

/* crypto_ec_params: the parameters of `curve`. Returns 0 or HSM_ERR_UNSUPPORTED (also for Montgomery curves).
 */
int crypto_ec_params(enum crypto_curve curve, struct crypto_ec_params *params);

/* crypto_ec_field_bits / _field_len: size of the field, 0 for an unknown curve. Cheap. */
size_t crypto_ec_field_bits(enum crypto_curve curve);
size_t crypto_ec_field_len(enum crypto_curve curve);

/* crypto_ec_is_montgomery: X25519 or X448. */
bool crypto_ec_is_montgomery(enum crypto_curve curve);

/*
 * crypto_ec_find: the curve with field prime `p`, coefficient `a` and order `n`, compared as integers (any
 * number of leading zeros; `a` or `n` may be NULL with length 0 when not known). CRYPTO_CURVE_NONE when there
 * is none.
 */
enum crypto_curve crypto_ec_find(const uint8_t *p, size_t p_len, const uint8_t *a, size_t a_len,
                                 const uint8_t *n, size_t n_len);

/* A Montgomery curve (RFC 7748, 4): p and order big-endian, base point u little-endian; `len` bytes each. */
struct crypto_montgomery_params {
    size_t len; /* 32 or 56 */
    uint8_t p[56];
    uint8_t n[56];
    uint8_t u[56];
};

/* crypto_montgomery_params: for X25519 and X448. Returns 0 or HSM_ERR_UNSUPPORTED. */
int crypto_montgomery_params(enum crypto_curve curve, struct crypto_montgomery_params *params);

/*
 * crypto_montgomery_find: the curve with prime `p` (big-endian integer) and base point `u` (raw). The base
 * point tells it from the Edwards curve over the same field. CRYPTO_CURVE_NONE when there is none.
 */
enum crypto_curve crypto_montgomery_find(const uint8_t *p, size_t p_len, const uint8_t *u, size_t u_len);

/*
 * crypto_ec_generate: a new key pair. `priv` takes field_len bytes, `pub` 1 + 2 * field_len (Montgomery:
 * field_len). Returns 0, HSM_ERR_UNSUPPORTED, HSM_ERR_INTERNAL; `priv` is zeroed on error.
 */
int crypto_ec_generate(enum crypto_curve curve, struct crypto_rng *rng, uint8_t *priv, uint8_t *pub);

/*
 * crypto_ec_public: the public key of `priv` (field_len bytes). Returns 0, HSM_ERR_DATA (private key not
 * in 1..n-1), HSM_ERR_UNSUPPORTED.
 */
int crypto_ec_public(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv, uint8_t *pub);

/* crypto_ec_check_point: is `pub` (of `len` bytes) a valid public key of the curve? Returns 0 or
 * HSM_ERR_DATA. */
int crypto_ec_check_point(enum crypto_curve curve, const uint8_t *pub, size_t len);

/*
 * crypto_ec_add_scalar: out = priv + offset mod n, the EC key derivation. `offset` is an integer of
 * `offset_len` bytes, at most 256. Returns 0, HSM_ERR_DATA when the result is zero or priv is not in 1..n-1,
 * HSM_ERR_LENGTH, HSM_ERR_UNSUPPORTED (Montgomery curve), HSM_ERR_INTERNAL.
 */
int crypto_ec_add_scalar(enum crypto_curve curve, const uint8_t *priv, const uint8_t *offset,
                         size_t offset_len, uint8_t *out);

/*
 * crypto_ecdsa_sign: signs the hash (`hash_len` >= 1 bytes, leftmost bits used as FIPS 186-5, 6.4.1 says)
 * with a random nonce. r and s take field_len bytes each. Returns 0, HSM_ERR_UNSUPPORTED (Montgomery curve),
 * HSM_ERR_LENGTH (empty hash), HSM_ERR_DATA (private key not in 1..n-1), HSM_ERR_INTERNAL.
 */
int crypto_ecdsa_sign(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv,
                      const uint8_t *hash, size_t hash_len, uint8_t *r, uint8_t *s);

/*
 * crypto_ecdsa_verify: checks r and s (field_len bytes each) under the point `pub` (1 + 2 * field_len bytes).
 * Returns 0, HSM_ERR_AUTH, HSM_ERR_DATA (bad point), HSM_ERR_LENGTH (empty hash), HSM_ERR_UNSUPPORTED,
 * HSM_ERR_INTERNAL.
 */
int crypto_ecdsa_verify(enum crypto_curve curve, const uint8_t *pub, const uint8_t *hash, size_t hash_len,
                        const uint8_t *r, const uint8_t *s);

/*
 * crypto_ecdsa_der: encodes r and s (each `len` bytes, big-endian) as ECDSA-Sig-Value (RFC 3279, 2.2.3) with
 * minimal integers. `out` takes CRYPTO_EC_DER_MAX bytes; returns the length.
 */
size_t crypto_ecdsa_der(const uint8_t *r, const uint8_t *s, size_t len, uint8_t *out);

/*
 * crypto_ecdh: the shared secret of `priv` and the peer's public key: the X coordinate, field_len bytes to
 * `secret` (Montgomery: the raw output). The point is checked. Returns 0, HSM_ERR_DATA (point not on the
 * curve or of small order, private key not in 1..n-1), HSM_ERR_UNSUPPORTED, HSM_ERR_INTERNAL; `secret` is
 * zeroed on error.
 */
int crypto_ecdh(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv, const uint8_t *peer,
                size_t peer_len, uint8_t *secret);

#endif
