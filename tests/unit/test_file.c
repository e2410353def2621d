// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Elementary files at their limits: 64 KiB, more objects than clients have room for, every FID, and a model
 * of protected files against random reads and writes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/buf.h"
#include "hsm/file.h"
#include "hsm/record.h"
#include "hsm/tlv.h"
#include "tests/support/card_fixture.h"

#define PIECE 60000u

static struct card *card;

static int set_up(void **state) {
    (void)state;
    card = card_new(41);
    card_initialize(card, NULL);
    card_login(card);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    card_free(card);
    return 0;
}

static uint16_t update(uint16_t fid, uint32_t offset, const uint8_t *data, size_t len) {
    static uint8_t command[PIECE + 16];
    struct writer w;
    writer_init(&w, command, sizeof command);
    writer_u16(&w, 0x5404);
    writer_u32(&w, offset);
    tlv_put(&w, 0x53, data, len);
    assert_false(w.overflow);
    return card_apdu(card, 0x00, 0xD7, (uint8_t)(fid >> 8), (uint8_t)fid, command, w.len, false);
}

/* Reads up to 65535 less two bytes: what a response has room for. */
static size_t read_at(uint16_t fid, uint32_t offset) {
    uint8_t data[6] = {
        0x54,           0x04, (uint8_t)(offset >> 24), (uint8_t)(offset >> 16), (uint8_t)(offset >> 8),
        (uint8_t)offset};
    assert_int_equal(card_apdu(card, 0x00, 0xB1, (uint8_t)(fid >> 8), (uint8_t)fid, data, sizeof data, true),
                     0x9000);
    return card->len;
}

/* A file takes what a record of the store does. One byte more is 6A84, and the file stays as it was. */
static void test_largest_file(void **state) {
    (void)state;
    static uint8_t data[PIECE];
    static const uint16_t fids[] = {FID_DATA | 1, FID_DATA_PROTECTED | 1};
    for (size_t i = 0; i < sizeof fids / sizeof fids[0]; i++) {
        uint32_t size = PIECE;
        for (size_t k = 0; k < sizeof data; k++) {
            data[k] = (uint8_t)(k * 31 + k / 256);
        }
        assert_int_equal(update(fids[i], 0, data, sizeof data), 0x9000);
        while (update(fids[i], size, data, 100) == 0x9000) {
            size += 100;
        }
        assert_int_equal(card->sw, 0x6A84);
        while (update(fids[i], size, data, 1) == 0x9000) {
            size++;
        }
        assert_int_equal(card->sw, 0x6A84);
        assert_true(size > 63000 && size <= 65535);
        assert_int_equal(read_at(fids[i], PIECE), size - PIECE);
        assert_memory_equal(card->data, data, 100);
        assert_true(read_at(fids[i], 0) >= PIECE);
        assert_memory_equal(card->data, data, PIECE);
        char command[64];
        snprintf(command, sizeof command, "00 A4 00 00 02 %04X 00", fids[i]);
        assert_int_equal(card_cmd(card, command), 0x9000);
        assert_int_equal(card->data[4] << 8 | card->data[5], size);
    }
}

/* Clients have room for 507 objects, and keys come first. */
static void test_many_objects(void **state) {
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(update((uint16_t)(FID_DATA | i), 0, (const uint8_t *)"x", 1), 0x9000);
        assert_int_equal(update((uint16_t)(FID_DATA_DESCRIPTION | i), 0, (const uint8_t *)"x", 1), 0x9000);
    }
    assert_int_equal(card_cmd(card, "00 48 7F B0"), 0x9000);
    assert_int_equal(card_cmd(card, "80 58 00 00 00 0000"), 0x9000);
    assert_int_equal(card->len, 2 * 507);
    assert_memory_equal(card->data, "\xCC\x00\xCC\x7F", 4);
    for (size_t i = 2; i + 1 < card->len; i += 2) {
        assert_true(card->data[i] != card->data[i - 2] || card->data[i + 1] > card->data[i - 1]);
    }
    card_initialize(card, NULL);
    card_login(card);
}

/* Of all 65536 FIDs, only those of the file map can be made, and none reaches the card's own records. */
static void test_every_fid(void **state) {
    (void)state;
    for (unsigned fid = 1; fid < 0x10000; fid++) {
        bool free_file = fid == 0x2F03 || fid == 0x2F02;
        switch (fid & 0xFF00) {
        case 0xC400:
        case 0xC800:
        case 0xC900:
        case 0xCA00:
        case 0xCB00:
        case 0xCE00:
        case 0xCF00:
            free_file = true;
            break;
        default:
            break;
        }
        enum file_kind want = free_file                  ? FILE_FREE
                              : fid == 0x2F10            ? FILE_BLOB
                              : (fid & 0xFF00) == 0xCD00 ? FILE_PROTECTED
                              : (fid & 0xFF00) == 0xCC00 ? FILE_KEY
                                                         : FILE_NONE;
        assert_int_equal(file_kind((uint16_t)fid), want);
        if (want == FILE_NONE || want == FILE_KEY) {
            uint16_t sw = update((uint16_t)fid, 0, (const uint8_t *)"x", 1);
            assert_int_equal(sw, want == FILE_KEY ? 0x6982 : 0x6A82);
        }
    }
}

static uint64_t random_state = 0x46494C45u;

static uint32_t below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 33) % limit);
}

/* Random writes and reads of a file, with page borders in them, against the same on an array. */
static void follow_model(uint16_t fid) {
    static uint8_t model[8192];
    uint8_t data[3000];
    size_t size = 0;
    assert_int_equal(update(fid, 0, NULL, 0), 0x9000);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t offset = below(8) == 0 ? 0 : below((uint32_t)size + 1);
        size_t len = below(4) == 0 ? below(sizeof data) : below(40);
        if (offset + len > sizeof model) {
            continue;
        }
        for (size_t k = 0; k < len; k++) {
            data[k] = (uint8_t)below(256);
        }
        if (below(3) == 0) {
            size_t want = offset < size ? size - offset : 0;
            assert_int_equal(read_at(fid, offset), want);
            assert_memory_equal(card->data, model + offset, want);
            continue;
        }
        assert_int_equal(update(fid, offset, data, len), 0x9000);
        memcpy(model + offset, data, len);
        /* At offset 0 a write replaces the file. */
        size = offset == 0 || offset + len > size ? offset + len : size;
    }
}

static void test_model(void **state) {
    (void)state;
    follow_model(FID_DATA | 9);
    follow_model(FID_DATA_PROTECTED | 9);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest_file),
        cmocka_unit_test(test_many_objects),
        cmocka_unit_test(test_every_fid),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
