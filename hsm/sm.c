// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Secure messaging: chip authentication starts a session, protected commands use it
 * (docs/secure-messaging.md). */

#include "hsm/sm.h"

#include <string.h>

#include "hsm/command.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/ec.h"
#include "hsm/crypto/hash.h"
#include "hsm/crypto/util.h"
#include "hsm/key.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/status.h"
#include "hsm/tlv.h"

#define CLA_SM_BITS 0x0Cu

/* Data objects, ISO/IEC 7816-4, 10.2. */
#define TAG_CRYPTOGRAM_TLV 0x85u /* of odd instructions: no padding indicator */
#define TAG_CRYPTOGRAM 0x87u     /* padding indicator, cryptogram */
#define TAG_LE 0x97u
#define TAG_STATUS 0x99u
#define TAG_MAC 0x8Eu
#define PADDED 0x01u /* padding indicator: ISO/IEC 9797-1 method 2 */

#define TAG_DYNAMIC_AUTHENTICATION 0x7Cu
#define TAG_EPHEMERAL_KEY 0x80u
#define TAG_NONCE 0x81u
#define TAG_TOKEN 0x82u

#define KEY_LEN 16u
#define MAC_LEN 8u
#define BLOCK_MAX 16u
#define NONCE_LEN 8u

/* Most bytes around the response data: tag, length and padding indicator; padding; status and MAC objects. */
#define RESPONSE_HEAD 5u
#define RESPONSE_TAIL (BLOCK_MAX + 4u + 2u + MAC_LEN)

static size_t block_len(const struct hsm_sm *sm) {
    return sm->suite_des3 ? CRYPTO_DES_BLOCK : CRYPTO_AES_BLOCK;
}

/* The send sequence counter has the size of a block; the bytes of ssc behind it stay zero. */
static void count(struct hsm_sm *sm) {
    size_t i = block_len(sm);
    while (i > 0 && ++sm->ssc[i - 1] == 0) {
        i--;
    }
}

static int crypt(const struct hsm_sm *sm, bool encrypt, const uint8_t *in, size_t len, uint8_t *out) {
    uint8_t iv[BLOCK_MAX];
    if (sm->suite_des3) {
        return crypto_des3_cbc(encrypt, sm->enc, KEY_LEN, NULL, in, len, out);
    }
    int rc = crypto_aes_ecb_block(true, sm->enc, KEY_LEN, sm->ssc, iv);
    return rc == HSM_OK ? crypto_aes_cbc(encrypt, sm->enc, KEY_LEN, iv, in, len, out) : rc;
}

/* MAC of parts that together fill blocks. */
static int mac_blocks(const struct hsm_sm *sm, const struct crypto_part *parts, size_t n,
                      uint8_t mac[BLOCK_MAX]) {
    memset(mac, 0, BLOCK_MAX);
    return sm->suite_des3 ? crypto_des_retail_mac(sm->mac, parts, n, mac)
                          : crypto_aes_cmac(sm->mac, KEY_LEN, parts, n, mac);
}

static const uint8_t padding[BLOCK_MAX] = {0x80};

/* MAC over counter, header (a block, or nothing) and data objects, padded. */
static int message_mac(const struct hsm_sm *sm, const uint8_t *header, const uint8_t *objects, size_t len,
                       uint8_t mac[BLOCK_MAX]) {
    size_t block = block_len(sm);
    struct crypto_part parts[] = {
        {sm->ssc, block},
        {header, header != NULL ? block : 0},
        {objects, len},
        {padding, len != 0 ? block - len % block : 0},
    };
    return mac_blocks(sm, parts, 4, mac);
}

/* The data objects of a protected command. */
struct objects {
    struct tlv cryptogram; /* value NULL when absent */
    struct tlv le;
    struct tlv mac;
    size_t signed_len; /* bytes before the MAC object */
};

static int parse_objects(const struct apdu *apdu, struct objects *o) {
    struct reader r;
    struct tlv t;
    int rc;
    memset(o, 0, sizeof *o);
    reader_init(&r, apdu->data, apdu->nc);
    while ((rc = tlv_next(&r, &t)) == 1 && o->mac.value == NULL) {
        switch (t.tag) {
        case TAG_CRYPTOGRAM:
        case TAG_CRYPTOGRAM_TLV:
            if (o->cryptogram.value != NULL || o->le.value != NULL) {
                return HSM_ERR_SM_WRONG;
            }
            o->cryptogram = t;
            break;
        case TAG_LE:
            if (o->le.value != NULL || t.len < 1 || t.len > 2) {
                return HSM_ERR_SM_WRONG;
            }
            o->le = t;
            break;
        case TAG_MAC:
            o->mac = t;
            o->signed_len = (size_t)(t.raw - apdu->data);
            break;
        default:
            return HSM_ERR_SM_WRONG;
        }
    }
    if (rc != 0) {
        return HSM_ERR_SM_WRONG; /* malformed, or something behind the MAC */
    }
    return o->mac.value != NULL ? HSM_OK : HSM_ERR_SM_MISSING;
}

static int check_mac(const struct hsm_sm *sm, const struct apdu *apdu, const struct objects *o) {
    uint8_t header[BLOCK_MAX] = {apdu->cla, apdu->ins, apdu->p1, apdu->p2, 0x80};
    uint8_t mac[BLOCK_MAX];
    /* Some clients send the whole AES-CMAC. */
    if (o->mac.len != MAC_LEN && (sm->suite_des3 || o->mac.len != CRYPTO_AES_BLOCK)) {
        return HSM_ERR_SM_WRONG;
    }
    int rc = message_mac(sm, header, apdu->data, o->signed_len, mac);
    if (rc == HSM_OK && !crypto_equal(mac, o->mac.value, o->mac.len)) {
        rc = HSM_ERR_SM_WRONG;
    }
    return rc;
}

/* Length without padding; HSM_ERR_SM_WRONG when there is no proper one. */
static int strip_padding(const uint8_t *data, size_t len, size_t block, size_t *stripped) {
    size_t end = len;
    while (end > 0 && len - end < block && data[end - 1] == 0) {
        end--;
    }
    if (end == 0 || len - end >= block || data[end - 1] != 0x80) {
        return HSM_ERR_SM_WRONG;
    }
    *stripped = end - 1;
    return HSM_OK;
}

static size_t le_value(const struct tlv *le) {
    size_t n = 0;
    for (size_t i = 0; i < le->len; i++) {
        n = n << 8 | le->value[i];
    }
    return n != 0 ? n : le->len == 1 ? 256 : 65536;
}

/*
 * Checks and decrypts a protected command. The plain data goes to the end of `room`, of which the response
 * needs the front; `*used` tells how much of it.
 */
static int unprotect(const struct hsm_sm *sm, const struct apdu *apdu, struct writer *room,
                     struct apdu *inner, size_t *used) {
    struct objects o;
    *used = 0;
    int rc = parse_objects(apdu, &o);
    if (rc == HSM_OK) {
        rc = check_mac(sm, apdu, &o);
    }
    if (rc != HSM_OK) {
        return rc;
    }
    *inner = (struct apdu){
        .cla = (uint8_t)(apdu->cla & ~CLA_SM_BITS),
        .ins = apdu->ins,
        .p1 = apdu->p1,
        .p2 = apdu->p2,
        .ne = o.le.value != NULL ? le_value(&o.le) : 0,
        .extended = true,
    };
    if (o.cryptogram.value == NULL) {
        return HSM_OK;
    }
    const uint8_t *data = o.cryptogram.value;
    size_t len = o.cryptogram.len;
    if (o.cryptogram.tag == TAG_CRYPTOGRAM) {
        if (len == 0 || data[0] != PADDED) {
            return HSM_ERR_SM_WRONG;
        }
        data++;
        len--;
    }
    if (len == 0 || len % block_len(sm) != 0) {
        return HSM_ERR_SM_WRONG;
    }
    if (len + RESPONSE_HEAD + RESPONSE_TAIL > room->cap) {
        return HSM_ERR_LENGTH;
    }
    uint8_t *plain = room->buf + room->cap - len;
    *used = len;
    rc = crypt(sm, false, data, len, plain);
    if (rc == HSM_OK) {
        rc = strip_padding(plain, len, block_len(sm), &inner->nc);
    }
    inner->data = inner->nc != 0 ? plain : NULL;
    return rc;
}

/* Encrypts the `len` bytes of response data that lie at RESPONSE_HEAD and builds the answer around them. */
static int protect(const struct hsm_sm *sm, bool odd, size_t len, uint16_t sw, struct writer *out) {
    uint8_t status[2] = {(uint8_t)(sw >> 8), (uint8_t)sw};
    uint8_t mac[BLOCK_MAX];
    int rc = HSM_OK;
    if (len != 0) {
        uint8_t *data = out->buf + RESPONSE_HEAD;
        size_t block = block_len(sm);
        size_t pad = block - len % block;
        memcpy(data + len, padding, pad);
        len += pad;
        rc = crypt(sm, true, data, len, data);
        if (rc != HSM_OK) {
            return rc;
        }
        /* Tag, length and indicator are never longer than the head left free for them: nothing is
         * overwritten. */
        uint8_t head[RESPONSE_HEAD];
        struct writer h;
        size_t value_len = odd ? len : len + 1;
        writer_init(&h, head, sizeof head);
        writer_u8(&h, odd ? TAG_CRYPTOGRAM_TLV : TAG_CRYPTOGRAM);
        if (value_len >= 0x100) {
            writer_u8(&h, 0x82);
            writer_u16(&h, (uint16_t)value_len);
        } else {
            if (value_len >= 0x80) {
                writer_u8(&h, 0x81);
            }
            writer_u8(&h, (uint8_t)value_len);
        }
        if (!odd) {
            writer_u8(&h, PADDED);
        }
        memmove(out->buf + h.len, data, len);
        memcpy(out->buf, head, h.len);
        out->len = h.len + len;
    }
    tlv_put(out, TAG_STATUS, status, sizeof status);
    rc = message_mac(sm, NULL, out->buf, out->len, mac);
    tlv_put(out, TAG_MAC, mac, MAC_LEN);
    return rc == HSM_OK && out->overflow ? HSM_ERR_INTERNAL : rc;
}

/* A broken session leaves nothing behind: what was allowed in it was allowed to whoever held its keys. */
static int end(struct hsm *hsm, int rc) {
    session_end(hsm);
    return rc;
}

void sm_interrupted(struct hsm *hsm) {
    if (hsm->sm.active) {
        session_end(hsm);
    }
}

int sm_run(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct apdu inner;
    size_t used;
    if (!hsm->sm.active) {
        return HSM_ERR_CONDITIONS;
    }
    count(&hsm->sm);
    struct hsm_sm sm = hsm->sm;
    int rc = unprotect(&sm, apdu, out, &inner, &used);
    int result = rc;
    if (rc == HSM_OK) {
        struct writer data;
        writer_init(&data, out->buf + RESPONSE_HEAD, out->cap - RESPONSE_HEAD - RESPONSE_TAIL - used);
        result = command_run(hsm, &inner, &data);
        /* The command may have ended the session, or begun another: its answer still belongs to this one. */
        bool same = hsm->sm.active && crypto_equal(hsm->sm.mac, sm.mac, sizeof sm.mac);
        count(&sm);
        if (same) {
            hsm->sm = sm;
        }
        rc = protect(&sm, inner.ins % 2 != 0, data.len, status_word(result), out);
    }
    crypto_wipe(out->buf + out->cap - used, used);
    crypto_wipe(&sm, sizeof sm);
    if (rc != HSM_OK) {
        crypto_wipe(out->buf, out->len);
        writer_truncate(out, 0);
        return end(hsm, rc);
    }
    return result;
}

/* Session key: the first 16 bytes of SHA-1(shared secret || nonce || counter), TR-03110-3, A.2.3. */
static int derive(const uint8_t *shared, size_t shared_len, const uint8_t nonce[NONCE_LEN], uint8_t counter,
                  uint8_t *key) {
    uint8_t hash[20];
    uint8_t number[4] = {0, 0, 0, counter};
    struct crypto_part parts[] = {{shared, shared_len}, {nonce, NONCE_LEN}, {number, sizeof number}};
    int rc = crypto_hash_parts(CRYPTO_SHA1, parts, 3, hash);
    memcpy(key, hash, KEY_LEN);
    crypto_wipe(hash, sizeof hash);
    return rc;
}

/* The token that proves the card's knowledge of the keys: MAC of the terminal's ephemeral key as public key
 * object. */
static int make_token(const struct hsm_sm *sm, const uint8_t *point, size_t len, uint8_t mac[BLOCK_MAX]) {
    uint8_t oid[] = {0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x03, 0x02, sm->suite_des3 ? 0x01 : 0x02};
    uint8_t object[CRYPTO_EC_POINT_MAX + 32];
    struct writer w;
    writer_init(&w, object, sizeof object);
    size_t mark = tlv_open(&w, 0x7F49);
    tlv_put(&w, 0x06, oid, sizeof oid);
    tlv_put(&w, 0x86, point, len);
    tlv_close(&w, mark);
    if (w.overflow) {
        return HSM_ERR_INTERNAL;
    }
    size_t block = block_len(sm);
    struct crypto_part parts[] = {{object, w.len}, {padding, sm->suite_des3 ? block - w.len % block : 0}};
    return mac_blocks(sm, parts, 2, mac);
}

static int find_ephemeral_key(const struct apdu *apdu, struct tlv *point) {
    struct reader r;
    struct tlv outer;
    reader_init(&r, apdu->data, apdu->nc);
    if (tlv_next(&r, &outer) != 1 || r.left != 0) {
        return HSM_ERR_LENGTH;
    }
    if (outer.tag != TAG_DYNAMIC_AUTHENTICATION ||
        !tlv_find(outer.value, outer.len, TAG_EPHEMERAL_KEY, point)) {
        return HSM_ERR_DATA;
    }
    return HSM_OK;
}

/*
 * GENERAL AUTHENTICATE: chip authentication with the device key. The terminal sends an ephemeral key, the
 * card a nonce and a token; the next command is protected. No PIN is needed: the session is there to protect
 * the PIN.
 */
int cmd_general_authenticate(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct key device;
    struct tlv point;
    struct hsm_sm sm = {.active = true, .suite_des3 = hsm->se_ca_des3};
    uint8_t nonce[NONCE_LEN];
    uint8_t shared[CRYPTO_EC_FIELD_MAX];
    uint8_t token[BLOCK_MAX];
    if (!hsm->se_ca) {
        return HSM_ERR_CONDITIONS;
    }
    int rc = find_ephemeral_key(apdu, &point);
    if (rc == HSM_OK) {
        rc = key_load(hsm, (uint8_t)FID_DEVICE_KEY, &device);
    }
    if (rc == HSM_OK) {
        rc = crypto_ecdh(device.curve, &hsm->rng, device.secret, point.value, point.len, shared);
    }
    if (rc == HSM_OK) {
        rc = crypto_rng_bytes(&hsm->rng, nonce, sizeof nonce);
    }
    size_t shared_len = rc == HSM_OK ? crypto_ec_field_len(device.curve) : 0;
    if (rc == HSM_OK) {
        rc = derive(shared, shared_len, nonce, 1, sm.enc);
    }
    if (rc == HSM_OK) {
        rc = derive(shared, shared_len, nonce, 2, sm.mac);
    }
    if (rc == HSM_OK) {
        rc = make_token(&sm, point.value, point.len, token);
    }
    if (rc == HSM_OK) {
        size_t mark = tlv_open(out, TAG_DYNAMIC_AUTHENTICATION);
        tlv_put(out, TAG_NONCE, nonce, sizeof nonce);
        tlv_put(out, TAG_TOKEN, token, MAC_LEN);
        tlv_close(out, mark);
        hsm->se_ca = false;
        hsm->sm = sm;
    }
    crypto_wipe(shared, sizeof shared);
    crypto_wipe(&sm, sizeof sm);
    return rc;
}
