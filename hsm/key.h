// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_KEY_H
#define HSM_KEY_H

/*
 * Key objects: one record per key under FID CCxx. The clear part says what the key is and holds its public
 * half; the secret part is sealed. The use counter, if the key has one, is a small record of its own, so that
 * using the key does not rewrite it.
 */

#include "hsm/crypto/ec.h"
#include "hsm/crypto/rsa.h"
#include "hsm/hsm.h"

/* Stored in records: numbers never change meaning. */
enum key_type {
    KEY_RSA = 1, /* secret: packed as hsm/crypto/rsa.h says; public: e_len(1) || e || n */
    KEY_EC = 2,  /* secret: the private key; public: the point */
    KEY_AES = 3, /* secret: the key; public: empty */
};

/* A key's description; all but `secret` is stored in clear and authenticated. */
struct key {
    uint8_t id;
    enum key_type type;
    enum crypto_curve curve; /* KEY_EC */
    uint16_t bits;           /* of modulus, field or AES key */
    uint8_t domain;          /* key domain, DOMAIN_NO_DOMAIN for none */
    bool counted;            /* has a use counter */
    uint8_t algorithms_len;
    uint8_t algorithms[HSM_ALGORITHMS_MAX]; /* allowed P2 values; none = every one that fits the type */
    const uint8_t *pub;
    size_t pub_len;
    const uint8_t *secret;
    size_t secret_len;
};

/* Most bytes of a stored key: description, the public half and the secret of RSA-4096, sealing. */
#define KEY_RECORD_MAX 2040u

/*
 * key_load: reads key `id` and opens it in hsm->scratch (its first KEY_RECORD_MAX bytes), to which the
 * pointers in `key` lead. Returns 0, HSM_ERR_REFERENCE (no such key), HSM_ERR_SECURITY, HSM_ERR_INTEGRITY,
 * HSM_ERR_STORAGE.
 */
int key_load(struct hsm *hsm, uint8_t id, struct key *key);

/*
 * key_load_for: key_load for an operation: refuses the device key, checks the key type, and the algorithm
 * list for `algorithm` (a P2 value), and takes one use of the counter. A transaction must be open when the
 * key may have a counter. Returns as key_load; HSM_ERR_UNSUPPORTED (type), HSM_ERR_CONDITIONS (algorithm not
 * in the list), HSM_ERR_FULL (counter exhausted).
 */
int key_load_for(struct hsm *hsm, uint8_t id, enum key_type type, uint8_t algorithm, struct key *key);

/* key_peek: the description and the public half only, without opening: for display. `pub` leads into
 * hsm->scratch. */
int key_peek(struct hsm *hsm, uint8_t id, struct key *key);

/*
 * key_save: seals and writes a key; replaces one with the same id. Uses the upper half of hsm->scratch (from
 * KEY_RECORD_MAX on) as work space: key->pub and key->secret must not lie there. A transaction must be open.
 * `uses` is the use counter's start, only read when key->counted.
 */
int key_save(struct hsm *hsm, const struct key *key, uint32_t uses);

/* key_exists: Returns 0 or HSM_ERR_REFERENCE. */
int key_exists(struct hsm *hsm, uint8_t id);

/* key_uses_left: the use counter. Returns 0, HSM_ERR_REFERENCE (none). */
int key_uses_left(struct hsm *hsm, uint8_t id, uint32_t *uses);

/* key_delete: removes the key and its counter; certificate and description stay. A transaction must be open.
 */
int key_delete(struct hsm *hsm, uint8_t id);

/* key_rsa_public / key_put_rsa_public: the public half of an RSA key from and to its stored form. put returns
 * the length. */
int key_rsa_public(const struct key *key, struct crypto_rsa_public *pub);
size_t key_put_rsa_public(const struct crypto_rsa_public *pub, uint8_t *out, size_t cap);

/* key_work: the upper part of hsm->scratch, free for a handler while a key is loaded in the lower. */
uint8_t *key_work(struct hsm *hsm);
#define KEY_WORK_SIZE (HSM_SCRATCH_SIZE - KEY_RECORD_MAX)

#endif
