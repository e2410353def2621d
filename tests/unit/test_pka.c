// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Public key authentication between cards: `custodian` cards hold the keys that log in to `card`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cvc_client.h"

#define SELECT "00 A4 04 0C 0B " CARD_AID
#define STATUS "80 54 00 00 04"
#define MAKE_KEY "00 48 05 B0"
#define VERIFY_PIN "00 20 00 81 06 " CARD_PIN
#define PIN_STATUS "00 20 00 81"

static struct card *card;
static struct card *custodian;

static int start(void **state) {
    (void)state;
    struct bytes request;
    card = card_new(1);
    custodian = card_new(2);
    card_initialize(custodian, NULL);
    card_login(custodian);
    client_generate(custodian, 1, CRYPTO_BP256R1, "XTALICE00001", NULL, &request);
    client_generate(custodian, 2, CRYPTO_SECP256R1, "XTBOB00001", NULL, &request);
    client_generate(custodian, 3, CRYPTO_SECP521R1, "XTCAROL00001", NULL, &request);
    client_generate(custodian, 4, CRYPTO_SECP256R1, "XTALICE00001", NULL, &request);
    return 0;
}

static int stop(void **state) {
    (void)state;
    card_free(card);
    card_free(custodian);
    return 0;
}

/* INITIALIZE with n keys, m of them needed, with or without user PIN. */
static void initialize(uint16_t options, bool pin, unsigned n, unsigned m) {
    char hex[256];
    snprintf(hex, sizeof hex, "80 50 00 00 %02X 80 02 %04X %s 82 08 %s 91 01 03 93 02 %02X %02X",
             pin ? 29 : 21, (unsigned)options, pin ? "81 06 " CARD_PIN : "", CARD_SO_PIN, n, m);
    assert_int_equal(card_cmd(card, hex), 0x9000);
}

static void expect_status(unsigned total, unsigned missing, unsigned required, unsigned authenticated) {
    uint8_t want[] = {(uint8_t)total, (uint8_t)missing, (uint8_t)required, (uint8_t)authenticated};
    assert_int_equal(card_cmd(card, STATUS), 0x9000);
    assert_int_equal(card->len, sizeof want);
    assert_memory_equal(card->data, want, sizeof want);
}

/* The contents of a key's request. */
static void request_of(uint8_t id, struct bytes *contents) {
    struct bytes request;
    client_read(custodian, (uint16_t)(0xCE00 | id), &request);
    client_contents(&request, contents);
}

static void trust_custodian(void) {
    struct bytes certificate;
    client_certificate(custodian, 1, &certificate);
    assert_int_equal(client_trust(card, &certificate), 0x9000);
    client_certificate(custodian, 0, &certificate);
    assert_int_equal(client_trust(card, &certificate), 0x9000);
}

static uint16_t put(uint8_t p1, uint8_t p2, uint8_t id) {
    struct bytes request;
    request_of(id, &request);
    return card_apdu(card, 0x80, 0x54, p1, p2, request.at, request.len, true);
}

static uint16_t enroll(uint8_t id) {
    trust_custodian();
    return put(0, 0, id);
}

static void get_challenge(uint8_t challenge[8]) {
    assert_int_equal(card_cmd(card, "00 84 00 00 08"), 0x9000);
    assert_int_equal(card->len, 8);
    memcpy(challenge, card->data, 8);
}

/* The custodian's key signs device name || challenge. */
static void sign_challenge(uint8_t id, const uint8_t challenge[8], struct bytes *rs) {
    struct bytes certificate;
    struct bytes message;
    client_certificate(card, 0, &certificate);
    client_name(&certificate, 0x5F20, &message);
    memcpy(message.at + message.len, challenge, 8);
    client_sign(custodian, id, message.at, message.len + 8, id == 3 ? 66 : 32, rs);
}

static uint16_t select_key(const char *chr) {
    struct bytes name = {.len = strlen(chr)};
    memcpy(name.at, chr, name.len);
    return client_manage_se(card, 0xA4, &name);
}

static uint16_t answer(const struct bytes *rs) {
    return card_apdu(card, 0x00, 0x82, 0x00, 0x00, rs->at, rs->len, false);
}

static void authenticate(uint8_t id, const char *chr) {
    uint8_t challenge[8];
    struct bytes rs;
    get_challenge(challenge);
    sign_challenge(id, challenge, &rs);
    assert_int_equal(select_key(chr), 0x9000);
    assert_int_equal(answer(&rs), 0x9000);
}

static void without_pka(void **state) {
    (void)state;
    card_initialize(card, NULL);
    assert_int_equal(card_cmd(card, STATUS), 0x6D00);
    assert_int_equal(enroll(1), 0x6D00);
    assert_int_equal(card_cmd(card, "80 54 02 00 00"), 0x6A86);
    assert_int_equal(put(1, 0, 1), 0x6982);
    card_login(card);
    assert_int_equal(put(1, 0, 1), 0x6D00);
    assert_int_equal(select_key("XTALICE00001"), 0x6A88);
    assert_int_equal(card_cmd(card, "80 54 00 01 04"), 0x6A86);
    assert_int_equal(card_cmd(card, "80 54 03 00 04"), 0x6A86);
}

static void initialize_limits(void **state) {
    (void)state;
    static const char *const refused[] = {
        "80 50 00 00 15 80 02 0001 82 08 " CARD_SO_PIN " 91 01 03 93 02 02 03",        /* m > n */
        "80 50 00 00 15 80 02 0001 82 08 " CARD_SO_PIN " 91 01 03 93 02 02 00",        /* m = 0 */
        "80 50 00 00 15 80 02 0001 82 08 " CARD_SO_PIN " 91 01 03 93 02 5B 01",        /* n = 91 */
        "80 50 00 00 15 80 02 0011 82 08 " CARD_SO_PIN " 91 01 03 93 02 02 01",        /* 0010 without PIN */
        "80 50 00 00 19 80 02 0011 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03", /* 0010 without PKA */
        "80 50 00 00 11 80 02 0001 82 08 " CARD_SO_PIN " 91 01 03",                    /* neither */
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(card_cmd(card, refused[i]), 0x6A80);
    }
    initialize(0x0001, false, 90, 90);
    expect_status(90, 90, 90, 0);
}

static void certificates(void **state) {
    (void)state;
    struct bytes issuer;
    struct bytes device;
    struct bytes contents;
    struct bytes name;
    card_initialize(card, NULL);
    client_certificate(custodian, 1, &issuer);
    client_certificate(custodian, 0, &device);
    client_contents(&device, &contents);
    /* Nothing chosen, nothing known */
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6985);
    client_name(&device, 0x5F20, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x6A88);
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6985);
    /* The chain of both cards has one issuer; the card's own root is known too */
    client_name(&issuer, 0x42, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x9000);
    /* Not the chosen issuer's certificate */
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6A80);
    client_name(&issuer, 0x5F20, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x9000);
    /* Signature, then body spoiled */
    contents.at[contents.len - 1] ^= 1;
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6300);
    contents.at[contents.len - 1] ^= 1;
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len - 1, false), 0x6A80);
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x9000);
    client_name(&device, 0x5F20, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x9000);
    /* A device certifies nobody: not even under its own name */
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6A80);
    /* Known until the session ends */
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x6A88);
    /* Malformed references */
    assert_int_equal(card_cmd(card, "00 22 81 B6 02 83 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 22 81 B6 02 84 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 22 81 B6 02 83 05"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 22 81 B6"), 0x6700);
    assert_int_equal(card_cmd(card, "00 22 81 B8 01 00"), 0x6A86);
}

static void registration(void **state) {
    (void)state;
    struct bytes request;
    initialize(0x0001, false, 3, 1);
    expect_status(3, 3, 1, 0);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x6300);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x6A88);
    assert_int_equal(card_cmd(card, "80 54 02 00 00"), 0x6A88);
    /* Its device is not known yet */
    assert_int_equal(put(0, 0, 1), 0x6A88);
    trust_custodian();
    request_of(1, &request);
    request.at[request.len - 1] ^= 1;
    assert_int_equal(card_apdu(card, 0x80, 0x54, 0, 0, request.at, request.len, true), 0x6300);
    request.at[request.len - 1] ^= 1;
    assert_int_equal(card_apdu(card, 0x80, 0x54, 0, 0, request.at, request.len - 1, true), 0x6A80);
    assert_int_equal(card_apdu(card, 0x80, 0x54, 0, 0, request.at, request.len, true), 0x9000);
    assert_int_equal(card->len, 4);
    expect_status(3, 2, 1, 0);
    /* Key and name once each: a custodian counts once */
    assert_int_equal(put(0, 0, 1), 0x6A89);
    assert_int_equal(put(0, 0, 4), 0x6A89);
    assert_int_equal(put(0, 0, 2), 0x9000);
    assert_int_equal(put(0, 0, 3), 0x9000);
    expect_status(3, 0, 1, 0);
    struct bytes fourth;
    client_generate(custodian, 5, CRYPTO_SECP384R1, "XTDAVE00001", NULL, &fourth);
    assert_int_equal(put(0, 0, 5), 0x6A84);
    assert_int_equal(card_cmd(card, "80 54 02 00 00"), 0x9000);
    assert_memory_equal(card->data, "XTALICE00001", 12);
    assert_int_equal(card->len, 12);
    assert_int_equal(card_cmd(card, "80 54 02 02 00"), 0x9000);
    assert_int_equal(card_cmd(card, "80 54 02 03 00"), 0x6A86);
    /* They stay */
    assert_int_equal(card_reopen(card), 0);
    expect_status(3, 0, 1, 0);
    /* Until INITIALIZE */
    initialize(0x0001, false, 3, 1);
    expect_status(3, 3, 1, 0);
}

/* Keys that OpenSC made carry an RSA or EC key under any name; only EC keys can be checked. */
static void registration_of_rsa(void **state) {
    (void)state;
    initialize(0x0001, false, 1, 1);
    card_login(custodian);
    assert_int_equal(card_cmd(custodian, "00 46 09 00 00 00 24 5F29 01 00 7F49 10 06 0A 04007F00070202020102"
                                         " 02 02 0400 5F20 0A 58545253413030303031 0000"),
                     0x9000);
    assert_int_equal(enroll(9), 0x6A81);
}

static void login_by_one_key(void **state) {
    (void)state;
    uint8_t challenge[8];
    struct bytes rs;
    initialize(0x0001, false, 2, 1);
    assert_int_equal(enroll(1), 0x9000);
    assert_int_equal(put(0, 0, 3), 0x9000);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    /* No challenge, no key chosen */
    rs.len = 64;
    memset(rs.at, 1, rs.len);
    assert_int_equal(answer(&rs), 0x6985);
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    get_challenge(challenge);
    assert_int_equal(answer(&rs), 0x6985);
    assert_int_equal(select_key("XTNOBODY00001"), 0x6A88);
    /* A wrong signature ends the challenge: the right one comes too late */
    sign_challenge(1, challenge, &rs);
    rs.at[0] ^= 1;
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    rs.at[0] ^= 1;
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    /* Signature of a wrong length, of another key, of an older challenge */
    get_challenge(challenge);
    sign_challenge(1, challenge, &rs);
    rs.len--;
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    get_challenge(challenge);
    sign_challenge(2, challenge, &rs);
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    get_challenge(challenge);
    sign_challenge(1, challenge, &rs);
    get_challenge(challenge);
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&rs), 0x6985);
    expect_status(2, 0, 1, 0);

    authenticate(1, "XTALICE00001");
    expect_status(2, 0, 1, 1);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x9000);
    assert_int_equal(card_cmd(card, "80 54 02 00 00"), 0x9001);
    assert_int_equal(card_cmd(card, "80 54 02 01 00"), 0x9000);
    assert_int_equal(select_key("XTALICE00001"), 0x6985);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
    assert_int_equal(card_cmd(card, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);

    /* Logout, and the other key, on the largest curve */
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    expect_status(2, 0, 1, 0);
    assert_int_equal(card_cmd(card, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x6982);
    authenticate(3, "XTCAROL00001");
    assert_int_equal(card_cmd(card, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);
    hsm_reset(&card->hsm);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    /* Still so after the power was off */
    assert_int_equal(card_reopen(card), 0);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);
}

static void two_of_three(void **state) {
    (void)state;
    uint8_t challenge[8];
    struct bytes alice;
    struct bytes bob;
    initialize(0x0001, false, 3, 2);
    assert_int_equal(enroll(1), 0x9000);
    assert_int_equal(put(0, 0, 2), 0x9000);
    assert_int_equal(put(0, 0, 3), 0x9000);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x6300);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    authenticate(3, "XTCAROL00001");
    expect_status(3, 0, 2, 2);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
    /* Two custodians may answer one challenge; the same one not twice */
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    get_challenge(challenge);
    sign_challenge(1, challenge, &alice);
    sign_challenge(2, challenge, &bob);
    assert_int_equal(select_key("XTALICE00001"), 0x9000);
    assert_int_equal(answer(&alice), 0x9000);
    assert_int_equal(answer(&alice), 0x6985);
    assert_int_equal(select_key("XTALICE00001"), 0x6985);
    expect_status(3, 0, 2, 1);
    assert_int_equal(select_key("XTBOB00001"), 0x9000);
    assert_int_equal(answer(&bob), 0x9000);
    assert_int_equal(card_cmd(card, "80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10"), 0x9000);
}

/* Once the card holds something, only its user registers. */
static void registration_is_closed(void **state) {
    (void)state;
    static const char *const contents[] = {
        MAKE_KEY,                              /* a key */
        "00 D7 CD 01 07 54 02 00 00 53 01 AA", /* a protected file */
        "80 52 00 00 20 " CARD_DKEK " 00",     /* a share of its DKEK */
    };
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        assert_int_equal(card_cmd(card, "80 50 00 00 20 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                                        " 91 01 03 92 01 02 93 02 02 01"),
                         0x9000);
        assert_int_equal(enroll(1), 0x9000);
        card_login(card);
        assert_int_equal(card_cmd(card, contents[i]), 0x9000);
        assert_int_equal(card_cmd(card, SELECT), 0x9000);
        assert_int_equal(enroll(2), 0x6982);
        card_login(card);
        assert_int_equal(enroll(2), 0x9000);
    }
    /* A public file opens nothing: it does not close the registration */
    assert_int_equal(card_cmd(card, "80 50 00 00 1D 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                                    " 91 01 03 93 02 02 01"),
                     0x9000);
    card_login(card);
    assert_int_equal(card_cmd(card, "00 D7 2F 03 07 54 02 00 00 53 01 AA"), 0x9000);
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    assert_int_equal(enroll(2), 0x9000);
}

/* Without option 0010 either way leads to the same keys. */
static void pin_or_keys(void **state) {
    (void)state;
    initialize(0x0001, true, 1, 1);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x63C3);
    assert_int_equal(enroll(1), 0x9000);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x9000);
    uint8_t mac[16];
    memcpy(mac, card->data, sizeof mac);
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x9000);
    assert_memory_equal(card->data, mac, sizeof mac);
    /* A wrong PIN takes away what the PIN gave, and nothing else */
    assert_int_equal(card_cmd(card, "00 20 00 81 06 303030303030"), 0x63C2);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x9000);
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(card_cmd(card, "00 20 00 81 06 303030303030"), 0x63C2);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x6982);
}

static void pin_and_keys(void **state) {
    (void)state;
    initialize(0x0011, true, 2, 1);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x63C3);
    assert_int_equal(enroll(1), 0x9000);
    /* The PIN alone */
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x6300);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x9000);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
    /* The key alone; then the PIN */
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x63C3);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x9000);
    assert_int_equal(card_cmd(card, "00 20 00 81 06 303030303030"), 0x63C2);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x6982);
    /* The PIN alone cannot bring in a key of its holder's choice */
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(enroll(2), 0x6982);
    /* Nor can the SO, by setting another PIN */
    assert_int_equal(card_cmd(card, "00 2C 00 81 0E " CARD_SO_PIN " 313131313131"), 0x9000);
    assert_int_equal(card_cmd(card, "00 20 00 81 06 313131313131"), 0x9000);
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x6982);
    authenticate(1, "XTALICE00001");
    assert_int_equal(card_cmd(card, "80 78 05 18 01 00 10"), 0x9000);
}

/* A card for public keys only gets its user PIN from the SO. */
static void pin_set_later(void **state) {
    (void)state;
    initialize(0x0001, false, 1, 1);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x6300);
    assert_int_equal(card_cmd(card, "00 2C 01 81 08 " CARD_SO_PIN), 0x6A88);
    assert_int_equal(card_cmd(card, "00 2C 00 81 0E " CARD_SO_PIN CARD_PIN), 0x9000);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x63C3);
    assert_int_equal(card_cmd(card, VERIFY_PIN), 0x9000);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
}

static void replacing(void **state) {
    (void)state;
    initialize(0x0001, true, 2, 1);
    assert_int_equal(enroll(1), 0x9000);
    assert_int_equal(put(1, 0, 2), 0x6982);
    card_login(card);
    assert_int_equal(put(1, 0, 2), 0x6985);
    /* 0004 makes bit 0008 part of a session PIN mode */
    initialize(0x000D, true, 2, 1);
    assert_int_equal(enroll(1), 0x9000);
    card_login(card);
    assert_int_equal(put(1, 0, 2), 0x6985);

    initialize(0x0009, false, 3, 1);
    assert_int_equal(enroll(1), 0x9000);
    assert_int_equal(put(0, 0, 3), 0x9000);
    authenticate(1, "XTALICE00001");
    assert_int_equal(put(1, 3, 2), 0x6A86);
    assert_int_equal(put(1, 2, 2), 0x6A88);
    trust_custodian();
    assert_int_equal(put(1, 0, 3), 0x6A89);
    /* The same name in the same place: a custodian's new key. The right of the old one ends with it */
    assert_int_equal(put(1, 0, 4), 0x9000);
    expect_status(3, 1, 1, 0);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
    authenticate(4, "XTALICE00001");
    assert_int_equal(put(1, 1, 2), 0x9000);
    expect_status(3, 1, 1, 1);
    assert_int_equal(select_key("XTCAROL00001"), 0x6A88);
    assert_int_equal(select_key("XTBOB00001"), 0x9000);
}

/* With a chain of one's own in 2F02 the development root is a stranger, and the card signs under its new
 * name. */
static void chain_of_ones_own(void **state) {
    (void)state;
    struct client_authority root;
    struct client_authority issuer;
    struct client_authority stranger;
    struct bytes root_cvc;
    struct bytes issuer_cvc;
    struct bytes device_cvc;
    struct bytes name;
    struct bytes old_issuer;
    struct bytes request;
    uint8_t point[65];
    client_certificate(card, 1, &old_issuer);
    client_make_authority(card, &root, "XTOWNROOT00001");
    client_make_authority(card, &issuer, "XTOWNISS00001");
    client_make_authority(card, &stranger, "XTSTRANGE00001");
    client_certify(card, &root, root.name, root.point, 0xC0, &root_cvc);
    client_certify(card, &root, issuer.name, issuer.point, 0x80, &issuer_cvc);

    initialize(0x0001, true, 2, 1);
    client_device_point(card, point);
    client_certify(card, &issuer, "XTMYCARD00001", point, 0x00, &device_cvc);
    assert_int_equal(card_cmd(card, "00 D7 2F 02 07 54 02 00 00 53 01 00"), 0x6982);
    card_login(card);
    client_load_chain(card, &device_cvc, &issuer_cvc, &root_cvc);
    client_generate(card, 7, CRYPTO_BP256R1, "XTKEY00001", NULL, &request);
    client_name(&request, 0x42, &name);
    assert_memory_equal(name.at, "XTMYCARD00001", 13);

    /* Development authorities: not known any more */
    client_name(&old_issuer, 0x42, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x6A88);
    client_name(&old_issuer, 0x5F20, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x6A88);

    /* A device under the same root, through another issuer */
    struct client_authority second;
    struct bytes second_cvc;
    struct bytes peer_cvc;
    client_make_authority(card, &second, "XTSECOND00001");
    client_certify(card, &root, second.name, second.point, 0x80, &second_cvc);
    client_device_point(custodian, point);
    client_certify(card, &second, "XTPEER00001", point, 0x00, &peer_cvc);
    assert_int_equal(client_trust(card, &peer_cvc), 0x6A88);
    assert_int_equal(client_trust(card, &second_cvc), 0x9000);
    assert_int_equal(client_trust(card, &peer_cvc), 0x9000);
    /* Another key under a name that is taken */
    struct bytes twin;
    struct bytes contents;
    client_certify(card, &second, "XTPEER00001", stranger.point, 0x00, &twin);
    client_name(&second_cvc, 0x5F20, &name);
    assert_int_equal(client_manage_se(card, 0xB6, &name), 0x9000);
    client_contents(&twin, &contents);
    assert_int_equal(card_apdu(card, 0x00, 0x2A, 0x00, 0xBE, contents.at, contents.len, false), 0x6A89);
    /* An issuer makes no issuers, and a device makes nothing */
    struct bytes bad;
    client_certify(card, &second, stranger.name, stranger.point, 0x80, &bad);
    assert_int_equal(client_trust(card, &bad), 0x6300);
    client_certify(card, &second, stranger.name, stranger.point, 0x00, &bad);
    assert_int_equal(client_trust(card, &bad), 0x9000);
    client_certify(card, &stranger, "XTCHILD00001", second.point, 0x00, &bad);
    assert_int_equal(client_trust(card, &bad), 0x6300);

    /* The custodian's requests name the development chain's device: sign anew under the new name */
    client_load_chain(custodian, &peer_cvc, &second_cvc, &root_cvc);
    client_generate(custodian, 8, CRYPTO_BP256R1, "XTERIN00001", NULL, &request);
    assert_int_equal(put(0, 0, 1), 0x6A88);
    assert_int_equal(put(0, 0, 8), 0x9000);
    assert_int_equal(card_cmd(card, SELECT), 0x9000);
    authenticate(8, "XTERIN00001");
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x9000);
    /* INITIALIZE keeps the chain */
    initialize(0x0001, true, 2, 1);
    client_certificate(card, 0, &bad);
    assert_int_equal(bad.len, device_cvc.len);
    assert_memory_equal(bad.at, device_cvc.at, bad.len);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_pka, start, stop),
        cmocka_unit_test_setup_teardown(initialize_limits, start, stop),
        cmocka_unit_test_setup_teardown(certificates, start, stop),
        cmocka_unit_test_setup_teardown(registration, start, stop),
        cmocka_unit_test_setup_teardown(registration_of_rsa, start, stop),
        cmocka_unit_test_setup_teardown(login_by_one_key, start, stop),
        cmocka_unit_test_setup_teardown(two_of_three, start, stop),
        cmocka_unit_test_setup_teardown(registration_is_closed, start, stop),
        cmocka_unit_test_setup_teardown(pin_or_keys, start, stop),
        cmocka_unit_test_setup_teardown(pin_and_keys, start, stop),
        cmocka_unit_test_setup_teardown(pin_set_later, start, stop),
        cmocka_unit_test_setup_teardown(replacing, start, stop),
        cmocka_unit_test_setup_teardown(chain_of_ones_own, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
