// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Malformed commands: for one good example of every command, each truncation, each wrong length, class,
 * instruction and parameter, and random changes. The right status word, and not one byte changed in the
 * store.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/card_in_use.h"

#define COMMAND_MAX 512u
#define RANDOM_COMMANDS 40000u

#define P256                                                                                                 \
    "06 0A 04007F00070202020203 81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"

enum {
    P1_ANY = 1, /* every P1 means something (a key, a file, ...) */
    P2_ANY = 2,
    TRIES = 4, /* may take a PIN try, whatever the answer */
};

/* Good commands on the card of card_in_use.h: each is answered with 9000. */
static const struct {
    const char *hex;
    int flags;
} good[] = {
    {"00 20 00 81", P2_ANY},
    {"00 20 00 81 06 " CARD_PIN, P2_ANY | TRIES},
    {"00 20 00 88 08 " CARD_SO_PIN, P2_ANY | TRIES},
    {"00 24 00 81 0C " CARD_PIN " 313131313131", P2_ANY | TRIES},
    {"00 2C 00 81 0E " CARD_SO_PIN " 313131313131", P2_ANY | TRIES},
    {"00 2C 01 81 08 " CARD_SO_PIN, P2_ANY | TRIES},
    {"00 46 07 00 33 7F49 30 " P256 " 87 00", P1_ANY},
    {"00 48 08 B1 09 90 04 00000005 91 01 18", P1_ANY | P2_ANY},
    {"80 50 00 00 19 80 02 0001 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03", TRIES},
    {"80 50 00 00 00", 0},
    {"80 52 00 00 00", P2_ANY},
    {"80 58 00 00 00", 0},
    {"80 62 02 80 41 04 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
     "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5 00",
     P1_ANY | P2_ANY},
    {"80 68 02 73 03 616263 00", P1_ANY | P2_ANY},
    {"80 68 01 33 03 616263 00", P1_ANY | P2_ANY},
    {"80 72 03 92 00", P1_ANY},
    {"80 74 09 93 4D 630DCD2966C43366 0F 0008 6086480165030401 0004 10111899 0000 0000"
     "85BECAAFAF4C2D99E0EC012F8CBE145C1DBBE472DEC0ADCAD39C3DFDB5C7CC0A 8A9DF2627EE4AE47C9BD2B811D23315B",
     P1_ANY},
    {"80 76 02 0A 03 98 0001", P1_ANY | P2_ANY},
    {"80 78 03 10 10 00000000000000000000000000000000 00", P1_ANY | P2_ANY},
    {"80 78 04 18 03 616263 00", P1_ANY | P2_ANY},
    {"00 84 00 00 08", 0},
    {"00 A4 04 00 0B " CARD_AID " 00", 0},
    {"00 A4 00 00 02 2F02 00", 0},
    {"00 B1 2F 02 04 54 02 0000 00", P1_ANY | P2_ANY},
    {"00 D7 CF 02 0A 54 02 0000 53 04 01020304", P1_ANY | P2_ANY},
    {"00 D7 CD 01 0A 54 02 0003 53 04 01020304", P1_ANY | P2_ANY},
    {"00 E4 02 00 02 CF01", P1_ANY | P2_ANY},
};
#define GOOD_COUNT (sizeof good / sizeof good[0])

static struct card_in_use *in_use;
static struct card *card;
static uint8_t at_start[32];

static int set_up(void **state) {
    (void)state;
    in_use = card_in_use_new();
    card = card_in_use_card(in_use);
    card_digest(card, at_start);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    card_in_use_free(in_use);
    return 0;
}

static void show(const char *what, const uint8_t *command, size_t len) {
    print_error("%s: ", what);
    for (size_t i = 0; i < len; i++) {
        print_error("%02X", command[i]);
    }
    print_error(" -> %04X\n", card->sw);
}

static void expect(bool ok, const char *what, const uint8_t *command, size_t len) {
    if (!ok) {
        show(what, command, len);
        fail();
    }
}

static bool unchanged(void) {
    uint8_t now[32];
    card_digest(card, now);
    return memcmp(now, at_start, sizeof now) == 0;
}

/* Sends to the card as it was at the start; the answer has to be `sw`, and no record may have changed. */
static void refuse(uint16_t sw, const char *what, const uint8_t *command, size_t len) {
    card_in_use_return(in_use);
    card_send(card, command, len);
    expect(card->sw == sw, what, command, len);
    expect(card->len == 0, "data with an error", command, len);
    expect(unchanged(), "store changed by", command, len);
}

/* Where the data of a short command ends, and whether a Le follows. */
static size_t data_end(const uint8_t *command, size_t len) { return len <= 5 ? 4 : 5u + command[4]; }

static void test_examples_are_good(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX];
        size_t len = card_hex(good[i].hex, command, sizeof command);
        card_in_use_return(in_use);
        card_send(card, command, len);
        expect(card->sw == 0x9000, "refused", command, len);
    }
}

static void test_truncated(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX];
        size_t len = card_hex(good[i].hex, command, sizeof command);
        for (size_t n = 0; n < 4; n++) {
            refuse(0x6700, "shorter than a header", command, n);
        }
        /* Header alone and header with one byte are commands of their own; the rest lacks data. */
        for (size_t n = 6; n < data_end(command, len); n++) {
            refuse(0x6700, "truncated", command, n);
        }
    }
}

static void test_overlong(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX] = {0};
        size_t len = card_hex(good[i].hex, command, sizeof command);
        size_t end = data_end(command, len);
        if (end == 4) {
            continue; /* what follows a header would be its data */
        }
        for (size_t n = end + 2; n < end + 6; n++) {
            refuse(0x6700, "overlong", command, n);
        }
    }
}

static void test_wrong_lc(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX];
        size_t len = card_hex(good[i].hex, command, sizeof command);
        size_t end = data_end(command, len);
        if (end == 4) {
            continue;
        }
        for (unsigned lc = 1; lc < 256; lc++) {
            /* Right as it is, or with the last byte of what follows taken for Le. */
            if (5 + lc == len || 6 + lc == len) {
                continue;
            }
            command[4] = (uint8_t)lc;
            refuse(0x6700, "wrong Lc", command, len);
        }
        /* Zero starts an extended length: the two bytes behind it then have to fit. */
        command[4] = 0;
        if (len > 7 && (size_t)(command[5] << 8 | command[6]) + 7 != len &&
            (size_t)(command[5] << 8 | command[6]) + 9 != len) {
            refuse(0x6700, "wrong extended Lc", command, len);
        }
    }
}

/* More data than the command takes, in a well-formed extended command. */
static void test_too_much_data(void **state) {
    (void)state;
    static const struct {
        uint8_t header[4];
        size_t len;
        uint16_t sw;
    } commands[] = {
        {{0x00, 0x20, 0x00, 0x81}, 17, 0x6700},    {{0x00, 0x20, 0x00, 0x81}, 5000, 0x6700},
        {{0x00, 0x24, 0x00, 0x81}, 33, 0x6700},    {{0x00, 0x2C, 0x00, 0x81}, 25, 0x6700},
        {{0x00, 0x2C, 0x01, 0x81}, 9, 0x6700},     {{0x00, 0x2C, 0x03, 0x81}, 1, 0x6700},
        {{0x00, 0x46, 0x07, 0x00}, 5000, 0x6A80},  {{0x80, 0x50, 0x00, 0x00}, 5000, 0x6A80},
        {{0x80, 0x52, 0x00, 0x00}, 33, 0x6700},    {{0x80, 0x52, 0x00, 0x00}, 5000, 0x6700},
        {{0x80, 0x58, 0x00, 0x00}, 1, 0x6700},     {{0x80, 0x62, 0x01, 0x21}, 5000, 0x6700},
        {{0x80, 0x62, 0x02, 0x80}, 5000, 0x6A80},  {{0x80, 0x68, 0x01, 0x20}, 5000, 0x6700},
        {{0x80, 0x68, 0x01, 0x30}, 5000, 0x6700},  {{0x80, 0x68, 0x01, 0x40}, 5000, 0x6700},
        {{0x80, 0x72, 0x03, 0x92}, 1, 0x6700},     {{0x80, 0x74, 0x09, 0x93}, 5000, 0x6A80},
        {{0x80, 0x74, 0x09, 0x93}, 65000, 0x6A80}, {{0x80, 0x76, 0x02, 0x09}, 5000, 0x6A80},
        {{0x80, 0x78, 0x03, 0x10}, 4999, 0x6700},  {{0x00, 0x84, 0x00, 0x00}, 1, 0x6700},
        {{0x00, 0xA4, 0x04, 0x00}, 17, 0x6700},    {{0x00, 0xA4, 0x00, 0x00}, 17, 0x6700},
        {{0x00, 0xB0, 0x00, 0x00}, 1, 0x6700},     {{0x00, 0xB1, 0x2F, 0x02}, 7, 0x6700},
        {{0x00, 0xD7, 0xCF, 0x01}, 5000, 0x6700},  {{0x00, 0xE4, 0x02, 0x00}, 3, 0x6700},
    };
    static uint8_t data[65000]; /* zeros: no data object anywhere */
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const uint8_t *h = commands[i].header;
        card_in_use_return(in_use);
        card_apdu(card, h[0], h[1], h[2], h[3], data, commands[i].len, true);
        expect(card->sw == commands[i].sw, "too much data", h, 4);
        expect(unchanged(), "store changed by", h, 4);
    }
}

static void test_wrong_class(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX];
        size_t len = card_hex(good[i].hex, command, sizeof command);
        for (unsigned cla = 0; cla < 256; cla++) {
            command[0] = (uint8_t)cla;
            switch (cla) {
            case 0x00:
            case 0x80:
                break;
            case 0x10:
            case 0x90:
                refuse(0x6884, "command chaining", command, len);
                break;
            case 0x0C:
            case 0x8C: /* secure messaging that nobody started */
                card_in_use_return(in_use);
                card_send(card, command, len);
                expect(card->sw != 0x9000 && card->len == 0, "secure messaging", command, len);
                expect(unchanged(), "store changed by", command, len);
                break;
            default:
                refuse(0x6E00, "wrong class", command, len);
                break;
            }
        }
    }
}

static void test_wrong_instruction(void **state) {
    (void)state;
    static const uint8_t known[] = {0x20, 0x22, 0x24, 0x2A, 0x2C, 0x46, 0x48, 0x4A, 0x50,
                                    0x52, 0x54, 0x58, 0x62, 0x64, 0x68, 0x72, 0x74, 0x76,
                                    0x78, 0x82, 0x84, 0x86, 0xA4, 0xB0, 0xB1, 0xD7, 0xE4};
    for (unsigned ins = 0; ins < 256; ins++) {
        if (memchr(known, (int)ins, sizeof known) != NULL) {
            continue;
        }
        uint8_t command[] = {0x80, (uint8_t)ins, 0x00, 0x00, 0x02, 0x01, 0x02};
        refuse(0x6D00, "wrong instruction", command, 4);
        refuse(0x6D00, "wrong instruction", command, sizeof command);
    }
}

/* Parameters that the command does not have: 6A86. Those that say another key or file may do something else.
 */
static void test_wrong_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        for (unsigned k = 2; k <= 3; k++) {
            uint8_t command[COMMAND_MAX];
            size_t len = card_hex(good[i].hex, command, sizeof command);
            uint8_t right = command[k];
            bool free = (good[i].flags & (k == 2 ? P1_ANY : P2_ANY)) != 0;
            for (unsigned p = 0; p < 256; p++) {
                if (p == right) {
                    continue;
                }
                command[k] = (uint8_t)p;
                card_in_use_return(in_use);
                card_send(card, command, len);
                /* 6700: the value belongs to another form of the command, with other data. */
                bool refused = card->sw == 0x6A86 || card->sw == 0x6700;
                bool other_form = command[1] == 0xA4 || command[1] == 0x2C || command[1] == 0x52;
                expect(free || refused || other_form, "wrong parameter", command, len);
                expect(card->sw == 0x9000 || (good[i].flags & TRIES) != 0 || unchanged(), "store changed by",
                       command, len);
            }
        }
    }
}

static uint64_t random_state = 0x5457494E48534D31u;

static unsigned below(unsigned limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 33) % limit);
}

/* One to four random changes: a bit, a byte, an inserted or removed byte, two parts exchanged. */
static size_t mutate(uint8_t *command, size_t len) {
    for (unsigned n = 1 + below(4); n > 0; n--) {
        size_t at = len != 0 ? below((unsigned)len) : 0;
        switch (below(5)) {
        case 0:
            command[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            command[at] = (uint8_t)below(256);
            break;
        case 2:
            if (len < COMMAND_MAX) {
                memmove(command + at + 1, command + at, len - at);
                command[at] = (uint8_t)below(256);
                len++;
            }
            break;
        case 3:
            if (len != 0) {
                memmove(command + at, command + at + 1, len - at - 1);
                len--;
            }
            break;
        default:
            if (len > 5) {
                len = 5 + below((unsigned)len - 4);
                command[4] = (uint8_t)(len - 5);
            }
            break;
        }
    }
    return len;
}

/* Commands that take a PIN try, or may: the only ones whose failure may change a record. */
static bool takes_tries(const uint8_t *command, size_t len) {
    return len > 4 && (command[1] == 0x20 || command[1] == 0x24 || command[1] == 0x2C || command[1] == 0x50);
}

static void test_random_changes(void **state) {
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    for (unsigned i = 0; i < RANDOM_COMMANDS; i++) {
        uint8_t command[COMMAND_MAX + 1];
        if (i % 16 == 0) {
            card_in_use_return(in_use);
            memcpy(before, at_start, sizeof before);
        }
        size_t len = card_hex(good[below(GOOD_COUNT)].hex, command, COMMAND_MAX);
        if (below(4) != 0) {
            len = mutate(command, len);
        }
        card_in_use_shrink(command, len);
        card_send(card, command, len);
        card_digest(card, after);
        expect(card->sw != 0x6F00 && card->sw != 0x6581, "failure inside the card", command, len);
        expect(card->sw == 0x9000 || card->sw == 0x9001 || card->len == 0, "data with an error", command,
               len);
        if (card->sw != 0x9000 && !takes_tries(command, len)) {
            expect(memcmp(before, after, sizeof after) == 0, "refused, and yet the store changed by", command,
                   len);
        }
        memcpy(before, after, sizeof before);
    }
}

/* Every command, of nobody: what needs the user is refused before its data is looked at. */
static void test_not_logged_in(void **state) {
    (void)state;
    static const uint8_t user_only[] = {0x46, 0x48, 0x62, 0x68, 0x72, 0x74, 0x76, 0x78, 0xD7, 0xE4};
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        uint8_t command[COMMAND_MAX];
        size_t len = card_hex(good[i].hex, command, sizeof command);
        if (memchr(user_only, command[1], sizeof user_only) == NULL) {
            continue;
        }
        card_in_use_return(in_use);
        hsm_reset(&card->hsm);
        card_send(card, command, len);
        expect(card->sw == 0x6982 && card->len == 0, "not logged in", command, len);
        expect(unchanged(), "store changed by", command, len);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_are_good), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_overlong),          cmocka_unit_test(test_wrong_lc),
        cmocka_unit_test(test_too_much_data),     cmocka_unit_test(test_wrong_class),
        cmocka_unit_test(test_wrong_instruction), cmocka_unit_test(test_wrong_parameters),
        cmocka_unit_test(test_random_changes),    cmocka_unit_test(test_not_logged_in),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
