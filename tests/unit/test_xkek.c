// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* XKEK key domains: `signer` holds the group signer key, `left` and `right` become members and agree on a
 * key. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cvc_client.h"

#define INITIALIZE_DOMAINS                                                                                   \
    "80 50 00 00 1C 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03 97 01 02"
#define SELECT "00 A4 04 0C 0B " CARD_AID

static struct card *signer;
static struct card *left;
static struct card *right;
static struct bytes group; /* the group signer's request */

static struct card *member(uint64_t seed) {
    struct card *card = card_new(seed);
    assert_int_equal(card_cmd(card, INITIALIZE_DOMAINS), 0x9000);
    card_login(card);
    return card;
}

static int start(void **state) {
    (void)state;
    signer = card_new(1);
    card_initialize(signer, NULL);
    card_login(signer);
    client_generate(signer, 1, CRYPTO_BP256R1, "XTGROUP00001", NULL, &group);
    left = member(2);
    right = member(3);
    return 0;
}

static int stop(void **state) {
    (void)state;
    card_free(signer);
    card_free(left);
    card_free(right);
    return 0;
}

static void trust(struct card *card, struct card *device) {
    struct bytes certificate;
    client_certificate(device, 1, &certificate);
    assert_int_equal(client_trust(card, &certificate), 0x9000);
    client_certificate(device, 0, &certificate);
    assert_int_equal(client_trust(card, &certificate), 0x9000);
}

/* Contents of the first `tag` inside the object that `from` is. */
static bool inside(const struct bytes *from, const uint32_t *path, size_t depth, struct tlv *t) {
    t->value = from->at;
    t->len = from->len;
    for (size_t i = 0; i < depth; i++) {
        if (!tlv_find(t->value, t->len, path[i], t)) {
            return false;
        }
    }
    return true;
}

static void public_point(const struct bytes *object, bool request, struct tlv *t) {
    static const uint32_t path[] = {0x67, 0x7F21, 0x7F4E, 0x7F49, 0x86};
    assert_true(request ? inside(object, path, 5, t) : inside(object, path + 1, 4, t));
}

/* The data of KEY DOMAIN, P1 02, for `card`. */
static void membership(struct card *card, struct bytes *data) {
    struct bytes certificate;
    struct bytes rs;
    struct tlv point;
    struct writer w;
    uint8_t message[33] = {0x54};
    client_certificate(card, 0, &certificate);
    public_point(&certificate, false, &point);
    memcpy(message + 1, point.value + 1, 32);
    client_sign(signer, 1, message, sizeof message, 32, &rs);
    client_contents(&group, data);
    writer_init(&w, data->at + data->len, sizeof data->at - data->len);
    tlv_put(&w, 0x54, rs.at, rs.len);
    data->len += w.len;
}

static uint16_t create(struct card *card, uint8_t number, const struct bytes *data) {
    return card_apdu(card, 0x80, 0x52, 0x02, number, data->at, data->len, true);
}

static void join(struct card *card, uint8_t number) {
    struct bytes data;
    membership(card, &data);
    trust(card, signer);
    assert_int_equal(create(card, number, &data), 0x9000);
}

static uint16_t agree(struct card *card, uint8_t id, const struct bytes *request) {
    return card_apdu(card, 0x80, 0x62, id, 0x84, request->at, request->len, true);
}

static void kcv(struct card *card, uint8_t out[8]) {
    assert_int_equal(card_cmd(card, "80 52 00 00 00"), 0x9000);
    assert_int_equal(card->len, 74);
    memcpy(out, card->data + 2, 8);
}

static void creation(void **state) {
    (void)state;
    struct bytes data;
    struct bytes broken;
    struct tlv point;
    membership(left, &data);
    /* The signer's device is unknown; the domain is beyond the last */
    assert_int_equal(create(left, 0, &data), 0x6A88);
    assert_int_equal(create(left, 2, &data), 0x6A86);
    trust(left, signer);
    /* Signature of the group, of the signer's device, missing, for another member */
    broken = data;
    broken.at[broken.len - 1] ^= 1;
    assert_int_equal(create(left, 0, &broken), 0x6985);
    broken = data;
    broken.at[broken.len - 70] ^= 1;
    assert_int_equal(create(left, 0, &broken), 0x6300);
    broken = data;
    broken.len -= 66;
    assert_int_equal(create(left, 0, &broken), 0x6A80);
    broken.len = 20;
    assert_int_equal(create(left, 0, &broken), 0x6A80);
    membership(right, &broken);
    assert_int_equal(create(left, 0, &broken), 0x6985);
    assert_int_equal(card_cmd(left, "80 52 00 00 00"), 0x6A88);

    assert_int_equal(create(left, 0, &data), 0x9000);
    public_point(&group, true, &point);
    assert_int_equal(left->len, 74);
    static const uint8_t head[10];
    assert_memory_equal(left->data, head, sizeof head);
    assert_memory_equal(left->data + 10, point.value + 1, 64);
    assert_int_equal(card_cmd(left, "80 52 00 00 00"), 0x9000);
    assert_memory_equal(left->data + 10, point.value + 1, 64);
    assert_int_equal(create(left, 0, &data), 0x6A89);
    /* No shares for it */
    assert_int_equal(card_cmd(left, "80 52 00 00 20 " CARD_DKEK " 00"), 0x6985);
    /* Deleting, and the need for a login */
    assert_int_equal(card_cmd(left, "80 52 03 00"), 0x9000);
    assert_int_equal(card_cmd(left, "80 52 00 00 00"), 0x6A88);
    assert_int_equal(card_cmd(left, SELECT), 0x9000);
    trust(left, signer);
    assert_int_equal(create(left, 0, &data), 0x6982);
    /* Cards without key domains */
    struct card *other = card_new(4);
    card_initialize(other, NULL);
    card_login(other);
    assert_int_equal(create(other, 0, &data), 0x6D00);
    card_initialize(other, CARD_DKEK);
    card_login(other);
    assert_int_equal(create(other, 0, &data), 0x6A89);
    card_free(other);
}

static void agreement(void **state) {
    (void)state;
    struct bytes l;
    struct bytes r;
    uint8_t left_kcv[8];
    uint8_t right_kcv[8];
    static const uint8_t no_kcv[8];
    static const uint32_t extension[] = {0x67, 0x7F21, 0x7F4E, 0x65, 0x73, 0x80};
    struct tlv uid;
    struct tlv point;
    join(left, 0);
    join(right, 0);
    client_generate(left, 1, CRYPTO_BP256R1, "XTLEFT00001", "91 01 84 92 01 00", &l);
    client_generate(right, 9, CRYPTO_BP256R1, "XTRIGHT00001", "91 01 84 92 01 00", &r);
    /* The request says what the key is for */
    assert_true(inside(&l, extension, 6, &uid));
    public_point(&group, true, &point);
    assert_int_equal(uid.len, 64);
    assert_memory_equal(uid.value, point.value + 1, 64);
    /* Keys cannot leave the domain before there is a key for it */
    assert_int_equal(card_cmd(left, "00 48 05 B0 07 92 01 00 91 02 10 92"), 0x9000);
    assert_int_equal(card_cmd(left, "80 72 05 92 00 00 00"), 0x6A88);

    assert_int_equal(agree(left, 1, &r), 0x6A88);
    trust(left, right);
    trust(right, left);
    assert_int_equal(agree(left, 1, &r), 0x9000);
    assert_int_equal(left->len, 0);
    /* Without its 67 too */
    struct bytes contents;
    client_contents(&l, &contents);
    assert_int_equal(agree(right, 9, &contents), 0x9000);
    kcv(left, left_kcv);
    kcv(right, right_kcv);
    assert_memory_equal(left_kcv, right_kcv, 8);
    assert_memory_not_equal(left_kcv, no_kcv, 8);

    /* A key goes from one member to the other */
    assert_int_equal(card_cmd(left, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);
    uint8_t block[16];
    memcpy(block, left->data, sizeof block);
    assert_int_equal(card_cmd(left, "80 72 05 92 00 00 00"), 0x9000);
    assert_int_equal(card_apdu(right, 0x80, 0x74, 0x06, 0x93, left->data, left->len, false), 0x9000);
    assert_int_equal(card_cmd(right, "80 78 06 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);
    assert_memory_equal(right->data, block, sizeof block);

    /* After a restart and a new login */
    assert_int_equal(card_reopen(left), 0);
    card_login(left);
    assert_int_equal(card_cmd(left, "80 72 05 92 00 00 00"), 0x9000);
    /* The key forgotten, and agreed again */
    assert_int_equal(card_cmd(left, "80 52 04 00 00"), 0x9000);
    assert_memory_equal(left->data + 2, no_kcv, 8);
    assert_int_equal(left->len, 74);
    assert_int_equal(card_cmd(left, "80 72 05 92 00 00 00"), 0x6A88);
    trust(left, right);
    assert_int_equal(agree(left, 1, &r), 0x9000);
    assert_int_equal(card_cmd(left, "80 72 05 92 00 00 00"), 0x9000);
    /* Not while it has keys */
    assert_int_equal(card_cmd(left, "80 52 03 00"), 0x6A89);
    assert_int_equal(card_cmd(left, "00 E4 02 00 02 CC 01"), 0x9000);
    assert_int_equal(card_cmd(left, "80 52 03 00"), 0x6A89);
    assert_int_equal(card_cmd(left, "00 E4 02 00 02 CC 05"), 0x9000);
    assert_int_equal(card_cmd(left, "80 52 03 00"), 0x9000);
}

static void agreement_refused(void **state) {
    (void)state;
    struct bytes l;
    struct bytes r;
    struct bytes other;
    join(left, 0);
    join(right, 0);
    trust(left, right);
    client_generate(left, 1, CRYPTO_BP256R1, "XTLEFT00001", "91 01 84 92 01 00", &l);
    client_generate(right, 1, CRYPTO_BP256R1, "XTRIGHT00001", "91 01 84 92 01 00", &r);
    /* Such a key does nothing else: plain ECDH would give the domain's key away */
    struct tlv point;
    public_point(&r, true, &point);
    assert_int_equal(card_apdu(left, 0x80, 0x62, 1, 0x80, point.value, point.len, true), 0x6985);
    assert_int_equal(card_cmd(left, "80 68 01 73 01 00 00"), 0x6985);
    /* And keys that do more are not taken */
    client_generate(left, 2, CRYPTO_BP256R1, "XTLEFT00002", "92 01 00", &other);
    assert_int_equal(agree(left, 2, &r), 0x6985);
    client_generate(left, 2, CRYPTO_BP256R1, "XTLEFT00002", "91 02 84 80 92 01 00", &other);
    assert_int_equal(agree(left, 2, &r), 0x6985);
    client_generate(left, 2, CRYPTO_BP256R1, "XTLEFT00002", "91 01 84", &other);
    assert_int_equal(agree(left, 2, &r), 0x6985);
    client_generate(left, 2, CRYPTO_BP256R1, "XTLEFT00002", "91 01 73 92 01 00", &other);
    assert_int_equal(agree(left, 2, &r), 0x6985);
    /* Other curves, other types, no key */
    client_generate(left, 2, CRYPTO_SECP256R1, "XTLEFT00002", "91 01 84 92 01 00", &other);
    assert_int_equal(agree(left, 2, &r), 0x6A81);
    client_generate(left, 2, CRYPTO_BP384R1, "XTLEFT00002", "91 01 84 92 01 00", &other);
    client_generate(right, 2, CRYPTO_BP384R1, "XTRIGHT00002", "91 01 84 92 01 00", &other);
    assert_int_equal(agree(left, 2, &other), 0x6A81);
    assert_int_equal(card_cmd(left, "00 48 03 B0 06 91 01 84 92 01 00"), 0x9000);
    assert_int_equal(agree(left, 3, &r), 0x6A81);
    assert_int_equal(agree(left, 4, &r), 0x6A88);
    /* The peer's key is not for the domain, or for another one */
    client_generate(right, 2, CRYPTO_BP256R1, "XTRIGHT00002", "92 01 00", &other);
    assert_int_equal(agree(left, 1, &other), 0x6A80);
    client_generate(right, 2, CRYPTO_BP256R1, "XTRIGHT00002", "91 02 84 80 92 01 00", &other);
    assert_int_equal(agree(left, 1, &other), 0x6A80);
    client_generate(signer, 1, CRYPTO_BP256R1, "XTGROUP00002", NULL, &group);
    join(left, 1);
    client_generate(left, 2, CRYPTO_BP256R1, "XTLEFT00002", "91 01 84 92 01 01", &other);
    trust(left, right);
    assert_int_equal(agree(left, 2, &r), 0x6A88);
    /* Spoiled on the way */
    other = r;
    other.at[other.len - 1] ^= 1;
    assert_int_equal(agree(left, 1, &other), 0x6300);
    other = r;
    other.at[60] ^= 1;
    assert_int_equal(agree(left, 1, &other), 0x6300);
    other.len = 10;
    assert_int_equal(agree(left, 1, &other), 0x6A80);
    /* The domain has no key after all that */
    uint8_t value[8];
    static const uint8_t no_kcv[8];
    kcv(left, value);
    assert_memory_equal(value, no_kcv, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(creation, start, stop),
        cmocka_unit_test_setup_teardown(agreement, start, stop),
        cmocka_unit_test_setup_teardown(agreement_refused, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
