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
#include "hsm/record.h"
#include "tests/support/card_in_use.h"

static struct card_in_use *in_use;
static struct card *card;

static void send(const uint8_t *data, size_t len) {
    uint8_t command[4096];
    memcpy(command, data, len);
    card_in_use_shrink(command, len);
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
    if (in_use == NULL) {
        in_use = card_in_use_new();
        card = card_in_use_card(in_use);
    }
    card_in_use_return(in_use);
    reader_init(&r, data, size);
    for (int i = 0; i < 32 && r.left > 2; i++) {
        size_t len = reader_u16(&r) & 0x0FFF;
        len = len < r.left ? len : r.left;
        send(reader_take(&r, len), len);
    }
    check();
    return 0;
}
