// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_CRYPTO_RSA_H
#define HSM_CRYPTO_RSA_H

/*
 * RSA (RFC 8017): key generation, the private operation with CRT and blinding, and the paddings.
 *
 * A private key is kept as one packed string, the form in which it is sealed and stored:
 *   bits(2) || e_len(1) || e || p || q || dP || dQ || qInv
 * with p, q, dP, dQ, qInv of ceil(bits / 16) bytes each, big-endian. n and d follow from it.
 * The modulus has exactly `bits` bits, 1024 to 4096, in steps of 8 (1024, 1536, 2048, 3072 and 4096 are what
 * clients ask for).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/rng.h"

#define CRYPTO_RSA_BITS_MIN 1024u
#define CRYPTO_RSA_BITS_MAX 4096u
#define CRYPTO_RSA_LEN_MAX (CRYPTO_RSA_BITS_MAX / 8u) /* bytes of the longest modulus */
#define CRYPTO_RSA_EXP_MAX 8u                         /* bytes of the longest public exponent accepted */
/* Longest packed private key, bytes. Not every bit length above fits a whole number of bytes per prime:
 * rounded up. */
#define CRYPTO_RSA_PRIV_MAX (2u + 1u + CRYPTO_RSA_EXP_MAX + 5u * (CRYPTO_RSA_LEN_MAX / 2u))

/* A public key: n and e, big-endian. */
struct crypto_rsa_public {
    size_t bits;                   /* of the modulus */
    uint8_t n[CRYPTO_RSA_LEN_MAX]; /* the first bits / 8 bytes */
    uint8_t e[CRYPTO_RSA_EXP_MAX]; /* the first e_len bytes, no leading zeros */
    size_t e_len;
};

/*
 * crypto_rsa_generate: a new key of `bits` with public exponent `e` (odd, >= 3, `e_len` bytes; usual: 01 00
 * 01). `tick` (may be NULL) is called between primality tests so that the body can show that it works. `priv`
 * takes CRYPTO_RSA_PRIV_MAX bytes; `*priv_len` receives the length. Returns 0, HSM_ERR_UNSUPPORTED (size),
 * HSM_ERR_DATA (exponent), HSM_ERR_INTERNAL.
 */
int crypto_rsa_generate(size_t bits, const uint8_t *e, size_t e_len, struct crypto_rng *rng,
                        void (*tick)(void *), void *tick_ctx, uint8_t *priv, size_t *priv_len);

/*
 * crypto_rsa_from_nde: packs a key given as n, d, e (SP 800-56B, Appendix C: p and q are recovered). Inputs
 * are integers with any number of leading zeros. Checked: n = p * q, d and e fit. Returns 0, HSM_ERR_DATA,
 * HSM_ERR_UNSUPPORTED (size).
 */
int crypto_rsa_from_nde(const uint8_t *n, size_t n_len, const uint8_t *d, size_t d_len, const uint8_t *e,
                        size_t e_len, struct crypto_rng *rng, uint8_t *priv, size_t *priv_len);

/*
 * crypto_rsa_from_pq: packs a key given as p, q, e; dP, dQ, qInv are computed (p and q are exchanged when p <
 * q). Returns 0, HSM_ERR_DATA (not two different primes, e not invertible, n of another size),
 * HSM_ERR_UNSUPPORTED.
 */
int crypto_rsa_from_pq(const uint8_t *p, size_t p_len, const uint8_t *q, size_t q_len, const uint8_t *e,
                       size_t e_len, struct crypto_rng *rng, uint8_t *priv, size_t *priv_len);

/* crypto_rsa_public: n and e of a packed private key. Returns 0 or HSM_ERR_DATA when the string is malformed.
 */
int crypto_rsa_public(const uint8_t *priv, size_t priv_len, struct crypto_rsa_public *pub);

/* crypto_rsa_private_exponent: d, bits / 8 bytes to `d`. Returns 0 or HSM_ERR_DATA. */
int crypto_rsa_private_exponent(const uint8_t *priv, size_t priv_len, uint8_t *d);

/*
 * crypto_rsa_raw: RSADP / RSASP1 (RFC 8017, 5.1.2, 5.2.1): `in` and `out` are bits / 8 bytes, may be the
 * same. The result is checked by the public operation before it leaves (fault attacks on CRT). Returns 0,
 * HSM_ERR_DATA (in >= n), HSM_ERR_INTERNAL.
 */
int crypto_rsa_raw(const uint8_t *priv, size_t priv_len, struct crypto_rng *rng, const uint8_t *in,
                   uint8_t *out);

/* crypto_rsa_apply_public: in^e mod n, bits / 8 bytes. Returns 0 or HSM_ERR_DATA. */
int crypto_rsa_apply_public(const struct crypto_rsa_public *pub, const uint8_t *in, uint8_t *out);

/*
 * Paddings. `k` is the modulus length in bytes; em takes k bytes.
 * crypto_pkcs1_pad: EMSA-PKCS1-v1_5 of a ready DigestInfo (RFC 8017, 9.2). HSM_ERR_LENGTH when longer than k
 * - 11. crypto_pkcs1_digest_info: DigestInfo of a hash; `out` takes 19 + 64 bytes, returns the length (0:
 * unknown hash). crypto_pss_encode: EMSA-PSS (9.1.1) of a hash with MGF1 of the same hash, `bits` of the
 * modulus and salt of `salt_len` random bytes. HSM_ERR_LENGTH when the modulus is too short.
 * crypto_pkcs1_unpad: EME-PKCS1-v1_5 (7.2.2), constant time over em; `*len` and `out` (k bytes) receive the
 * message. HSM_ERR_DATA on bad padding. crypto_oaep_unpad: EME-OAEP (7.1.2) with hash `id` for both label
 * (empty) and MGF1. HSM_ERR_DATA on bad padding.
 */
int crypto_pkcs1_pad(const uint8_t *data, size_t len, size_t k, uint8_t *em);
size_t crypto_pkcs1_digest_info(enum crypto_hash_id id, const uint8_t *hash, uint8_t *out);
int crypto_pss_encode(enum crypto_hash_id id, const uint8_t *hash, size_t salt_len, size_t bits,
                      struct crypto_rng *rng, uint8_t *em);
int crypto_pkcs1_unpad(const uint8_t *em, size_t k, uint8_t *out, size_t *len);
int crypto_oaep_unpad(enum crypto_hash_id id, const uint8_t *em, size_t k, uint8_t *out, size_t *len);

#endif
