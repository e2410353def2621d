// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Every command that writes, with the store failing at its n-th operation, for every n: the command fails
 * with the right status word, and either nothing of it is in the store or, where its answer came too late,
 * all of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/card_in_use.h"

#define OPERATIONS_MAX 64u
#define P256                                                                                                 \
    "06 0A 04007F00070202020203 81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"
#define BLOB                                                                                                 \
    "630DCD2966C43366 0F 0008 6086480165030401 0004 10111899 0000 0000"                                      \
    "85BECAAFAF4C2D99E0EC012F8CBE145C1DBBE472DEC0ADCAD39C3DFDB5C7CC0A 8A9DF2627EE4AE47C9BD2B811D23315B"

/* Commands of one transaction. */
static const char *const commands[] = {
    "00 46 07 00 00 0031 7F49 2E " P256 " 0000",
    "00 46 02 00 00 0031 7F49 2E " P256 " 0000",
    "00 46 07 00 00 0015 7F49 12 06 0A 04007F00070202020102 02 02 0800 02 00 0000",
    "00 48 08 B1 09 90 04 00000005 91 01 18",
    "00 48 04 B0",
    "80 74 09 93 4D " BLOB,
    "80 74 02 93 4D " BLOB,
    "80 76 02 0A 03 98 0001",
    "80 78 04 10 10 00000000000000000000000000000000 00",
    "00 D7 CF 02 0A 54 02 0000 53 04 01020304",
    "00 D7 CF 01 0A 54 02 0003 53 04 01020304",
    "00 D7 CD 02 0A 54 02 0000 53 04 01020304",
    "00 D7 CD 01 0A 54 02 0003 53 04 01020304",
    "00 E4 02 00 02 CF01",
    "00 E4 02 00 02 CC04",
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static struct card_in_use *in_use;
static struct card *card;

static int set_up(void **state) {
    (void)state;
    in_use = card_in_use_new();
    card = card_in_use_card(in_use);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    card_in_use_free(in_use);
    return 0;
}

/* Fails the n-th operation of `command`. Returns false when it needs fewer. */
static bool fail_at(const char *command, uint32_t n, bool power_cut, int error, uint16_t expected) {
    uint8_t before[32];
    uint8_t after[32];
    card_in_use_return(in_use);
    card_digest(card, before);
    fault_store_arm(&card->faults, n, power_cut, error);
    uint16_t sw = card_cmd(card, command);
    bool failed = card->faults.operations >= n;
    fault_store_heal(&card->faults);
    if (!failed) {
        assert_int_equal(sw, 0x9000);
        return false;
    }
    assert_int_equal(sw, expected);
    assert_int_equal(card->len, 0);
    card_digest(card, after);
    assert_memory_equal(before, after, sizeof before);
    /* The same command again, as if nothing had been. */
    if (!power_cut) {
        assert_int_equal(card_cmd(card, command), 0x9000);
    }
    return true;
}

static void each_operation(bool power_cut, int error, uint16_t expected) {
    for (size_t i = 0; i < COMMANDS; i++) {
        uint32_t n = 1;
        while (n < OPERATIONS_MAX && fail_at(commands[i], n, power_cut, error, expected)) {
            n++;
        }
        /* At least one change and its commit. */
        assert_true(n > 2 && n < OPERATIONS_MAX);
    }
}

static void test_medium_fails(void **state) {
    (void)state;
    each_operation(false, STORE_ERR_IO, 0x6581);
}

static void test_store_full(void **state) {
    (void)state;
    each_operation(false, STORE_ERR_FULL, 0x6A84);
}

static void test_power_cut(void **state) {
    (void)state;
    each_operation(true, STORE_ERR_IO, 0x6581);
}

/* INITIALIZE: the SO-PIN's try is a transaction of its own, everything else is one. A card of before, or a
 * new one. */
static void test_initialize(void **state) {
    (void)state;
    static const char initialize[] =
        "80 50 00 00 1C 80 02 0001 81 06 31 31 31 31 31 31 82 08 " CARD_SO_PIN " 91 01 03 92 01 02";
    bool finished = false;
    for (uint32_t n = 1; !finished && n < OPERATIONS_MAX; n++) {
        card_in_use_return(in_use);
        fault_store_arm(&card->faults, n, true, STORE_ERR_IO);
        uint16_t sw = card_cmd(card, initialize);
        finished = !card->faults.dead;
        assert_int_equal(sw, finished ? 0x9000 : 0x6581);
        assert_int_equal(card_reopen(card), HSM_OK);
        assert_int_equal(
            card_cmd(card, finished ? "00 20 00 81 06 31 31 31 31 31 31" : "00 20 00 81 06 " CARD_PIN),
            0x9000);
        assert_int_equal(card_cmd(card, "80 78 03 10 10 00000000000000000000000000000000 00"),
                         finished ? 0x6A88 : 0x9000);
        assert_int_equal(card_cmd(card, "80 52 00 00 00"), 0x9000);
        assert_int_equal(card->data[0], finished ? 2 : 1);
    }
    assert_true(finished);
}

/* A blank card whose making is cut is made again at the next start, or is complete. */
static void test_first_start(void **state) {
    (void)state;
    for (uint32_t n = 1; n < OPERATIONS_MAX; n++) {
        struct card *blank = card_new(21);
        assert_int_equal(store_begin(blank->memory), STORE_OK);
        assert_int_equal(store_del_range(blank->memory, STORE_ID_MIN, STORE_ID_MAX), STORE_OK);
        assert_int_equal(store_commit(blank->memory), STORE_OK);
        hsm_close(&blank->hsm);
        fault_store_arm(&blank->faults, n, true, STORE_ERR_IO);
        int rc = hsm_open(&blank->hsm, &blank->platform, &blank->faults.base);
        bool finished = !blank->faults.dead;
        assert_int_equal(rc, finished ? HSM_OK : HSM_ERR_STORAGE);
        assert_int_equal(card_reopen(blank), HSM_OK);
        assert_int_equal(card_cmd(blank, "80 58 00 00 00"), 0x9000);
        assert_int_equal(blank->len, 4);
        assert_memory_equal(blank->data, "\xCC\x00\xCE\x00", 4);
        card_free(blank);
        if (finished) {
            return;
        }
    }
    fail_msg("the card is never made");
}

/* The store cannot even be read. */
static void test_reading_fails(void **state) {
    (void)state;
    static const char *const reads[] = {
        "00 B1 CF 01 04 54 02 0000 00",  "00 A4 00 00 02 CF01 00", "80 72 03 92 00",
        "80 78 03 18 03 616263 00",      "80 52 00 00 00",         "80 50 00 00 00",
        "00 A4 04 00 0B " CARD_AID " 00"};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        card_in_use_return(in_use);
        fault_store_arm(&card->faults, 0, true, STORE_ERR_IO);
        card->faults.dead = true;
        assert_int_equal(card_cmd(card, reads[i]), 0x6581);
        assert_int_equal(card->len, 0);
        fault_store_heal(&card->faults);
        card_in_use_return(in_use);
        assert_int_equal(card_cmd(card, reads[i]), 0x9000);
    }
}

/* Also an inventory that cannot be read is an error, and not an empty card. */
static void test_enumerate_fails(void **state) {
    (void)state;
    card_in_use_return(in_use);
    fault_store_arm(&card->faults, 0, true, STORE_ERR_IO);
    card->faults.dead = true;
    assert_int_equal(card_cmd(card, "80 58 00 00 00"), 0x6581);
    fault_store_heal(&card->faults);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_medium_fails),    cmocka_unit_test(test_store_full),
        cmocka_unit_test(test_power_cut),       cmocka_unit_test(test_initialize),
        cmocka_unit_test(test_first_start),     cmocka_unit_test(test_reading_fails),
        cmocka_unit_test(test_enumerate_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
