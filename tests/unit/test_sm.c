// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Chip authentication and secure messaging, with both suites. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cvc_client.h"
#include "tests/support/sm_client.h"

#define VERIFY_PIN "00 20 00 81 06 " CARD_PIN
#define PIN_STATUS "00 20 00 81"
#define MAKE_KEY "00 48 05 B0"

static struct card *card;
static struct sm_client client;

static int start(void **state) {
    (void)state;
    card = card_new(1);
    card_initialize(card, CARD_DKEK);
    return 0;
}

static int stop(void **state) {
    (void)state;
    card_free(card);
    return 0;
}

static void manage_se(void **state) {
    (void)state;
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202030201"), 0x9000);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202030202"), 0x9000);
    /* AES-192, AES-256, another protocol, a shorter and a longer OID, none, a broken object */
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202030203"), 0x6A81);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202030204"), 0x6A81);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202040202"), 0x6A81);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0B 80 09 04007F000702020302"), 0x6A81);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0D 80 0B 04007F0007020203020200"), 0x6A81);
    assert_int_equal(card_cmd(card, "00 22 41 A4 03 84 01 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 22 41 A4 02 80 0A"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 22 C1 A4 0C 80 0A 04007F00070202030202"), 0x6A86);
}

static void general_authenticate_errors(void **state) {
    (void)state;
    /* Nothing chosen */
    assert_int_equal(card_cmd(card, "00 86 00 00 04 7C 02 80 00 00"), 0x6985);
    assert_int_equal(card_cmd(card, "00 22 41 A4 0C 80 0A 04007F00070202030202"), 0x9000);
    assert_int_equal(card_cmd(card, "00 86 00 00 01 7C 00"), 0x6700);
    assert_int_equal(card_cmd(card, "00 86 00 00 02 7C 05 00"), 0x6700);
    assert_int_equal(card_cmd(card, "00 86 00 00 03 7C 00 00 00"), 0x6700);
    assert_int_equal(card_cmd(card, "00 86 00 00 02 7C 00 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 86 00 00 04 7C 02 81 00 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 86 00 00 04 7D 02 80 00 00"), 0x6A80);
    assert_int_equal(card_cmd(card, "00 86 00 00 04 7C 02 80 00 00"), 0x6A80);
    /* 65 bytes, but not a point of the curve */
    uint8_t data[69] = {0x7C, 0x43, 0x80, 0x41, 0x04, 0x01};
    assert_int_equal(card_apdu(card, 0x00, 0x86, 0x00, 0x00, data, sizeof data, true), 0x6A80);
    assert_int_equal(card_cmd(card, "00 86 00 01 04 7C 02 80 00 00"), 0x6A86);
    assert_int_equal(card_cmd(card, "0C 20 00 81 0A 8E 08 0000000000000000"), 0x6985);
}

static void session(bool des3) {
    sm_client_open(&client, card, des3);
    /* Cases 1 to 4, even and odd */
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x63C3);
    assert_true(client.protected);
    assert_int_equal(sm_client_cmd(&client, "80 52 00 00 00"), 0x9000);
    assert_int_equal(client.len, 10);
    assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
    assert_int_equal(sm_client_cmd(&client, "00 A4 00 00 02 2F 02 00"), 0x9000);
    assert_int_equal(client.data[0], 0x6F);
    assert_int_equal(sm_client_cmd(&client, "00 B1 2F 02 04 54 02 00 00 00"), 0x9000);
    assert_int_equal(client.len, 256);
    assert_int_equal(sm_client_cmd(&client, "80 78 05 10 10 00000000000000000000000000000000 10"), 0x6A88);
    assert_int_equal(sm_client_cmd(&client, MAKE_KEY), 0x9000);
    assert_int_equal(sm_client_cmd(&client, "80 78 05 10 10 00000000000000000000000000000000 10"), 0x9000);
    assert_int_equal(client.len, 16);
    /* Errors of the command inside do not end the session */
    assert_int_equal(sm_client_cmd(&client, "00 A4 00 00 02 2F 05 00"), 0x6A82);
    assert_int_equal(sm_client_cmd(&client, "00 FE 00 00"), 0x6D00);
    assert_int_equal(sm_client_cmd(&client, "00 86 00 00 01 7C 00"), 0x6985);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x9000);
    /* Every length of data around the block size, back and forth */
    for (size_t len = 1; len <= 40; len++) {
        uint8_t data[48] = {0x54, 0x02, 0x00, 0x00, 0x53, (uint8_t)len};
        memset(data + 6, (int)(0x40 + len), len);
        assert_int_equal(sm_client_send(&client, 0x00, 0xD7, 0xCF, 0x01, data, 6 + len, 0), 0x9000);
        assert_int_equal(sm_client_send(&client, 0x00, 0xB1, 0xCF, 0x01, data, 4, 65536), 0x9000);
        assert_int_equal(client.len, len);
        assert_memory_equal(client.data, data + 6, len);
    }
    /* More than a short APDU holds, in both directions */
    static uint8_t big[1208] = {0x54, 0x02, 0x00, 0x00, 0x53, 0x82, 0x04, 0xB0};
    for (size_t i = 8; i < sizeof big; i++) {
        big[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(sm_client_send(&client, 0x00, 0xD7, 0xCD, 0x02, big, sizeof big, 0), 0x9000);
    assert_int_equal(sm_client_send(&client, 0x00, 0xB1, 0xCD, 0x02, big, 4, 65536), 0x9000);
    assert_int_equal(client.len, 1200);
    assert_memory_equal(client.data, big + 8, 1200);
    /* Ne counts inside */
    assert_int_equal(sm_client_send(&client, 0x00, 0xB1, 0xCD, 0x02, big, 4, 300), 0x9000);
    assert_int_equal(client.len, 300);
    assert_int_equal(sm_client_send(&client, 0x00, 0xB1, 0xCD, 0x02, big, 4, 0), 0x9000);
    assert_int_equal(client.len, 0);
    assert_int_equal(sm_client_cmd(&client, "00 84 00 00 00 04 00"), 0x9000);
    assert_int_equal(client.len, 1024);
}

static void session_aes(void **state) {
    (void)state;
    session(false);
}

static void session_des3(void **state) {
    (void)state;
    session(true);
}

/* Sends every command once in plain to one card and once protected to its twin: both must answer the same. */
static void every_command(bool des3) {
    static const struct {
        const char *command;
        bool random; /* the answers differ in bytes, not in length */
    } commands[] = {
        {"00 A4 00 00 02 2F 02 00", false},
        {"00 A4 02 04 02 CC 00 00", true},
        {"00 A4 08 0C 02 2F 03", false},
        {PIN_STATUS, false},
        {"00 20 00 88", false},
        {"00 20 00 85", false},
        {"00 20 00 81 06 303030303030", false},
        {VERIFY_PIN, false},
        {"00 20 00 88 08 " CARD_SO_PIN, false},
        {"00 2C 01 81 08 " CARD_SO_PIN, false},
        {"00 2C 00 81 0E " CARD_SO_PIN CARD_PIN, false},
        {VERIFY_PIN, false},
        {"00 24 00 81 0C " CARD_PIN "313131313131", false},
        {"00 24 00 81 0C 313131313131" CARD_PIN, false},
        {"00 24 00 88 10 " CARD_SO_PIN CARD_SO_PIN, false},
        {"80 50 00 00 00", true},
        {"80 52 00 00 00", false},
        {"80 52 00 01 00", false},
        {"80 52 01 00 01 01 00", false},
        {"80 52 02 00 01 01 00", false},
        {"80 54 00 00 04", false},
        {"80 54 02 00 00", false},
        {"00 48 05 B2", false},
        {"00 46 06 00 00 00 24 5F29 01 00 7F49 10 06 0A 04007F00070202020102 02 02 0400 5F20 0A "
         "58545253413030303031 0000",
         true},
        {"80 58 00 00 00 00 00", false},
        {"80 68 06 33 03 616263 00", true},
        {"80 62 06 21 01 00 00", false},
        {"80 72 05 92 00", true},
        {"80 74 07 93 01 00", false},
        {"80 76 06 07 02 98 01", false},
        {"80 78 05 18 03 616263 10", true},
        {"80 78 05 18 00", true},
        {"80 78 05 99 03 616263 20", true},
        {"80 78 05 10 10 00112233445566778899AABBCCDDEEFF 10", true},
        {"00 D7 CD 01 07 54 02 00 00 53 01 AA", false},
        {"00 B1 CD 01 04 54 02 00 00 00", false},
        {"00 B0 00 00 00", false},
        {"00 E4 02 00 02 CD 01", false},
        {"00 E4 02 00 02 CD 01", false},
        {"00 22 81 B6 02 83 00", false},
        {"00 22 81 A4 03 83 01 41", false},
        {"00 2A 00 BE 01 00", false},
        {"00 82 00 00 01 00", false},
        {"00 84 00 00 08", true},
        {"80 5A 01 81", false},
        {"80 52 04 00 00", false},
        {"80 52 03 00", false},
    };
    struct card *twin = card_new(1);
    card_initialize(twin, CARD_DKEK);
    sm_client_open(&client, card, des3);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        uint16_t sw = card_cmd(twin, commands[i].command);
        uint16_t inside = sm_client_cmd(&client, commands[i].command);
        if (sw != inside || twin->len != client.len || !client.protected) {
            fail_msg("%s: plain %04X and %zu bytes, protected %04X and %zu bytes", commands[i].command, sw,
                     twin->len, inside, client.len);
        }
        if (!commands[i].random) {
            assert_memory_equal(twin->data, client.data, client.len);
        }
    }
    card_free(twin);
}

static void every_command_aes(void **state) {
    (void)state;
    every_command(false);
}

static void every_command_des3(void **state) {
    (void)state;
    every_command(true);
}

static void expect_closed(void) {
    assert_false(client.protected);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x6985);
    assert_int_equal(card_cmd(card, PIN_STATUS), 0x63C3);
    assert_int_equal(card_cmd(card, MAKE_KEY), 0x6982);
}

/* Whatever is wrong with the protection ends the session and the login in it. */
static void errors(bool des3) {
    static const struct {
        int spoil;
        uint16_t sw;
    } cases[] = {
        {SM_NO_MAC, 0x6987},          {SM_WRONG_MAC, 0x6988},       {SM_SHORT_MAC, 0x6988},
        {SM_WRONG_HEADER, 0x6988},    {SM_WRONG_INDICATOR, 0x6988}, {SM_NO_PADDING, 0x6988},
        {SM_CUT_CRYPTOGRAM, 0x6988},  {SM_STRANGE_OBJECT, 0x6988},  {SM_AFTER_MAC, 0x6988},
        {SM_TWO_CRYPTOGRAMS, 0x6988}, {SM_LE_FIRST, 0x6988},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sm_client_open(&client, card, des3);
        assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
        assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x9000);
        client.spoil = cases[i].spoil;
        if (sm_client_cmd(&client, "00 A4 00 00 02 2F 02 00") != cases[i].sw) {
            fail_msg("case %d: %04X instead of %04X", cases[i].spoil, client.sw, cases[i].sw);
        }
        expect_closed();
    }
    /* The same command a second time */
    sm_client_open(&client, card, des3);
    assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
    struct sm_client replay = client;
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x9000);
    assert_int_equal(sm_client_cmd(&replay, PIN_STATUS), 0x6988);
    client = replay;
    expect_closed();
    /* No objects at all; objects that are none */
    sm_client_open(&client, card, des3);
    assert_int_equal(card_cmd(card, "0C 20 00 81"), 0x6987);
    assert_int_equal(card_cmd(card, "0C 20 00 81"), 0x6985);
    sm_client_open(&client, card, des3);
    assert_int_equal(card_cmd(card, "0C 20 00 81 02 8E 08"), 0x6988);
    sm_client_open(&client, card, des3);
    assert_int_equal(card_cmd(card, "8C 20 00 81 03 97 01 00"), 0x6987);
}

static void errors_aes(void **state) {
    (void)state;
    errors(false);
}

static void errors_des3(void **state) {
    (void)state;
    errors(true);
    /* A retail MAC has eight bytes */
    sm_client_open(&client, card, true);
    client.spoil = SM_LONG_MAC;
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x6988);
}

static void whole_cmac(void **state) {
    (void)state;
    sm_client_open(&client, card, false);
    client.spoil = SM_LONG_MAC;
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x63C3);
    assert_true(client.protected);
}

/* A command without protection ends the session and its login, whatever it is. */
static void interrupted(void **state) {
    (void)state;
    static const char *const plain[] = {PIN_STATUS, "00 FE 00 00", "10 20 00 81", "FF CA 00 00 00",
                                        "00 84 00 00 08"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        sm_client_open(&client, card, false);
        assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
        card_cmd(card, plain[i]);
        client.protected = false;
        expect_closed();
    }
}

/* A login from before the session is good in it. */
static void login_before(void **state) {
    (void)state;
    card_login(card);
    sm_client_open(&client, card, false);
    assert_int_equal(sm_client_cmd(&client, MAKE_KEY), 0x9000);
}

/* SELECT and INITIALIZE end the session; their answers are still protected. */
static void ended_inside(void **state) {
    (void)state;
    sm_client_open(&client, card, false);
    assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
    assert_int_equal(sm_client_cmd(&client, "00 A4 04 00 0B " CARD_AID " 00"), 0x9000);
    assert_true(client.protected);
    assert_true(client.len > 20);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x6985);
    sm_client_open(&client, card, true);
    assert_int_equal(
        sm_client_cmd(&client, "80 50 00 00 19 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03"),
        0x9000);
    assert_true(client.protected);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x6985);
    /* A SELECT that fails leaves everything as it is */
    sm_client_open(&client, card, true);
    assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
    assert_int_equal(sm_client_cmd(&client, "00 A4 04 00 05 A000000003 00"), 0x6A82);
    assert_int_equal(sm_client_cmd(&client, MAKE_KEY), 0x9000);
    hsm_reset(&card->hsm);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x6985);
}

/* New keys inside the session: the answer comes under the old ones. */
static void renewed(void **state) {
    (void)state;
    sm_client_open(&client, card, true);
    assert_int_equal(sm_client_cmd(&client, VERIFY_PIN), 0x9000);
    sm_client_reopen(&client, false);
    assert_int_equal(sm_client_cmd(&client, PIN_STATUS), 0x9000);
    sm_client_reopen(&client, true);
    assert_int_equal(sm_client_cmd(&client, MAKE_KEY), 0x9000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(manage_se, start, stop),
        cmocka_unit_test_setup_teardown(general_authenticate_errors, start, stop),
        cmocka_unit_test_setup_teardown(session_aes, start, stop),
        cmocka_unit_test_setup_teardown(session_des3, start, stop),
        cmocka_unit_test_setup_teardown(every_command_aes, start, stop),
        cmocka_unit_test_setup_teardown(every_command_des3, start, stop),
        cmocka_unit_test_setup_teardown(errors_aes, start, stop),
        cmocka_unit_test_setup_teardown(errors_des3, start, stop),
        cmocka_unit_test_setup_teardown(whole_cmac, start, stop),
        cmocka_unit_test_setup_teardown(interrupted, start, stop),
        cmocka_unit_test_setup_teardown(login_before, start, stop),
        cmocka_unit_test_setup_teardown(ended_inside, start, stop),
        cmocka_unit_test_setup_teardown(renewed, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
