// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* CIPHER (docs/protocol.md, "CIPHER"): what an AES key does. */

#include <string.h>

#include "hsm/command.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/hash.h"
#include "hsm/key.h"

#define P2_CBC_ENCRYPT 0x10u
#define P2_CBC_DECRYPT 0x11u
#define P2_CMAC 0x18u
#define P2_DERIVE 0x99u

#define DERIVED_LEN 32u

/* CBC with IV zero and no padding: clients fold their IV into the first block. */
static int cbc(const struct key *key, const struct apdu *apdu, struct writer *out) {
    if (apdu->nc == 0 || apdu->nc % CRYPTO_AES_BLOCK != 0) {
        return HSM_ERR_LENGTH;
    }
    uint8_t *to = writer_reserve(out, apdu->nc);
    if (to == NULL) {
        return HSM_ERR_LENGTH;
    }
    return crypto_aes_cbc(apdu->p2 == P2_CBC_ENCRYPT, key->secret, key->secret_len, NULL, apdu->data,
                          apdu->nc, to);
}

static int cmac(const struct key *key, const struct apdu *apdu, struct writer *out) {
    struct crypto_part part = {apdu->data, apdu->nc};
    uint8_t mac[16];
    int rc = crypto_aes_cmac(key->secret, key->secret_len, &part, 1, mac);
    if (rc == HSM_OK) {
        writer_put(out, mac, sizeof mac);
    }
    return rc;
}

/*
 * Derivation of 32 bytes, SP 800-56C rev. 2, 5 (two-step): the key is the shared secret, extraction is
 * AES-CMAC under a zero salt of the key's own size, expansion is SP 800-108 in counter mode with AES-CMAC;
 * the command data is FixedInfo.
 */
static int derive(const struct key *key, const struct apdu *apdu, struct writer *out) {
    static const uint8_t salt[16];
    uint8_t prk[16];
    uint8_t block[16];
    struct crypto_part secret = {key->secret, key->secret_len};
    int rc = crypto_aes_cmac(salt, sizeof salt, &secret, 1, prk);
    for (uint8_t i = 1; rc == HSM_OK && i <= DERIVED_LEN / sizeof block; i++) {
        uint8_t counter[4] = {0, 0, 0, i};
        struct crypto_part parts[] = {{counter, sizeof counter}, {apdu->data, apdu->nc}};
        rc = crypto_aes_cmac(prk, sizeof prk, parts, 2, block);
        writer_put(out, block, sizeof block);
    }
    return rc;
}

int cmd_cipher(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key key;
    switch (apdu->p2) {
    case P2_CBC_ENCRYPT:
    case P2_CBC_DECRYPT:
    case P2_CMAC:
    case P2_DERIVE:
        break;
    default: {
        int rc = key_exists(hsm, apdu->p1);
        return rc == HSM_OK ? HSM_ERR_UNSUPPORTED : rc;
    }
    }
    int rc = key_load_for(hsm, apdu->p1, KEY_AES, apdu->p2, &key);
    if (rc != HSM_OK) {
        return rc;
    }
    if (apdu->p2 == P2_CMAC) {
        return cmac(&key, apdu, out);
    }
    return apdu->p2 == P2_DERIVE ? derive(&key, apdu, out) : cbc(&key, apdu, out);
}
