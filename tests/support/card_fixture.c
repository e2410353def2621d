// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/card_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/crypto/hash.h"
#include "storage/memory.h"

#define PIN_ITERATIONS 8u

static _Noreturn void die(const char *what, unsigned value) {
    fprintf(stderr, "card fixture: %s (%04X)\n", what, value);
    abort();
}

/* splitmix64: any seed gives a usable sequence. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill(uint64_t *state, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)next_random(state);
    }
}

static int entropy(void *ctx, uint8_t *out, size_t len) {
    struct card *card = ctx;
    if (card->entropy_fails) {
        return -1;
    }
    fill(&card->random, out, len);
    return 0;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    struct card *card = ctx;
    memcpy(out, card->device_secret, HSM_DEVICE_SECRET_LEN);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    struct card *card = ctx;
    memcpy(out, card->serial, HSM_DEVICE_SERIAL_LEN);
}

static void today(void *ctx, struct hsm_date *date) {
    (void)ctx;
    *date = (struct hsm_date){.year = 2026, .month = 2, .day = 28};
}

static void working(void *ctx) {
    struct card *card = ctx;
    card->working_calls++;
}

static void open_store(struct card *card) {
    if (store_memory_open(&card->memory) != STORE_OK) {
        die("no memory", 0);
    }
    fault_store_init(&card->faults, card->memory);
}

int card_reopen(struct card *card) {
    hsm_close(&card->hsm);
    fault_store_heal(&card->faults);
    int rc = hsm_open(&card->hsm, &card->platform, &card->faults.base);
    if (rc == HSM_OK) {
        hsm_power_on(&card->hsm);
    }
    return rc;
}

struct card *card_new(uint64_t seed) {
    struct card *card = calloc(1, sizeof *card);
    if (card == NULL) {
        die("no memory", 0);
    }
    card->random = seed;
    fill(&card->random, card->device_secret, sizeof card->device_secret);
    fill(&card->random, card->serial, sizeof card->serial);
    card->platform = (struct hsm_platform){
        .ctx = card,
        .entropy = entropy,
        .device_secret = device_secret,
        .device_serial = device_serial,
        .today = today,
        .working = working,
        .pin_iterations = PIN_ITERATIONS,
    };
    open_store(card);
    int rc = card_reopen(card);
    if (rc != HSM_OK) {
        die(hsm_error_text(rc), 0);
    }
    return card;
}

void card_free(struct card *card) {
    if (card != NULL) {
        hsm_close(&card->hsm);
        store_close(card->memory);
        free(card);
    }
}

void card_blank(struct card *card) {
    hsm_close(&card->hsm);
    store_close(card->memory);
    open_store(card);
    int rc = card_reopen(card);
    if (rc != HSM_OK) {
        die(hsm_error_text(rc), 0);
    }
}

uint16_t card_send(struct card *card, const uint8_t *command, size_t len) {
    /* A copy of exactly this size lets the sanitizers see any read past the command. */
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    if (copy == NULL) {
        die("no memory", 0);
    }
    if (len != 0) {
        memcpy(copy, command, len);
    }
    size_t n = hsm_exchange(&card->hsm, copy, len, card->data, sizeof card->data);
    free(copy);
    if (n < 2 || n > sizeof card->data) {
        die("response of impossible length", (unsigned)n);
    }
    card->len = n - 2;
    card->sw = (uint16_t)(card->data[n - 2] << 8 | card->data[n - 1]);
    return card->sw;
}

static int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t card_hex(const char *hex, uint8_t *out, size_t cap) {
    size_t len = 0;
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        int high = digit(hex[0]);
        int low = high < 0 ? -1 : digit(hex[1]);
        if (low < 0 || len == cap) {
            die(hex, (unsigned)len);
        }
        out[len++] = (uint8_t)(high << 4 | low);
        hex += 2;
    }
    return len;
}

uint16_t card_cmd(struct card *card, const char *hex) {
    uint8_t command[4096];
    return card_send(card, command, card_hex(hex, command, sizeof command));
}

uint16_t card_apdu(struct card *card, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                   size_t len, bool le) {
    uint8_t *command = malloc(len + 9);
    if (command == NULL) {
        die("no memory", 0);
    }
    size_t n = 0;
    bool extended = len > 255 || le;
    command[n++] = cla;
    command[n++] = ins;
    command[n++] = p1;
    command[n++] = p2;
    if (extended) {
        command[n++] = 0;
    }
    if (len != 0) {
        if (extended) {
            command[n++] = (uint8_t)(len >> 8);
        }
        command[n++] = (uint8_t)len;
        memcpy(command + n, data, len);
        n += len;
    }
    if (le) {
        command[n++] = 0;
        command[n++] = 0;
    }
    uint16_t sw = card_send(card, command, n);
    free(command);
    return sw;
}

static void must(struct card *card, const char *hex) {
    uint16_t sw = card_cmd(card, hex);
    if (sw != 0x9000) {
        die(hex, sw);
    }
}

void card_initialize(struct card *card, const char *dkek) {
    must(card, dkek != NULL ? "80 50 00 00 1C 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN
                              " 91 01 03 92 01 01"
                            : "80 50 00 00 19 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03");
    if (dkek != NULL) {
        uint8_t share[32];
        card_hex(dkek, share, sizeof share);
        if (card_apdu(card, 0x80, 0x52, 0, 0, share, sizeof share, true) != 0x9000) {
            die("DKEK share refused", card->sw);
        }
    }
}

void card_login(struct card *card) { must(card, "00 20 00 81 06 " CARD_PIN); }

void card_digest(struct card *card, uint8_t digest[32]) {
    /* A chain of hashes: each record with the digest of those before. */
    static uint8_t value[STORE_VALUE_MAX];
    uint16_t id = 0;
    memset(digest, 0, 32);
    while (store_next(card->memory, id, &id) == STORE_OK) {
        size_t len = 0;
        if (store_get(card->memory, id, 0, value, sizeof value, &len) != STORE_OK) {
            die("record cannot be read", id);
        }
        uint8_t head[] = {(uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(len >> 8), (uint8_t)len};
        struct crypto_part parts[] = {{digest, 32}, {head, sizeof head}, {value, len}};
        uint8_t next[32];
        crypto_hash_parts(CRYPTO_SHA256, parts, 3, next);
        memcpy(digest, next, sizeof next);
    }
}
