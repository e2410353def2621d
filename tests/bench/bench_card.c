// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Times what a card does, APDU by APDU.
 *   bench_card --vpcd PORT | --pcsc READER    initialises the card (SO-PIN 3537363231383830) and measures
 * Prints one line an operation: name, median, 90th percentile (milliseconds), runs; TAB between.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/ec.h"
#include "hsm/tlv.h"
#include "tests/bench/link.h"
#include "tests/bench/timing.h"

#define PIN "648219"
#define SO_PIN "57621880"

enum { KEY_P256 = 1, KEY_P384, KEY_RSA2048, KEY_RSA4096, KEY_AES, KEY_SPARE };

static uint8_t response[65538];

/* A command that is sent as it is, and must be answered with 9000 (or `sw`). */
struct command {
    uint8_t bytes[2048];
    size_t len;
    uint16_t sw;
};

static void send(void *arg) {
    const struct command *c = arg;
    size_t got = link_transmit(c->bytes, c->len, response, sizeof response);
    uint16_t sw = (uint16_t)(response[got - 2] << 8 | response[got - 1]);
    if (sw != c->sw) {
        fail("%02X %02X %02X %02X: status %04X instead of %04X", c->bytes[0], c->bytes[1], c->bytes[2],
             c->bytes[3], sw, c->sw);
    }
}

/* The same with another content each time: SQLite does not write what is there already. */
static void send_changed(void *arg) {
    struct command *c = arg;
    c->bytes[c->len - 3]++; /* last byte of the data, before Le */
    send(c);
}

/* Extended form, case 4. */
static struct command extended(uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, const uint8_t *data,
                               size_t len) {
    struct command c = {.sw = 0x9000};
    struct writer w;
    writer_init(&w, c.bytes, sizeof c.bytes);
    writer_u8(&w, cla);
    writer_u8(&w, ins);
    writer_u8(&w, p1);
    writer_u8(&w, p2);
    writer_u8(&w, 0);
    if (len != 0) {
        writer_u16(&w, (uint16_t)len);
        writer_put(&w, data, len);
    }
    writer_u16(&w, 0);
    c.len = w.len;
    return c;
}

static struct command plain(const char *hex, uint16_t sw) {
    struct command c = {.sw = sw};
    unsigned byte;
    int used;
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        c.bytes[c.len++] = (uint8_t)byte;
        hex += used;
    }
    return c;
}

static struct command generate(uint8_t id, const char *rsa_bits, enum crypto_curve curve) {
    uint8_t body[1024];
    struct writer w;
    struct crypto_ec_params p;
    writer_init(&w, body, sizeof body);
    tlv_put(&w, 0x5F29, "\x00", 1);
    tlv_put(&w, 0x42, "UTCA00001", 9);
    size_t mark = tlv_open(&w, 0x7F49);
    if (rsa_bits != NULL) {
        unsigned bits = (unsigned)atoi(rsa_bits);
        uint8_t number[] = {(uint8_t)(bits >> 8), (uint8_t)bits};
        tlv_put(&w, 0x06, "\x04\x00\x7F\x00\x07\x02\x02\x02\x01\x02", 10);
        tlv_put(&w, 0x02, number, sizeof number);
    } else {
        crypto_ec_params(curve, &p);
        tlv_put(&w, 0x06, "\x04\x00\x7F\x00\x07\x02\x02\x02\x02\x03", 10);
        tlv_put(&w, 0x81, p.p, p.field_len);
        tlv_put(&w, 0x82, p.a, p.field_len);
        tlv_put(&w, 0x83, p.b, p.field_len);
        tlv_put(&w, 0x84, p.g, 1 + 2 * p.field_len);
        tlv_put(&w, 0x85, p.n, p.order_len);
        tlv_put(&w, 0x87, "\x01", 1);
    }
    tlv_close(&w, mark);
    tlv_put(&w, 0x5F20, "UTBENCH00001", 12);
    return extended(0x00, 0x46, id, 0x00, body, w.len);
}

static void run(const char *name, int n, struct command c) { measure(name, n, send, &c); }

static void once(struct command c) { send(&c); }

static void set_up(void) {
    once(plain(
        "80 50 00 00 1C 80 02 00 01 81 06 36 34 38 32 31 39 82 08 35 37 36 32 31 38 38 30 91 01 03 92 01 01",
        0x9000));
    once(plain("00 20 00 81 06 36 34 38 32 31 39", 0x9000));
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--vpcd") == 0) {
        link_open_vpcd((uint16_t)atoi(argv[2]));
    } else if (argc == 3 && strcmp(argv[1], "--pcsc") == 0) {
        link_open_pcsc(argv[2]);
    } else {
        fail("usage: bench_card --vpcd PORT | --pcsc READER");
    }
    uint8_t data[1100];
    memset(data, 0x5A, sizeof data);
    set_up();

    struct command select = plain("00 A4 04 00 0B E8 2B 06 01 04 01 81 C3 1F 02 01 00", 0x9000);
    struct command verify = plain("00 20 00 81 06 36 34 38 32 31 39", 0x9000);
    run("null APDU", 5000, plain("00 FE 00 00", 0x6D00));
    run("SELECT", 2000, select);
    run("VERIFY", 60, verify);
    run("GET CHALLENGE 32", 2000, plain("00 84 00 00 20", 0x9000));

    run("generate P-256", 40, generate(KEY_P256, NULL, CRYPTO_SECP256R1));
    run("generate P-384", 20, generate(KEY_P384, NULL, CRYPTO_SECP384R1));
    run("generate RSA-2048", 7, generate(KEY_RSA2048, "2048", CRYPTO_CURVE_NONE));
    once(generate(KEY_RSA4096, "4096", CRYPTO_CURVE_NONE));
    once(plain("00 48 05 B2", 0x9000));

    run("sign P-256", 1000, extended(0x80, 0x68, KEY_P256, 0x70, data, 32));
    run("sign P-384", 500, extended(0x80, 0x68, KEY_P384, 0x70, data, 48));
    struct crypto_ec_params p256;
    crypto_ec_params(CRYPTO_SECP256R1, &p256);
    run("ECDH P-256", 500, extended(0x80, 0x62, KEY_P256, 0x80, p256.g, 65));
    data[0] = 0x00;
    run("sign RSA-2048", 200, extended(0x80, 0x68, KEY_RSA2048, 0x20, data, 256));
    run("sign RSA-4096", 40, extended(0x80, 0x68, KEY_RSA4096, 0x20, data, 512));
    run("AES-CBC 1 KiB", 2000, extended(0x80, 0x78, KEY_AES, 0x10, data, 1024));

    uint8_t update[1100];
    struct writer w;
    writer_init(&w, update, sizeof update);
    tlv_put(&w, 0x54, "\x00\x00", 2);
    tlv_put(&w, 0x53, data, 1024);
    struct command write = extended(0x00, 0xD7, 0xCF, 0x01, update, w.len);
    measure("write 1 KiB", 100, send_changed, &write);
    run("read 1 KiB", 2000, extended(0x00, 0xB1, 0xCF, 0x01, (const uint8_t *)"\x54\x02\x00\x00", 4));
    link_close();
    return 0;
}
