// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The paddings of RFC 8017. Taking one off decides in time that does not depend on the bytes
// (Bleichenbacher's and Manger's attacks): nothing branches on the message, nor indexes by it, before the one
// verdict that the caller sees.

#include <string.h>

#include "hsm/crypto/hash.h"
#include "hsm/crypto/rsa.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

#define PKCS1_OVERHEAD 11u /* bytes: 00 bt, 8 of padding at least, 00 */
#define PKCS1_PS_MIN 8u

/* All bits set when x is 0, else none. */
static size_t mask_zero(size_t x) { return (size_t)0 - ((~x & (x - 1)) >> (8 * sizeof x - 1)); }

int crypto_pkcs1_pad(const uint8_t *data, size_t len, size_t k, uint8_t *em) {
    if (k < PKCS1_OVERHEAD || len > k - PKCS1_OVERHEAD)
        return HSM_ERR_LENGTH;
    em[0] = 0x00;
    em[1] = 0x01;
    memset(em + 2, 0xFF, k - len - 3);
    em[k - len - 1] = 0x00;
    if (len != 0)
        memcpy(em + k - len, data, len);
    return HSM_OK;
}

size_t crypto_pkcs1_digest_info(enum crypto_hash_id id, const uint8_t *hash, uint8_t *out) {
    /* SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING } up to the digest, RFC 8017, 9.2, note 1. */
    static const uint8_t sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E,
                                   0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14};
    static const uint8_t ripemd160[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x24,
                                        0x03, 0x02, 0x01, 0x05, 0x00, 0x04, 0x14};
    static const uint8_t sha2[] = {0x30, 0x00, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0x04, 0x00};
    size_t hash_len = crypto_hash_len(id);
    size_t head = sizeof sha2;
    uint8_t arc = 0; /* last number of the SHA-2 identifiers 2.16.840.1.101.3.4.2 */

    switch (id) {
    case CRYPTO_SHA1:
        head = sizeof sha1;
        memcpy(out, sha1, head);
        break;
    case CRYPTO_RIPEMD160:
        head = sizeof ripemd160;
        memcpy(out, ripemd160, head);
        break;
    case CRYPTO_SHA256:
        arc = 1;
        break;
    case CRYPTO_SHA384:
        arc = 2;
        break;
    case CRYPTO_SHA512:
        arc = 3;
        break;
    case CRYPTO_SHA224:
        arc = 4;
        break;
    default:
        return 0;
    }
    if (arc != 0) {
        memcpy(out, sha2, head);
        out[1] = (uint8_t)(head - 2 + hash_len);
        out[14] = arc;
        out[18] = (uint8_t)hash_len;
    }
    memcpy(out + head, hash, hash_len);
    return head + hash_len;
}

/* XORs the mask of MGF1 (RFC 8017, B.2.1) onto `buf`. */
static int mgf1_xor(enum crypto_hash_id id, const uint8_t *seed, size_t seed_len, uint8_t *buf, size_t len) {
    uint8_t digest[CRYPTO_HASH_MAX];
    uint8_t number[4] = {0, 0, 0, 0};
    struct crypto_part parts[2] = {{seed, seed_len}, {number, sizeof number}};
    size_t hash_len = crypto_hash_len(id);
    int ret = HSM_OK;

    for (size_t done = 0; done < len && ret == HSM_OK; done += hash_len) {
        ret = crypto_hash_parts(id, parts, 2, digest);
        if (ret != HSM_OK)
            break;
        for (size_t i = 0; i < hash_len && done + i < len; i++)
            buf[done + i] ^= digest[i];
        number[3]++; /* never wraps: 512 bytes of mask need 26 digests at most */
    }
    crypto_wipe(digest, sizeof digest);
    return ret;
}

int crypto_pss_encode(enum crypto_hash_id id, const uint8_t *hash, size_t salt_len, size_t bits,
                      struct crypto_rng *rng, uint8_t *em) {
    static const uint8_t zeros[8];
    size_t hash_len = crypto_hash_len(id);
    size_t em_len = (bits + 6) / 8; /* ceil((bits - 1) / 8), RFC 8017, 8.1.1 */

    if (hash_len == 0)
        return HSM_ERR_UNSUPPORTED;
    if (em_len > CRYPTO_RSA_LEN_MAX || salt_len > CRYPTO_RSA_LEN_MAX || em_len < hash_len + salt_len + 2)
        return HSM_ERR_LENGTH;
    if ((bits + 7) / 8 != em_len) /* the modulus has a byte more than the message */
        *em++ = 0x00;
    size_t db_len = em_len - hash_len - 1;
    uint8_t *salt = em + db_len - salt_len;
    uint8_t *h = em + db_len;

    memset(em, 0, db_len - salt_len - 1);
    salt[-1] = 0x01;
    int ret = crypto_rng_bytes(rng, salt, salt_len);
    struct crypto_part parts[3] = {{zeros, sizeof zeros}, {hash, hash_len}, {salt, salt_len}};
    if (ret == HSM_OK)
        ret = crypto_hash_parts(id, parts, 3, h);
    if (ret == HSM_OK)
        ret = mgf1_xor(id, h, hash_len, em, db_len);
    em[0] &= (uint8_t)(0xFFu >> (8 * em_len - (bits - 1)));
    em[em_len - 1] = 0xBC;
    return ret;
}

int crypto_pkcs1_unpad(const uint8_t *em, size_t k, uint8_t *out, size_t *len) {
    if (k < PKCS1_OVERHEAD)
        return HSM_ERR_DATA;

    size_t bad = em[0] | (size_t)(em[1] ^ 0x02);
    size_t seeking = ~(size_t)0; /* mask: no zero byte so far */
    size_t separator = 0;
    for (size_t i = 2; i < k; i++) {
        size_t zero = mask_zero(em[i]);
        separator |= i & zero & seeking;
        if (i < 2 + PKCS1_PS_MIN)
            bad |= zero;
        seeking &= ~zero;
    }
    bad |= seeking;
    if (bad != 0)
        return HSM_ERR_DATA;
    *len = k - separator - 1;
    memmove(out, em + separator + 1, *len);
    return HSM_OK;
}

int crypto_oaep_unpad(enum crypto_hash_id id, const uint8_t *em, size_t k, uint8_t *out, size_t *len) {
    uint8_t seed[CRYPTO_HASH_MAX];
    uint8_t label[CRYPTO_HASH_MAX]; /* hash of the empty label */
    size_t hash_len = crypto_hash_len(id);

    if (hash_len == 0)
        return HSM_ERR_UNSUPPORTED;
    if (k < 2 * hash_len + 2)
        return HSM_ERR_DATA;

    size_t db_len = k - hash_len - 1;
    size_t bad = em[0];
    memcpy(seed, em + 1, hash_len);
    memmove(out, em + 1 + hash_len, db_len);
    int ret = mgf1_xor(id, out, db_len, seed, hash_len);
    if (ret == HSM_OK)
        ret = mgf1_xor(id, seed, hash_len, out, db_len);
    if (ret == HSM_OK)
        ret = crypto_hash(id, NULL, 0, label);
    if (ret == HSM_OK) {
        size_t seeking = ~(size_t)0; /* mask: no 01 so far */
        size_t separator = 0;
        for (size_t i = 0; i < hash_len; i++)
            bad |= (size_t)(out[i] ^ label[i]);
        for (size_t i = hash_len; i < db_len; i++) {
            size_t one = mask_zero(out[i] ^ 1u);
            bad |= seeking & ~one & ~mask_zero(out[i]);
            separator |= i & one & seeking;
            seeking &= ~one;
        }
        bad |= seeking;
        if (bad != 0) {
            ret = HSM_ERR_DATA;
        } else {
            *len = db_len - separator - 1;
            memmove(out, out + separator + 1, *len);
        }
    }
    if (ret != HSM_OK)
        crypto_wipe(out, db_len);
    crypto_wipe(seed, sizeof seed);
    return ret;
}
