// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Retry counters when the store or the power fails: a try is taken and durable before the PIN is compared, so
 * no failure at any moment lets anybody try more often than the counter says.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/pin.h"
#include "hsm/record.h"
#include "tests/support/card_fixture.h"

#define WRONG_PIN "30 30 30 30 30 30"
#define WRONG_SO_PIN "30 30 30 30 30 30 30 30"
#define OPERATIONS_MAX 64u

static struct card *card;

static int set_up(void **state) {
    (void)state;
    card = card_new(11);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    card_free(card);
    return 0;
}

static uint8_t tries(uint16_t record) {
    struct pin_state state;
    assert_int_equal(pin_state(&card->hsm, record, &state), HSM_OK);
    return state.tries;
}

/* Every way to try a PIN: command, whose tries, how many there are. */
static const struct {
    const char *wrong;
    const char *right;
    uint16_t record;
    uint8_t tries;
} ways[] = {
    {"00 20 00 81 06 " WRONG_PIN, "00 20 00 81 06 " CARD_PIN, RECORD_PIN_USER, 3},
    {"00 24 00 81 0C " WRONG_PIN " " CARD_PIN, "00 24 00 81 0C " CARD_PIN " " CARD_PIN, RECORD_PIN_USER, 3},
    {"00 20 00 88 08 " WRONG_SO_PIN, "00 20 00 88 08 " CARD_SO_PIN, RECORD_PIN_SO, 15},
    {"00 24 00 88 10 " WRONG_SO_PIN " " CARD_SO_PIN, "00 24 00 88 10 " CARD_SO_PIN " " CARD_SO_PIN,
     RECORD_PIN_SO, 15},
    {"00 2C 00 81 0E " WRONG_SO_PIN " " CARD_PIN, "00 2C 00 81 0E " CARD_SO_PIN " " CARD_PIN, RECORD_PIN_SO,
     15},
    {"00 2C 01 81 08 " WRONG_SO_PIN, "00 2C 01 81 08 " CARD_SO_PIN, RECORD_PIN_SO, 15},
    {"80 50 00 00 19 80 02 0001 81 06 " CARD_PIN " 82 08 " WRONG_SO_PIN " 91 01 03",
     "80 50 00 00 19 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03", RECORD_PIN_SO, 15},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* The store refuses to write: then there is no comparison, for the wrong PIN or for the right one. */
static void test_no_comparison_without_a_try(void **state) {
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        for (int cut = 0; cut <= 1; cut++) {
            const char *const commands[] = {ways[i].wrong, ways[i].right};
            for (size_t k = 0; k < 2; k++) {
                card_blank(card);
                card_initialize(card, NULL);
                fault_store_arm(&card->faults, 1, cut != 0, STORE_ERR_IO);
                assert_int_equal(card_cmd(card, commands[k]), 0x6581);
                assert_int_equal(card->len, 0);
                assert_false(card->hsm.pin_verified || card->hsm.so_verified || card->hsm.master_valid);
                assert_int_equal(card_reopen(card), HSM_OK);
                assert_int_equal(tries(ways[i].record), ways[i].tries);
            }
        }
    }
}

/* Wrong PIN, power cut at the n-th write: where the card said how it ended, or could have compared, a try is
 * gone. */
static void test_power_cut_with_a_wrong_pin(void **state) {
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        bool finished = false;
        for (uint32_t n = 1; !finished && n < OPERATIONS_MAX; n++) {
            card_blank(card);
            card_initialize(card, NULL);
            fault_store_arm(&card->faults, n, true, STORE_ERR_IO);
            uint16_t sw = card_cmd(card, ways[i].wrong);
            finished = !card->faults.dead;
            uint32_t commits = card->faults.commits;
            assert_int_equal(card_reopen(card), HSM_OK);
            assert_int_equal(tries(ways[i].record), ways[i].tries - (commits != 0 ? 1 : 0));
            assert_int_equal(sw, finished ? 0x63C0 | (ways[i].tries - 1) : 0x6581);
            assert_true(!finished || commits == 1);
        }
        assert_true(finished);
    }
}

/* Right PIN, power cut at the n-th write: never more tries than before, and the right PIN still opens the
 * card. */
static void test_power_cut_with_the_right_pin(void **state) {
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        bool finished = false;
        for (uint32_t n = 1; !finished && n < OPERATIONS_MAX; n++) {
            card_blank(card);
            card_initialize(card, NULL);
            assert_int_equal(card_cmd(card, ways[i].wrong), 0x63C0 | (ways[i].tries - 1));
            fault_store_arm(&card->faults, n, true, STORE_ERR_IO);
            uint16_t sw = card_cmd(card, ways[i].right);
            finished = !card->faults.dead;
            assert_int_equal(sw, finished ? 0x9000 : 0x6581);
            assert_int_equal(card_reopen(card), HSM_OK);
            uint8_t left = tries(ways[i].record);
            assert_true(left == ways[i].tries - 1 || left == ways[i].tries - 2 || left == ways[i].tries);
            assert_int_equal(card_cmd(card, "00 20 00 81 06 " CARD_PIN), 0x9000);
            assert_int_equal(card_cmd(card, "00 20 00 88 08 " CARD_SO_PIN), 0x9000);
            assert_int_equal(tries(ways[i].record), ways[i].tries);
        }
        assert_true(finished);
    }
}

/* Whoever cuts the power at the best moment, again and again, gets as many comparisons as anybody else. */
static void test_cutting_gives_no_tries(void **state) {
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        card_blank(card);
        card_initialize(card, NULL);
        unsigned compared = 0;
        for (unsigned round = 0; round < 200; round++) {
            /* The try's own commit is the second operation; everything behind it fails. */
            fault_store_arm(&card->faults, 3, true, STORE_ERR_IO);
            card_cmd(card, ways[i].wrong);
            compared += card->faults.commits;
            assert_int_equal(card_reopen(card), HSM_OK);
        }
        assert_int_equal(compared, ways[i].tries);
        assert_int_equal(tries(ways[i].record), 0);
        assert_int_equal(card_cmd(card, ways[i].right), 0x6983);
    }
}

static void test_tries_allowed(void **state) {
    (void)state;
    for (size_t len = 6; len <= 16; len++) {
        uint8_t most = len == 6 ? 3 : len == 7 ? 5 : 10;
        for (unsigned n = 0; n < 256; n++) {
            assert_int_equal(n <= pin_tries_limit(len), n <= most);
        }
    }
}

/* Every PIN has a salt of its own, also the same PIN at the next INITIALIZE, and on both references. */
static void test_records_differ(void **state) {
    (void)state;
    uint8_t first[256];
    uint8_t second[256];
    size_t len;
    size_t again;
    card_blank(card);
    card_initialize(card, NULL);
    assert_int_equal(store_get(card->memory, RECORD_PIN_USER, 0, first, sizeof first, &len), STORE_OK);
    card_initialize(card, NULL);
    assert_int_equal(store_get(card->memory, RECORD_PIN_USER, 0, second, sizeof second, &again), STORE_OK);
    assert_int_equal(len, again);
    /* Behind the header of four bytes nothing is equal but by chance. */
    unsigned equal = 0;
    for (size_t i = 4; i < len; i++) {
        equal += first[i] == second[i] ? 1 : 0;
    }
    assert_true(equal < 8);
}

/* Without a healthy source of random numbers there is no new PIN, and no card. */
static void test_no_entropy(void **state) {
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    card_blank(card);
    card_initialize(card, NULL);
    card->entropy_fails = true;
    assert_int_equal(card_reopen(card), HSM_ERR_INTERNAL);
    card_digest(card, before);
    assert_int_equal(card_cmd(card, "00 20 00 81 06 " CARD_PIN), 0x6F00);
    assert_int_equal(card_cmd(card, "00 84 00 00 08"), 0x6F00);
    card_digest(card, after);
    assert_memory_equal(before, after, sizeof before);
    card->entropy_fails = false;
    assert_int_equal(card_reopen(card), HSM_OK);
    assert_int_equal(card_cmd(card, "00 20 00 81 06 " CARD_PIN), 0x9000);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_comparison_without_a_try),
        cmocka_unit_test(test_power_cut_with_a_wrong_pin),
        cmocka_unit_test(test_power_cut_with_the_right_pin),
        cmocka_unit_test(test_cutting_gives_no_tries),
        cmocka_unit_test(test_tries_allowed),
        cmocka_unit_test(test_records_differ),
        cmocka_unit_test(test_no_entropy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
