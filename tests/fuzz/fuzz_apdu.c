// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * A series of command APDUs, each behind its length in two bytes, sent to a card with keys of every kind on
 * which the user is logged in. Each input starts with the same card. Whatever it says, the card must answer
 * properly, keep its device key and certificates, and leave no transaction open.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/buf.h"
#include "hsm/key.h"
#include "hsm/record.h"
#include "storage/memory.h"
#include "tests/support/card_fixture.h"

#define P256                                                                                                 \
    "06 0A 04007F00070202020203 81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"

static struct card *card;
static struct hsm logged_in;
static uint64_t random_state;
static struct store_memory_snapshot *records;
static uint8_t rsa[CRYPTO_RSA_PRIV_MAX];
static size_t rsa_len;

/* Searching primes would take all the time there is: each RSA key is the one of key 1. */
static size_t ready_rsa(void *ctx, size_t bits, uint8_t *priv, size_t cap) {
    (void)ctx;
    if (bits < CRYPTO_RSA_BITS_MIN || bits > CRYPTO_RSA_BITS_MAX || cap < rsa_len) {
        return 0;
    }
    memcpy(priv, rsa, rsa_len);
    return rsa_len;
}

static void must(const char *hex) {
    if (card_cmd(card, hex) != 0x9000) {
        abort();
    }
}

static void prepare(void) {
    struct key key;
    card = card_new(1);
    must("80 50 00 00 19 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03");
    card_initialize(card, CARD_DKEK);
    card_login(card);
    must("00 46 01 00 00 0015 7F49 12 06 0A 04007F00070202020102 02 02 0400 02 00 0000");
    must("00 46 02 00 00 0031 7F49 2E " P256 " 0000");
    must("00 48 03 B0");
    must("00 48 04 B2 0A 91 02 10 18 90 04 00 00 00 02");
    must("00 D7 CD 01 0D 54 02 00 00 53 07 01 02 03 04 05 06 07");
    must("00 D7 CF 01 0D 54 02 00 00 53 07 01 02 03 04 05 06 07");
    if (key_load(&card->hsm, 1, &key) != HSM_OK) {
        abort();
    }
    memcpy(rsa, key.secret, key.secret_len);
    rsa_len = key.secret_len;
    card->platform.ready_rsa = ready_rsa;
    logged_in = card->hsm;
    random_state = card->random;
    if (store_memory_snapshot(card->memory, &records) != STORE_OK) {
        abort();
    }
}

static void start(void) {
    if (card == NULL) {
        prepare();
        return;
    }
    card->hsm = logged_in;
    card->random = random_state;
    if (store_memory_restore(card->memory, records) != STORE_OK) {
        abort();
    }
}

/* RSA keys with an exponent of their own have to be searched for: keep them small. */
static void shrink_rsa(uint8_t *command, size_t len) {
    for (size_t i = 4; command[1] == 0x46 && i + 4 <= len; i++) {
        if (command[i] == 0x02 && command[i + 1] == 0x02 && command[i + 2] > 4) {
            command[i + 2] = 4;
            command[i + 3] = 0;
        }
    }
}

static void send(const uint8_t *data, size_t len) {
    uint8_t command[4096];
    memcpy(command, data, len);
    if (len >= 5) {
        shrink_rsa(command, len);
    }
    uint16_t sw = card_send(card, command, len);
    uint8_t class = (uint8_t)(sw >> 8);
    if (class != 0x90 && (class < 0x62 || class > 0x6F)) {
        abort();
    }
    if (sw != 0x9000 && sw != 0x9001 && card->len != 0) {
        abort(); /* no data with an error */
    }
    if (sw == 0x6F00 || sw == 0x6581) {
        abort(); /* nothing in this process is broken */
    }
    if (card->faults.base.in_transaction) {
        abort();
    }
}

static void check(void) {
    size_t len;
    if (store_size(card->memory, FID_DEVICE_KEY, &len) != STORE_OK ||
        store_size(card->memory, FID_DEVICE_CERTIFICATES, &len) != STORE_OK) {
        abort();
    }
    hsm_reset(&card->hsm);
    if (card_cmd(card, "00 84 00 00 08") != 0x9000 || card->len != 8) {
        abort();
    }
    if (card_cmd(card, "00 D7 CF 01 07 54 02 00 00 53 01 00") != 0x6982) {
        abort(); /* nobody is logged in after a reset */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r;
    start();
    reader_init(&r, data, size);
    for (int i = 0; i < 32 && r.left > 2; i++) {
        size_t len = reader_u16(&r) & 0x0FFF;
        len = len < r.left ? len : r.left;
        send(reader_take(&r, len), len);
    }
    check();
    return 0;
}
