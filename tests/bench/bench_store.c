// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * What storage costs a card: the engine in this process over each backend, commands per second. PINs are
 * derived in one round, so that what is measured is the store. bench_store DIRECTORY     the SQLite file goes
 * there Prints a table. The flash is simulated; its time is what the counted erases, programs and reads take
 * on a usual serial NOR flash, beside which the processor's part is small.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "hsm/hsm.h"
#include "storage/flash.h"
#include "storage/memory.h"
#include "storage/sqlite.h"
#include "tests/bench/link.h"
#include "tests/support/card_fixture.h"
#include "tests/support/flash_sim.h"

#define FLASH_BLOCKS 128u /* 512 KiB, as the firmware has */

static struct hsm hsm;
static struct flash_sim *sim;

static int entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    (void)ctx;
    memset(out, 1, HSM_DEVICE_SECRET_LEN);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    (void)ctx;
    memset(out, 2, HSM_DEVICE_SERIAL_LEN);
}

static const struct hsm_platform platform = {
    .entropy = entropy, .device_secret = device_secret, .device_serial = device_serial, .pin_iterations = 1};

static void send(const char *hex) {
    uint8_t command[2048];
    static uint8_t response[HSM_RESPONSE_MAX];
    size_t len = card_hex(hex, command, sizeof command);
    size_t got = hsm_exchange(&hsm, command, len, response, sizeof response);
    if (response[got - 2] != 0x90 || response[got - 1] != 0x00) {
        fail("%.24s: status %02X%02X", hex, response[got - 2], response[got - 1]);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define EC_P256                                                                                              \
    "5F29 01 00 7F49 81 DA 06 0A 04007F00070202020203"                                                       \
    "81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"                                 \
    "82 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC"                                 \
    "83 20 5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"                                 \
    "84 41 046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                               \
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"                                       \
    "85 20 FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"                                 \
    "87 01 01 5F20 0C 555443555430303030303031"
#define GENERATE "00 46 01 00 00 00 F3 " EC_P256 " 00 00"
#define GENERATE_COUNTED "00 46 02 00 00 00 F9 " EC_P256 " 90 04 00 0F 42 40 00 00"
#define VERIFY "00 20 00 81 06 " CARD_PIN

struct operation {
    const char *name;
    const char *command;
    int runs;
};

static char write_1k[2 * 1100 + 64];

static const struct operation operations[] = {
    {"PIN verify", VERIFY, 300},
    {"key generation P-256, stored", GENERATE, 60},
    {"1 KiB file write", write_1k, 300},
    {"P-256 sign, use counter", "80 68 02 70 20 " CARD_DKEK " 00", 200},
};

#define OPERATIONS (sizeof operations / sizeof operations[0])

/* Seconds of flash time so far. */
static double flash_seconds(void) {
    struct flash_sim_counters c = flash_sim_counters(sim);
    return (double)flash_sim_nanoseconds(&c) / 1e9;
}

static void measure_store(struct store *store, bool flash, double rates[OPERATIONS]) {
    if (hsm_open(&hsm, &platform, store) != HSM_OK) {
        fail("the card does not open");
    }
    hsm_power_on(&hsm);
    send("80 50 00 00 19 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03");
    send(VERIFY);
    send(GENERATE_COUNTED);
    for (size_t i = 0; i < OPERATIONS; i++) {
        double start = flash ? flash_seconds() : now();
        double cpu = now();
        for (int n = 0; n < operations[i].runs; n++) {
            /* Another content each time: SQLite does not write what is there already. */
            snprintf(write_1k + strlen(write_1k) - 2, 3, "%02X", n & 0xFF);
            send(operations[i].command);
        }
        double took = flash ? flash_seconds() - start + (now() - cpu) : now() - start;
        rates[i] = operations[i].runs / took;
    }
    hsm_close(&hsm);
}

int main(int argc, char **argv) {
    char path[512];
    char message[STORE_SQLITE_MESSAGE_MAX];
    struct store *store;
    static struct flash_store flash;
    double memory[OPERATIONS];
    double sqlite[OPERATIONS];
    double nor[OPERATIONS];
    if (argc != 2) {
        fail("usage: bench_store DIRECTORY");
    }
    size_t at = (size_t)snprintf(write_1k, sizeof write_1k, "00 D7 CF 01 00 04 08 54 02 00 00 53 82 04 00 ");
    for (int i = 0; i < 1024; i++) {
        at += (size_t)snprintf(write_1k + at, sizeof write_1k - at, "%02X", i & 0xFF);
    }
    if (store_memory_open(&store) != STORE_OK) {
        fail("no memory");
    }
    measure_store(store, false, memory);
    store_close(store);
    snprintf(path, sizeof path, "%s/bench.db", argv[1]);
    if (store_sqlite_open(path, NULL, &store, message, sizeof message) != STORE_OK) {
        fail("%s", message);
    }
    measure_store(store, false, sqlite);
    store_close(store);
    sim = flash_sim_new(FLASH_BLOCKS, 1);
    if (flash_store_format(&flash, flash_sim_device(sim), 1) != STORE_OK ||
        flash_store_mount(&flash, flash_sim_device(sim)) != STORE_OK) {
        fail("the simulated flash does not mount");
    }
    flash_sim_reset_counters(sim);
    measure_store(&flash.base, true, nor);
    flash_sim_free(sim);

    printf("%-30s %12s %12s %18s %16s\n", "commands per second", "memory", "SQLite", "flash (simulated)",
           "SQLite / memory");
    for (size_t i = 0; i < OPERATIONS; i++) {
        printf("%-30s %12.0f %12.0f %18.1f %16.2f\n", operations[i].name, memory[i], sqlite[i], nor[i],
               sqlite[i] / memory[i]);
    }
    return 0;
}
