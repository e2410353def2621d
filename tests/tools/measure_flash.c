// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Measures the flash store on the simulated device, and prints the tables of docs/storage.md. Time is that of
// the device alone (tests/support/flash_sim.h); the processor's comes on top.

#include "storage/flash.h"
#include "tests/support/flash_sim.h"
#include "tests/support/store_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct flash_store fs;
static struct store_random random_numbers = {1};
static uint8_t value[STORE_VALUE_MAX];
static uint64_t payload; // bytes handed to put and patch

static void demand(int result) {
    if (result != 0) {
        (void)fprintf(stderr, "measure_flash: %s\n", store_error_text(result));
        exit(1);
    }
}

static void put(uint16_t id, size_t len) {
    store_random_fill(&random_numbers, value, len);
    demand(store_put(&fs.base, id, value, len));
    payload += len;
}

static void transaction(uint16_t id, size_t len) {
    demand(store_begin(&fs.base));
    put(id, len);
    demand(store_commit(&fs.base));
}

static void make_key(uint32_t key) {
    demand(store_begin(&fs.base));
    put((uint16_t)(0xCC00 + key), 250);
    put((uint16_t)(0xCE00 + key), 600);
    put((uint16_t)(0xC400 + key), 60);
    demand(store_commit(&fs.base));
}

static void verify_pin(uint32_t i) {
    (void)i;
    transaction(0x0001, 100);
    transaction(0x0001, 100);
}

static void use_counter(uint32_t i) { transaction((uint16_t)(0xCC00 + i % 10), 250); }

static void generate_key(uint32_t i) { make_key(20 + i % 10); }

static void delete_key(uint32_t i) {
    if (i % 2 == 0) {
        make_key(40);
        return;
    }
    demand(store_begin(&fs.base));
    demand(store_del(&fs.base, 0xCC28));
    demand(store_del(&fs.base, 0xCE28));
    demand(store_del(&fs.base, 0xC428));
    demand(store_commit(&fs.base));
}

// A file of 1 KiB, written as a client does: created empty, then in four pieces.
static void write_file(uint32_t i) {
    uint16_t id = (uint16_t)(0xCD00 + i % 8);
    transaction(id, 0);
    for (size_t offset = 0; offset < 1024; offset += 256) {
        store_random_fill(&random_numbers, value, 256);
        demand(store_begin(&fs.base));
        demand(store_patch(&fs.base, id, offset, value, 256));
        demand(store_commit(&fs.base));
        payload += 256;
    }
}

struct operation {
    const char *name;
    void (*run)(uint32_t i);
    uint32_t count;
};

static void measure(struct flash_sim *sim, const struct operation *operation) {
    uint64_t longest = 0;
    uint64_t total = 0;
    payload = 0;
    struct flash_sim_counters before = flash_sim_counters(sim);
    struct flash_sim_counters last = before;
    for (uint32_t i = 0; i < operation->count; i++) {
        operation->run(i);
        struct flash_sim_counters now = flash_sim_counters(sim);
        uint64_t took = flash_sim_nanoseconds(&now) - flash_sim_nanoseconds(&last);
        longest = took > longest ? took : longest;
        total += took;
        last = now;
    }
    double count = operation->count;
    uint64_t programmed = last.bytes_programmed - before.bytes_programmed;
    uint64_t erases = last.erases - before.erases;
    (void)printf(
        "| %s | %.2f | %.0f | %.1f | %.1f | %.1f | %.1f |\n", operation->name, (double)total / count / 1e6,
        (double)longest / 1e6, (double)(last.programs - before.programs) / count,
        count / (double)(erases == 0 ? 1 : erases), payload == 0 ? 0.0 : (double)programmed / (double)payload,
        payload == 0 ? 0.0 : (double)(erases * NOR_BLOCK_SIZE) / (double)payload);
}

static void fill(uint32_t keys) {
    for (uint32_t i = 0; i < keys; i++) {
        demand(store_begin(&fs.base));
        put((uint16_t)(0x1000 + i), 250);
        put((uint16_t)(0x2000 + i), 600);
        put((uint16_t)(0x3000 + i), 60);
        demand(store_commit(&fs.base));
    }
}

static struct flash_sim *new_store(void) {
    struct flash_sim *sim = flash_sim_new(128, 1);
    demand(flash_store_format(&fs, flash_sim_device(sim), 1));
    demand(flash_store_mount(&fs, flash_sim_device(sim)));
    return sim;
}

static void measure_operations(uint32_t keys) {
    static const struct operation operations[] = {
        {"PIN verification (2 transactions of 100 bytes)", verify_pin, 4000},
        {"signature with a use counter (250 bytes)", use_counter, 8000},
        {"key generation (250 + 600 + 60 bytes, replacing)", generate_key, 2000},
        {"key made, key deleted (half of each)", delete_key, 2000},
        {"file of 1 KiB in 4 pieces", write_file, 800},
    };
    struct flash_sim *sim = new_store();
    fill(keys);
    for (uint32_t i = 0; i < 10; i++) {
        use_counter(i);
        generate_key(i);
    }
    // To a steady state: every block has been written.
    for (uint32_t i = 0; i < 4000; i++) {
        use_counter(i);
    }
    struct store_usage usage;
    demand(store_usage(&fs.base, &usage));
    (void)printf("\n%u %% full (%" PRIu32 " records)\n\n",
                 (unsigned)((uint64_t)usage.used * 100 / usage.capacity), usage.records);
    (void)printf(
        "| operation | mean ms | longest ms | programs | operations per erase | bytes programmed per byte | "
        "bytes erased per byte |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        measure(sim, &operations[i]);
    }
    struct flash_wear wear;
    flash_store_wear(&fs, &wear);
    (void)printf("\nerases of a block: %" PRIu32 " to %" PRIu32 ", mean %" PRIu32 "\n", wear.erases_min,
                 wear.erases_max, wear.erases_mean);
    flash_sim_free(sim);
}

static void measure_mount(const char *name, uint32_t keys, bool cut) {
    struct flash_sim *sim = new_store();
    fill(keys);
    for (uint32_t i = 0; i < 6000; i++) {
        transaction(0x0001, 100);
    }
    if (cut) {
        demand(store_begin(&fs.base));
        put(0x0002, 3000);
        flash_sim_cut_at(sim, 6, FLASH_SIM_TORN_RANDOM);
        (void)store_commit(&fs.base);
        flash_sim_power_on(sim);
    }
    flash_sim_reset_counters(sim);
    demand(flash_store_mount(&fs, flash_sim_device(sim)));
    struct flash_sim_counters counters = flash_sim_counters(sim);
    (void)printf("| %s | %.2f | %.0f | %" PRIu64 " | %" PRIu64 " |\n", name,
                 (double)flash_sim_nanoseconds(&counters) / 1e6, (double)counters.bytes_read / 1024,
                 counters.programs, counters.erases);
    flash_sim_free(sim);
}

static void measure_wear(uint32_t keys) {
    struct flash_sim *sim = new_store();
    fill(keys);
    for (uint32_t i = 0; i < 200000; i++) {
        transaction((uint16_t)(1 + store_random_below(&random_numbers, 4)), 100);
    }
    struct flash_wear wear;
    flash_store_wear(&fs, &wear);
    (void)printf("| %" PRIu32 " | %" PRIu32 " | %" PRIu32 " | %" PRIu32 " | %.2f |\n", keys, wear.erases_min,
                 wear.erases_mean, wear.erases_max, (double)wear.erases_max / (double)wear.erases_mean);
    flash_sim_free(sim);
}

int main(void) {
    (void)printf("RAM: %zu bytes\n", sizeof(struct flash_store));
    measure_operations(0);
    measure_operations(200);
    measure_operations(330);
    (void)printf("\n| mount of 512 KiB | ms | KiB read | programs | erases |\n|---|---|---|---|---|\n");
    measure_mount("empty but for a retry counter", 0, false);
    measure_mount("200 EC keys", 200, false);
    measure_mount("330 EC keys", 330, false);
    measure_mount("200 EC keys, a transaction was cut", 200, true);
    (void)printf("\n| keys that stay | least erases | mean | most | most / mean |\n|---|---|---|---|---|\n");
    measure_wear(0);
    measure_wear(200);
    measure_wear(330);
    return 0;
}
