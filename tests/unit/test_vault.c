// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * The vault: a record that was edited, moved to another id, put back from an earlier card, or taken from
 * another device does not open; what is secret is nowhere in the store in clear; and the master key is in
 * memory only while someone is logged in.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/key.h"
#include "hsm/record.h"
#include "hsm/vault.h"
#include "storage/memory.h"
#include "tests/support/card_in_use.h"

#define VALUE_MAX 4096u
#define AES_3 "80 78 03 10 10 00000000000000000000000000000000 00"

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

static size_t get(uint16_t id, uint8_t *value) {
    size_t len = 0;
    assert_int_equal(store_get(card->memory, id, 0, value, VALUE_MAX, &len), STORE_OK);
    return len;
}

static void put(uint16_t id, const uint8_t *value, size_t len) {
    assert_int_equal(store_begin(card->memory), STORE_OK);
    assert_int_equal(store_put(card->memory, id, value, len), STORE_OK);
    assert_int_equal(store_commit(card->memory), STORE_OK);
}

/* Gives each byte of record `id` another value in turn, and sends `command`: never success. */
static void edit_each_byte(uint16_t id, const char *command) {
    uint8_t value[VALUE_MAX];
    card_in_use_return(in_use);
    size_t len = get(id, value);
    for (size_t i = 0; i < len; i++) {
        card_in_use_return(in_use);
        value[i] ^= 0x01;
        put(id, value, len);
        value[i] ^= 0x01;
        if (card_cmd(card, command) != 0x6F00 || card->len != 0) {
            fail_msg("record %04X with byte %zu changed: %04X", id, i, card->sw);
        }
    }
    for (size_t n = 0; n < len; n++) {
        card_in_use_return(in_use);
        put(id, value, n);
        if (card_cmd(card, command) != 0x6F00 || card->len != 0) {
            fail_msg("record %04X cut to %zu bytes of %zu: %04X", id, n, len, card->sw);
        }
    }
    card_in_use_return(in_use);
    assert_int_equal(card_cmd(card, command), 0x9000);
}

static void test_edited_records(void **state) {
    (void)state;
    edit_each_byte(FID_KEY | 3, AES_3);
    edit_each_byte(FID_KEY | 2, "80 68 02 73 03 616263 00");
    edit_each_byte(RECORD_COUNTER | 4, "80 78 04 10 10 00000000000000000000000000000000 00");
    edit_each_byte(RECORD_PIN_USER, "00 20 00 81 06 " CARD_PIN);
    edit_each_byte(RECORD_PIN_SO, "00 2C 01 81 08 " CARD_SO_PIN);
    edit_each_byte(RECORD_DOMAIN, "80 72 03 92 00");
    edit_each_byte(RECORD_BOX_PRIVATE, "80 72 03 92 00");
    edit_each_byte(RECORD_CONFIG, "00 A4 04 00 0B " CARD_AID " 00");
    edit_each_byte(FID_DATA_PROTECTED | 1, "00 B1 CD 01 04 54 02 0000 00");
}

/* The device's own records decide whether the card opens at all. */
static void test_edited_identity(void **state) {
    (void)state;
    uint8_t value[VALUE_MAX];
    card_in_use_return(in_use);
    size_t len = get(RECORD_CARD, value);
    for (size_t i = 0; i < len; i++) {
        card_in_use_return(in_use);
        value[i] ^= 0x80;
        put(RECORD_CARD, value, len);
        value[i] ^= 0x80;
        assert_int_equal(card_reopen(card), HSM_ERR_INTEGRITY);
    }
    card_in_use_return(in_use);
    assert_int_equal(card_reopen(card), HSM_OK);
}

static void test_moved_records(void **state) {
    (void)state;
    static const struct {
        uint16_t from, to;
        const char *command;
    } moves[] = {
        {FID_KEY | 3, FID_KEY | 5, "80 78 05 10 10 00000000000000000000000000000000 00"},
        {FID_KEY | 4, FID_KEY | 3, AES_3},
        {RECORD_PIN_SO, RECORD_PIN_USER, "00 20 00 81 08 " CARD_SO_PIN},
        {RECORD_PIN_USER, RECORD_PIN_SO, "00 20 00 88 06 " CARD_PIN},
        {RECORD_BOX_PUBLIC, RECORD_CONFIG, "00 A4 04 00 0B " CARD_AID " 00"},
        {FID_DATA_PROTECTED | 1, FID_DATA_PROTECTED | 2, "00 B1 CD 02 04 54 02 0000 00"},
    };
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        uint8_t value[VALUE_MAX];
        card_in_use_return(in_use);
        size_t len = get(moves[i].from, value);
        put(moves[i].to, value, len);
        assert_int_equal(card_cmd(card, moves[i].command), 0x6F00);
        assert_int_equal(card->len, 0);
    }
}

/* A use counter that was deleted is not "no counter". */
static void test_removed_counter(void **state) {
    (void)state;
    card_in_use_return(in_use);
    assert_int_equal(store_begin(card->memory), STORE_OK);
    assert_int_equal(store_del(card->memory, RECORD_COUNTER | 4), STORE_OK);
    assert_int_equal(store_commit(card->memory), STORE_OK);
    assert_int_equal(card_cmd(card, "80 78 04 10 10 00000000000000000000000000000000 00"), 0x6F00);
}

/* Keys from before an INITIALIZE do not open under the new master key, with the same PIN. */
static void test_records_of_the_past(void **state) {
    (void)state;
    uint8_t key[VALUE_MAX];
    uint8_t file[VALUE_MAX];
    card_in_use_return(in_use);
    size_t key_len = get(FID_KEY | 3, key);
    size_t file_len = get(FID_DATA_PROTECTED | 1, file);
    card_initialize(card, CARD_DKEK);
    card_login(card);
    put(FID_KEY | 3, key, key_len);
    put(FID_DATA_PROTECTED | 1, file, file_len);
    assert_int_equal(card_cmd(card, AES_3), 0x6F00);
    assert_int_equal(card_cmd(card, "00 B1 CD 01 04 54 02 0000 00"), 0x6F00);
    assert_int_equal(card_cmd(card, "80 72 03 92 00"), 0x6F00);
}

/* All records of one device in another: it does not even open. */
static void test_another_device(void **state) {
    (void)state;
    struct store_memory_snapshot *records;
    card_in_use_return(in_use);
    assert_int_equal(store_memory_snapshot(card->memory, &records), STORE_OK);
    struct card *other = card_new(99);
    assert_int_equal(store_memory_restore(other->memory, records), STORE_OK);
    assert_int_equal(card_reopen(other), HSM_ERR_INTEGRITY);
    assert_int_equal(card_cmd(other, "00 84 00 00 08"), 0x6F00);
    store_memory_snapshot_free(records);
    card_free(other);
}

/* A store that holds something, but no card. */
static void test_no_card(void **state) {
    (void)state;
    struct card *other = card_new(7);
    assert_int_equal(store_begin(other->memory), STORE_OK);
    assert_int_equal(store_del(other->memory, RECORD_CARD), STORE_OK);
    assert_int_equal(store_commit(other->memory), STORE_OK);
    assert_int_equal(card_reopen(other), HSM_ERR_INTEGRITY);
    card_free(other);
}

static bool contains(const uint8_t *data, size_t len, const uint8_t *what, size_t what_len) {
    for (size_t i = 0; i + what_len <= len; i++) {
        if (memcmp(data + i, what, what_len) == 0) {
            return true;
        }
    }
    return false;
}

static void nowhere_in_the_store(const uint8_t *what, size_t what_len) {
    uint16_t id = 0;
    uint8_t value[VALUE_MAX];
    while (store_next(card->memory, id, &id) == STORE_OK) {
        size_t len = get(id, value);
        if (contains(value, len, what, what_len)) {
            fail_msg("record %04X holds a secret in clear", id);
        }
    }
}

static void test_nothing_in_clear(void **state) {
    (void)state;
    uint8_t secret[VALUE_MAX];
    uint8_t dkek[32];
    struct key key;
    card_in_use_return(in_use);
    nowhere_in_the_store(card->hsm.master, sizeof card->hsm.master);
    nowhere_in_the_store(card->hsm.device_key, sizeof card->hsm.device_key);
    nowhere_in_the_store(card->device_secret, sizeof card->device_secret);
    nowhere_in_the_store((const uint8_t *)"648219", 6);
    nowhere_in_the_store((const uint8_t *)"57621880", 8);
    nowhere_in_the_store((const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07", 7); /* CD01; CF01 is public */
    card_hex(CARD_DKEK, dkek, sizeof dkek);
    nowhere_in_the_store(dkek, sizeof dkek);
    for (uint8_t id = 0; id <= 4; id++) {
        assert_int_equal(key_load(&card->hsm, id, &key), HSM_OK);
        memcpy(secret, key.secret, key.secret_len);
        /* Of RSA the two primes, without the description in front of them. */
        size_t start = key.type == KEY_RSA ? 6 : 0;
        size_t len = key.type == KEY_RSA ? 64 : key.secret_len;
        nowhere_in_the_store(secret + start, len);
        nowhere_in_the_store(secret + start + len / 2, len / 2);
    }
}

/* A share that came is not in the store as it is, and the sum neither, while others are missing. */
static void test_shares_are_sealed(void **state) {
    (void)state;
    uint8_t share[32];
    card_in_use_return(in_use);
    assert_int_equal(card_cmd(card, "80 50 00 00 1C 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                                    " 91 01 03 92 01 02"),
                     0x9000);
    assert_int_equal(card_cmd(card, "80 52 00 00 20 " CARD_DKEK), 0x9000);
    card_hex(CARD_DKEK, share, sizeof share);
    nowhere_in_the_store(share, sizeof share);
}

static bool in_memory(const uint8_t *what, size_t len) {
    return contains((const uint8_t *)&card->hsm, sizeof card->hsm, what, len);
}

static void test_master_key_leaves_with_the_user(void **state) {
    (void)state;
    static const char *const logouts[] = {"00 A4 04 0C 0B " CARD_AID, "00 20 00 81 06 000000000000",
                                          "80 50 00 00 19 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                                          " 91 01 03"};
    uint8_t master[32];
    card_in_use_return(in_use);
    memcpy(master, card->hsm.master, sizeof master);
    for (size_t i = 0; i < sizeof logouts / sizeof logouts[0]; i++) {
        card_in_use_return(in_use);
        assert_true(in_memory(master, sizeof master));
        card_cmd(card, logouts[i]);
        assert_false(in_memory(master, sizeof master));
        assert_int_equal(card_cmd(card, AES_3), 0x6982);
    }
    card_in_use_return(in_use);
    hsm_power_off(&card->hsm);
    assert_false(in_memory(master, sizeof master));
    card_in_use_return(in_use);
    hsm_reset(&card->hsm);
    assert_false(in_memory(master, sizeof master));
}

/* Keys are opened in the scratch area, which is wiped after each command, also after those that fail. */
static void test_scratch_is_wiped(void **state) {
    (void)state;
    static const uint8_t zeros[HSM_SCRATCH_SIZE];
    static const char *const commands[] = {AES_3,
                                           "80 68 01 33 03 616263 00",
                                           "80 72 01 92 00",
                                           "80 68 01 20 01 00 00",
                                           "80 62 02 80 01 00 00",
                                           "00 48 09 B2",
                                           "00 B1 CD 01 04 54 02 0000 00"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        card_in_use_return(in_use);
        card_cmd(card, commands[i]);
        assert_memory_equal(card->hsm.scratch, zeros, sizeof zeros);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edited_records),
        cmocka_unit_test(test_edited_identity),
        cmocka_unit_test(test_moved_records),
        cmocka_unit_test(test_removed_counter),
        cmocka_unit_test(test_records_of_the_past),
        cmocka_unit_test(test_another_device),
        cmocka_unit_test(test_no_card),
        cmocka_unit_test(test_nothing_in_clear),
        cmocka_unit_test(test_shares_are_sealed),
        cmocka_unit_test(test_master_key_leaves_with_the_user),
        cmocka_unit_test(test_scratch_is_wiped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
