// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Key blobs. The first byte chooses: even, the rest is a blob as it is; odd, the rest is type, length of the
 * algorithm list, list and plaintext of a blob that is encrypted and authenticated properly, as one does who
 * has the DKEK. What UNWRAP takes must be usable, and must come out of WRAP again.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/buf.h"
#include "hsm/keyblob.h"
#include "storage/memory.h"
#include "tests/support/blob_maker.h"
#include "tests/support/card_fixture.h"

#define PLAIN_MAX 2100u

static struct card *card;
static struct hsm logged_in;
static struct store_memory_snapshot *records;
static uint8_t dkek[32];

static void start(void) {
    if (card == NULL) {
        card = card_new(1);
        card_hex(CARD_DKEK, dkek, sizeof dkek);
        card_initialize(card, CARD_DKEK);
        card_login(card);
        logged_in = card->hsm;
        if (store_memory_snapshot(card->memory, &records) != STORE_OK) {
            abort();
        }
        return;
    }
    card->hsm = logged_in;
    if (store_memory_restore(card->memory, records) != STORE_OK) {
        abort();
    }
}

static size_t make(const uint8_t *data, size_t size, uint8_t *blob) {
    struct reader r;
    reader_init(&r, data, size);
    uint8_t type = reader_u8(&r);
    size_t list_len = reader_u8(&r);
    list_len = list_len < r.left ? list_len : r.left;
    const uint8_t *list = reader_take(&r, list_len);
    size_t len = r.left < PLAIN_MAX ? r.left : PLAIN_MAX;
    return blob_make(dkek, type, list, list_len, reader_take(&r, len), len, blob);
}

/* Uses the key in every way; any answer but a failure inside the card will do. */
static void use(void) {
    static const struct {
        uint8_t ins, p2, len;
    } uses[] = {{0x68, 0x33, 20}, {0x68, 0x73, 20}, {0x62, 0x80, 65}, {0x78, 0x10, 16}, {0x78, 0x18, 3}};
    static const uint8_t data[65] = {0x04};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        uint16_t sw = card_apdu(card, 0x80, uses[i].ins, 1, uses[i].p2, data, uses[i].len, true);
        if (sw == 0x6F00 || sw == 0x6581 || sw == 0x6A88) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t blob[PLAIN_MAX + 512];
    size_t len;
    if (size < 3) {
        return 0;
    }
    start();
    if ((data[0] & 1) != 0) {
        len = make(data + 1, size - 1, blob);
    } else {
        len = size - 1 < sizeof blob ? size - 1 : sizeof blob;
        memcpy(blob, data + 1, len);
    }
    uint16_t sw = card_apdu(card, 0x80, 0x74, 1, 0x93, blob, len, false);
    if (sw != 0x9000) {
        if (sw != 0x6A80 && sw != 0x6A81) {
            abort();
        }
        return 0;
    }
    use();
    sw = card_apdu(card, 0x80, 0x72, 1, 0x92, NULL, 0, true);
    if (sw != 0x9000 && sw != 0x6985) {
        abort();
    }
    if (sw == 0x9000 && card_apdu(card, 0x80, 0x74, 2, 0x93, card->data, card->len, false) != 0x9000) {
        abort();
    }
    return 0;
}
