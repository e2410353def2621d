// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/blob_maker.h"

#include <stdlib.h>
#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/hash.h"

#define RANDOM_LEN 8u
#define MAC_LEN 16u

/* Written from the description of the format, apart from hsm/keyblob.c. */
static void derive(const uint8_t dkek[32], uint8_t number, uint8_t key[32]) {
    uint8_t counter[4] = {0, 0, 0, number};
    struct crypto_part parts[] = {{dkek, 32}, {counter, sizeof counter}};
    if (crypto_hash_parts(CRYPTO_SHA256, parts, 2, key) != 0) {
        abort();
    }
}

size_t blob_make(const uint8_t dkek[32], uint8_t type, const uint8_t *algorithms, size_t algorithms_len,
                 const uint8_t *plain, size_t plain_len, uint8_t *out) {
    static const uint8_t oid[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
    uint8_t kenc[32];
    uint8_t kmac[32];
    uint8_t digest[32];
    struct writer w;
    derive(dkek, 1, kenc);
    derive(dkek, 2, kmac);
    crypto_hash(CRYPTO_SHA256, dkek, 32, digest);
    writer_init(&w, out, plain_len + algorithms_len + 128);
    writer_put(&w, digest, 8);
    writer_u8(&w, type);
    writer_field16(&w, oid, sizeof oid);
    writer_field16(&w, algorithms, algorithms_len);
    writer_u16(&w, 0);
    writer_u16(&w, 0);
    size_t start = w.len;
    writer_put(&w, "\xA0\xA1\xA2\xA3\xA4\xA5\xA6\xA7", RANDOM_LEN);
    writer_put(&w, plain, plain_len);
    writer_u8(&w, 0x80);
    while ((w.len - start) % CRYPTO_AES_BLOCK != 0) {
        writer_u8(&w, 0);
    }
    if (w.overflow || crypto_aes_cbc(true, kenc, 32, NULL, out + start, w.len - start, out + start) != 0) {
        abort();
    }
    struct crypto_part covered = {out, w.len};
    uint8_t mac[MAC_LEN];
    crypto_aes_cmac(kmac, 32, &covered, 1, mac);
    writer_put(&w, mac, sizeof mac);
    return w.len;
}

size_t blob_open(const uint8_t dkek[32], const uint8_t *blob, size_t len, uint8_t *plain) {
    uint8_t kenc[32];
    uint8_t kmac[32];
    uint8_t mac[MAC_LEN];
    struct reader r;
    size_t ignored;
    derive(dkek, 1, kenc);
    derive(dkek, 2, kmac);
    reader_init(&r, blob, len);
    reader_take(&r, 9);
    for (int i = 0; i < 4; i++) {
        reader_field16(&r, &ignored);
    }
    if (r.failed || r.left < MAC_LEN + RANDOM_LEN) {
        return 0;
    }
    struct crypto_part covered = {blob, len - MAC_LEN};
    size_t cipher_len = r.left - MAC_LEN;
    crypto_aes_cmac(kmac, 32, &covered, 1, mac);
    if (memcmp(mac, blob + len - MAC_LEN, MAC_LEN) != 0 ||
        crypto_aes_cbc(false, kenc, 32, NULL, r.pos, cipher_len, plain) != 0) {
        return 0;
    }
    memmove(plain, plain + RANDOM_LEN, cipher_len - RANDOM_LEN);
    return cipher_len - RANDOM_LEN;
}
