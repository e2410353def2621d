// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// What can go wrong with a flash besides power: blocks that refuse, rot, a full store, foreign or damaged
// content, uneven wear; and what must not be found in it: values that are no longer valid.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/flash.h"
#include "tests/support/flash_sim.h"
#include "tests/support/store_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct flash_store fs;
static uint8_t value[STORE_VALUE_MAX];
static uint8_t buffer[STORE_VALUE_MAX];

static const struct store_profile usual = {.changes_max = 5,
                                           .value_max = 1500,
                                           .delete_percent = 10,
                                           .range_percent = 3,
                                           .patch_percent = 20,
                                           .abort_percent = 5};

static struct flash_sim *new_store(uint32_t blocks, uint64_t seed) {
    struct flash_sim *sim = flash_sim_new(blocks, seed);
    assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 0xC0FFEE), 0);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    return sim;
}

static void put(uint16_t id, const void *data, size_t len) {
    assert_int_equal(store_begin(&fs.base), 0);
    assert_int_equal(store_put(&fs.base, id, data, len), 0);
    assert_int_equal(store_commit(&fs.base), 0);
}

static int try_put(uint16_t id, size_t len) {
    assert_int_equal(store_begin(&fs.base), 0);
    int result = store_put(&fs.base, id, value, len);
    int committed = store_commit(&fs.base);
    assert_int_equal(result, committed);
    return result;
}

/* Capacity */

// 300 EC keys: a sealed key, a certificate and a description each.
static void test_holds_300_ec_keys(void **state) {
    (void)state;
    struct flash_sim *sim = new_store(128, 1);
    uint32_t keys = 0;
    put(0x2F02, value, 1500);
    put(0x0001, value, 100);
    for (; keys < 1000; keys++) {
        assert_int_equal(store_begin(&fs.base), 0);
        int result = store_put(&fs.base, (uint16_t)(0x1000 + keys), value, 250);
        result = result == 0 ? store_put(&fs.base, (uint16_t)(0x2000 + keys), value, 600) : result;
        result = result == 0 ? store_put(&fs.base, (uint16_t)(0x3000 + keys), value, 60) : result;
        int committed = store_commit(&fs.base);
        if (result != 0) {
            assert_int_equal(result, STORE_ERR_FULL);
            assert_int_equal(committed, STORE_ERR_FULL);
            break;
        }
    }
    print_message("512 KiB hold %" PRIu32 " EC keys of 250 + 600 + 60 bytes\n", keys);
    assert_true(keys >= 300);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    size_t len = 0;
    for (uint32_t i = 0; i < keys; i++) {
        assert_int_equal(store_get(&fs.base, (uint16_t)(0x2000 + i), 0, buffer, sizeof buffer, &len), 0);
        assert_int_equal(len, 600);
    }
    flash_sim_free(sim);
}

static void test_holds_38_rsa_keys(void **state) {
    (void)state;
    struct flash_sim *sim = new_store(128, 1);
    uint32_t keys = 0;
    for (; keys < 1000; keys++) {
        if (try_put((uint16_t)(0x1000 + keys), 1100) != 0 || try_put((uint16_t)(0x2000 + keys), 1200) != 0 ||
            try_put((uint16_t)(0x3000 + keys), 60) != 0) {
            break;
        }
    }
    print_message("512 KiB hold %" PRIu32 " RSA-2048 keys of 1100 + 1200 + 60 bytes\n", keys);
    assert_true(keys >= 38);
    flash_sim_free(sim);
}

/* A full store */

static uint32_t fill_up(size_t len) {
    uint32_t records = 0;
    while (try_put((uint16_t)(0x100 + records), len) == 0) {
        records++;
    }
    return records;
}

static void full_store(uint32_t blocks, size_t len) {
    struct flash_sim *sim = new_store(blocks, len);
    struct store_usage usage;
    store_random_fill(&(struct store_random){len}, value, sizeof value);
    put(1, value, 100); // a retry counter
    uint32_t records = fill_up(len);
    assert_int_equal(store_usage(&fs.base, &usage), 0);
    assert_int_equal(usage.records, records + 1);
    // Small records can be changed on, in any number.
    for (uint32_t i = 0; i < 2000; i++) {
        put(1, &value[i % 50], 100);
        assert_int_equal(try_put((uint16_t)(0x100 + records), len), STORE_ERR_FULL);
    }
    // Replacing by something as long, too.
    for (uint32_t i = 0; i < records && len < 4000; i++) {
        assert_int_equal(try_put((uint16_t)(0x100 + i), len), 0);
    }
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    for (uint32_t i = 0; i < records; i++) {
        size_t got = 0;
        assert_int_equal(store_get(&fs.base, (uint16_t)(0x100 + i), 0, buffer, sizeof buffer, &got), 0);
        assert_int_equal(got, len);
        assert_memory_equal(buffer, value, len);
    }
    // INITIALIZE: all goes, and some small files come, in one transaction.
    assert_int_equal(store_begin(&fs.base), 0);
    assert_int_equal(store_del_range(&fs.base, 0x100, 0xFFFE), 0);
    for (uint16_t i = 0; i < 12; i++) {
        assert_int_equal(store_put(&fs.base, (uint16_t)(0x4000 + i), value, 200), 0);
    }
    assert_int_equal(store_commit(&fs.base), 0);
    uint32_t again = fill_up(len);
    // Less what the small ones take now: 12 times 224 bytes, and 24 for each one's deletion.
    assert_true(again + 12 * 248 / ((24 + len + 7) / 8 * 8 + 24) + 2 >= records);
    // Every single record can be deleted, all in one transaction.
    assert_int_equal(store_begin(&fs.base), 0);
    uint16_t id = 0;
    while (store_next(&fs.base, id, &id) == 0) {
        assert_int_equal(store_del(&fs.base, id), 0);
    }
    assert_int_equal(store_commit(&fs.base), 0);
    assert_int_equal(store_usage(&fs.base, &usage), 0);
    assert_int_equal(usage.records, 0);
    assert_int_equal(usage.used, 0);
    flash_sim_free(sim);
}

static void test_full(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 60, 230, 480, 481, 900, 4000, 60000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        full_store(128, lengths[i]);
        if (lengths[i] < 4000) {
            full_store(16, lengths[i]);
        }
    }
}

/* Wear */

static void wear(uint32_t cold_records, uint32_t hot_records, uint32_t transactions) {
    struct flash_sim *sim = new_store(64, cold_records);
    struct store_random random = {store_random_run_seed(9)};
    for (uint32_t i = 0; i < cold_records; i++) {
        put((uint16_t)(0x1000 + i), value, 900);
    }
    for (uint32_t i = 0; i < transactions; i++) {
        put((uint16_t)(1 + store_random_below(&random, hot_records)), value,
            20 + store_random_below(&random, 400));
    }
    uint64_t sum = 0;
    uint32_t most = 0;
    for (uint32_t b = 0; b < 64; b++) {
        uint32_t erases = flash_sim_block_erases(sim, b);
        sum += erases;
        most = erases > most ? erases : most;
    }
    struct flash_wear told;
    flash_store_wear(&fs, &told);
    print_message("%" PRIu32 " cold records, %" PRIu32 " transactions: %.1f erases a block, at most %" PRIu32
                  "\n",
                  cold_records, transactions, (double)sum / 64, most);
    assert_true(sum / 64 >= 20); // long enough to mean something
    assert_true(most <= 2 * sum / 64);
    assert_int_equal(told.erases_max, most);
    assert_int_equal(told.erases_mean, sum / 64);
    flash_sim_free(sim);
}

static void test_wear(void **state) {
    (void)state;
    wear(0, 10, 30000);
    wear(60, 10, 30000);
    wear(140, 3, 30000);
}

/* Blocks that refuse */

static void bad_blocks(uint64_t seed, uint32_t blocks, uint32_t ids, uint32_t count) {
    struct flash_sim *sim = new_store(blocks, seed);
    struct store_model model;
    struct store_random random = {seed};
    store_model_init(&model, ids);
    for (uint32_t i = 0; i < 1200; i++) {
        if (i % 50 == 49 && i / 50 < count) {
            uint32_t block = store_random_below(&random, blocks);
            if (store_random_below(&random, 2) == 0) {
                flash_sim_refuse_erase(sim, block, store_random_below(&random, 2) == 0);
            } else {
                flash_sim_refuse_program(sim, block, store_random_below(&random, 2) == 0);
            }
        }
        if (store_model_step(&model, &fs.base, &usual, &random) != STORE_MODEL_OK ||
            (i % 20 == 0 && !store_model_equals(&model, &fs.base, false, true)) ||
            (i % 60 == 59 && (flash_store_mount(&fs, flash_sim_device(sim)) != 0 ||
                              !store_model_equals(&model, &fs.base, false, true)))) {
            print_error("wrong at transaction %" PRIu32 " of seed %" PRIu64 "\n", i, seed);
            fail();
        }
    }
    struct flash_wear told;
    flash_store_wear(&fs, &told);
    assert_true(told.bad_blocks <= count);
    store_model_free(&model);
    flash_sim_free(sim);
}

static void test_bad_blocks(void **state) {
    (void)state;
    uint64_t seed = store_random_run_seed(31);
    for (uint64_t i = 0; i < 12; i++) {
        bad_blocks(seed + i, 32, 30, 8);
        bad_blocks(seed + i, 128, 250, 20);
    }
    print_message("24 runs with up to 20 blocks failing\n");
}

static void test_bad_block_at_format(void **state) {
    (void)state;
    for (uint32_t bad = 0; bad < 4; bad++) {
        struct flash_sim *sim = flash_sim_new(20, bad);
        flash_sim_refuse_erase(sim, bad, true);
        flash_sim_bytes(sim)[bad * NOR_BLOCK_SIZE + 100] = 0; // else the refused erase would not show
        flash_sim_refuse_program(sim, (bad * 5 + 1) % 20, bad % 2 == 0);
        assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 1), 0);
        assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
        struct flash_wear told;
        flash_store_wear(&fs, &told);
        assert_int_equal(told.bad_blocks, 2);
        put(1, "x", 1);
        flash_sim_free(sim);
    }
    struct flash_sim *sim = flash_sim_new(16, 1);
    for (uint32_t b = 0; b < 8; b++) {
        flash_sim_refuse_program(sim, b, true);
    }
    assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 1), STORE_ERR_IO);
    flash_sim_free(sim);
}

/* Rot */

// Where the value lies in flash; fails if it is not there exactly once.
static uint32_t find_bytes(struct flash_sim *sim, const uint8_t *bytes, size_t len, uint32_t *count) {
    const uint8_t *flash = flash_sim_bytes(sim);
    uint32_t size = flash_sim_device(sim)->size;
    uint32_t found = 0;
    *count = 0;
    for (uint32_t at = 0; at + len <= size; at++) {
        if (memcmp(flash + at, bytes, len) == 0) {
            found = at;
            ++*count;
        }
    }
    return found;
}

// Damages one record with `bits` wrong bits in its header or its value; every other record must stay as it
// is, and the damaged one must be right, or said to be damaged, or (with a header beyond repair) be missing.
static void rot_one(uint64_t seed, unsigned bits, bool header) {
    enum { RECORDS = 60 };
    struct flash_sim *sim = new_store(20, seed);
    struct store_random random = {seed};
    static uint8_t values[RECORDS][300];
    for (uint32_t i = 0; i < RECORDS; i++) {
        store_random_fill(&random, values[i], sizeof values[i]);
        put((uint16_t)(100 + i), values[i], sizeof values[i]);
    }
    uint32_t victim = store_random_below(&random, RECORDS);
    uint32_t count = 0;
    uint32_t at = find_bytes(sim, values[victim], sizeof values[victim], &count);
    assert_int_equal(count, 1);
    if (header) {
        flash_sim_rot(sim, at - 24, 24, bits);
    } else {
        flash_sim_rot(sim, at, sizeof values[victim], bits);
    }
    int outcome = 0;
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
        for (uint32_t i = 0; i < RECORDS; i++) {
            size_t len = 0;
            int result = store_get(&fs.base, (uint16_t)(100 + i), 0, buffer, sizeof buffer, &len);
            if (i != victim || result == 0) {
                assert_int_equal(result, 0);
                assert_int_equal(len, sizeof values[i]);
                assert_memory_equal(buffer, values[i], sizeof values[i]);
            }
            if (i == victim) {
                outcome = result;
            }
        }
        // Stays so when the record is moved by garbage collection.
        for (int i = 0; i < 250; i++) {
            put(1, value, 400);
        }
    }
    if (bits == 0 || (header && bits <= 2)) {
        assert_int_equal(outcome, 0);
    } else if (!header && bits == 1) {
        assert_int_equal(outcome, STORE_ERR_CORRUPT);
    } else {
        assert_true(outcome == 0 || outcome == STORE_ERR_CORRUPT || outcome == STORE_ERR_NOT_FOUND);
    }
    // It can be replaced or deleted.
    if (outcome != STORE_ERR_NOT_FOUND && seed % 2 == 0) {
        assert_int_equal(store_begin(&fs.base), 0);
        assert_int_equal(store_del(&fs.base, (uint16_t)(100 + victim)), 0);
        assert_int_equal(store_commit(&fs.base), 0);
    }
    put((uint16_t)(100 + victim), "new", 3);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    size_t len = 0;
    assert_int_equal(store_get(&fs.base, (uint16_t)(100 + victim), 0, buffer, sizeof buffer, &len), 0);
    assert_int_equal(len, 3);
    flash_sim_free(sim);
}

static void test_rot(void **state) {
    (void)state;
    uint64_t seed = store_random_run_seed(77);
    uint32_t cases = 0;
    for (uint64_t i = 0; i < 12; i++) {
        static const unsigned bits[] = {0, 1, 2, 3, 5, 17, 60};
        for (size_t b = 0; b < sizeof bits / sizeof bits[0]; b++) {
            rot_one(seed + i, bits[b], false);
            rot_one(seed + i, bits[b], true);
            cases += 2;
        }
    }
    print_message("%" PRIu32 " rotten records\n", cases);
}

// The header of a block can lose bits, too.
static void test_rot_in_block_header(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct flash_sim *sim = new_store(20, seed);
        struct store_model model;
        struct store_random random = {seed};
        store_model_init(&model, 40);
        for (int i = 0; i < 150; i++) {
            assert_int_equal(store_model_step(&model, &fs.base, &usual, &random), STORE_MODEL_OK);
        }
        uint32_t block = (uint32_t)(seed % 20);
        // Up to two bits are put right; beyond that the records are still read.
        unsigned bits = (unsigned)(seed / 20 == 0 ? seed % 3 : 8);
        flash_sim_rot(sim, block * NOR_BLOCK_SIZE, 24, bits);
        assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
        assert_true(store_model_equals(&model, &fs.base, false, true));
        for (int i = 0; i < 150; i++) {
            assert_int_equal(store_model_step(&model, &fs.base, &usual, &random), STORE_MODEL_OK);
        }
        assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
        assert_true(store_model_equals(&model, &fs.base, false, true));
        store_model_free(&model);
        flash_sim_free(sim);
    }
}

/* What is not a store */

static void assert_mount_refused(struct flash_sim *sim, int expected) {
    uint32_t size = flash_sim_device(sim)->size;
    uint8_t *before = malloc(size);
    assert_non_null(before);
    flash_sim_save(sim, before);
    int result = flash_store_mount(&fs, flash_sim_device(sim));
    if (expected != 0) {
        assert_int_equal(result, expected);
    } else {
        assert_true(result == STORE_ERR_FOREIGN || result == STORE_ERR_CORRUPT);
    }
    assert_memory_equal(before, flash_sim_bytes(sim), size);
    free(before);
}

static void test_foreign(void **state) {
    (void)state;
    bool blank = false;
    struct flash_sim *sim = flash_sim_new(32, 1);
    uint32_t size = flash_sim_device(sim)->size;
    assert_mount_refused(sim, STORE_ERR_FOREIGN);
    assert_int_equal(flash_store_is_blank(flash_sim_device(sim), &blank), 0);
    assert_true(blank);
    // One cleared bit, and it is not blank, unless it could be the trace of a format that was cut.
    for (uint32_t at = 1; at < size; at += 4099) {
        if (at % NOR_BLOCK_SIZE >= 8 && at % NOR_BLOCK_SIZE < 24) {
            continue;
        }
        flash_sim_bytes(sim)[at] = 0xBF;
        assert_int_equal(flash_store_is_blank(flash_sim_device(sim), &blank), 0);
        assert_false(blank);
        assert_mount_refused(sim, STORE_ERR_FOREIGN);
        flash_sim_bytes(sim)[at] = 0xFF;
    }
    memset(flash_sim_bytes(sim), 0, size);
    assert_mount_refused(sim, STORE_ERR_FOREIGN);
    store_random_fill(&(struct store_random){5}, flash_sim_bytes(sim), size);
    assert_mount_refused(sim, STORE_ERR_FOREIGN);
    flash_sim_free(sim);
    // A store in a region of another size.
    sim = new_store(32, 1);
    struct nor_device half = *flash_sim_device(sim);
    half.size /= 2;
    assert_int_equal(flash_store_mount(&fs, &half), STORE_ERR_FOREIGN);
    half.size = NOR_BLOCK_SIZE * 15;
    assert_int_equal(flash_store_mount(&fs, &half), STORE_ERR_INVALID);
    assert_int_equal(flash_store_format(&fs, &half, 1), STORE_ERR_INVALID);
    assert_int_equal(flash_store_is_blank(&half, &blank), STORE_ERR_INVALID);
    half.size = NOR_BLOCK_SIZE * 129;
    assert_int_equal(flash_store_mount(&fs, &half), STORE_ERR_INVALID);
    half.size = NOR_BLOCK_SIZE * 20 + 1;
    assert_int_equal(flash_store_mount(&fs, &half), STORE_ERR_INVALID);
    flash_sim_free(sim);
}

static void test_overwritten(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct flash_sim *sim = new_store(32, seed);
        struct store_random random = {seed};
        for (uint16_t i = 1; i < 60; i++) {
            put(i, value, 700);
        }
        // Somebody else's data over a third of the region, from any place on.
        uint32_t size = flash_sim_device(sim)->size;
        uint32_t at = store_random_below(&random, size * 2 / 3);
        store_random_fill(&random, flash_sim_bytes(sim) + at, size / 3);
        assert_mount_refused(sim, 0);
        flash_sim_free(sim);
    }
}

// Whatever lies in flash: an answer, no crash, no endless loop. (Run with the sanitizers it finds more.)
static void test_fuzzed(void **state) {
    (void)state;
    uint64_t seed = store_random_run_seed(123);
    uint32_t mounted = 0;
    enum { CASES = 600 };
    struct flash_sim *sim = new_store(16, seed);
    struct store_model model;
    struct store_random random = {seed};
    uint8_t *image = malloc(flash_sim_device(sim)->size);
    assert_non_null(image);
    store_model_init(&model, 40);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(store_model_step(&model, &fs.base, &usual, &random), STORE_MODEL_OK);
    }
    flash_sim_save(sim, image);
    for (int i = 0; i < CASES; i++) {
        flash_sim_load(sim, image);
        flash_sim_seed(sim, seed + (uint64_t)i);
        flash_sim_rot(sim, 0, flash_sim_device(sim)->size, 1u << store_random_below(&random, 14));
        if (flash_store_mount(&fs, flash_sim_device(sim)) == 0) {
            mounted++;
            uint16_t id = 0;
            while (store_next(&fs.base, id, &id) == 0) {
                size_t len = 0;
                (void)store_get(&fs.base, id, 0, buffer, sizeof buffer, &len);
                assert_true(len <= sizeof buffer);
            }
            struct store_model other;
            store_model_init(&other, 40);
            for (int j = 0; j < 5; j++) {
                // Only that it answers: the model knows nothing of the damage.
                if (store_begin(&fs.base) == 0) {
                    (void)store_put(&fs.base, (uint16_t)(0x101 + j), value, 300);
                    (void)store_commit(&fs.base);
                }
            }
            store_model_free(&other);
        }
    }
    print_message("%d damaged regions, %" PRIu32 " of them mounted\n", CASES, mounted);
    assert_true(mounted > 0);
    store_model_free(&model);
    free(image);
    flash_sim_free(sim);
}

/* Superseded values */

// Each version of each value starts with a mark of its own; after each commit, only the valid ones are in
// flash.
static void test_superseded_values_are_gone(void **state) {
    (void)state;
    enum { IDS = 12, STEPS = 400 };
    struct flash_sim *sim = new_store(16, 4);
    struct store_random random = {store_random_run_seed(4)};
    uint8_t current[IDS][32];
    bool exists[IDS] = {false};
    uint32_t checks = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = store_random_below(&random, IDS);
        uint8_t old[32];
        bool had = exists[i];
        memcpy(old, current[i], sizeof old);
        bool dies = store_random_below(&random, 4) == 0;
        uint8_t aborted[32];
        store_random_fill(&random, aborted, sizeof aborted);
        memcpy(value, aborted, sizeof aborted);
        assert_int_equal(store_begin(&fs.base), 0);
        assert_int_equal(store_put(&fs.base, (uint16_t)(1 + i), value, 700), 0);
        bool aborts = store_random_below(&random, 4) == 0;
        if (aborts) {
            assert_int_equal(store_abort(&fs.base), 0);
            assert_int_equal(store_begin(&fs.base), 0);
        }
        if (dies && had) {
            assert_int_equal(store_del(&fs.base, (uint16_t)(1 + i)), 0);
            exists[i] = false;
        } else {
            store_random_fill(&random, current[i], sizeof current[i]);
            memcpy(value, current[i], sizeof current[i]);
            assert_int_equal(
                store_put(&fs.base, (uint16_t)(1 + i), value, 40 + store_random_below(&random, 900)), 0);
            exists[i] = true;
        }
        assert_int_equal(store_commit(&fs.base), 0);
        uint32_t count = 0;
        (void)find_bytes(sim, aborted, sizeof aborted, &count);
        assert_int_equal(count, 0);
        if (had) {
            (void)find_bytes(sim, old, sizeof old, &count);
            assert_int_equal(count, 0);
        }
        for (uint32_t j = 0; j < IDS; j++) {
            if (exists[j] && j == i) {
                (void)find_bytes(sim, current[j], sizeof current[j], &count);
                assert_int_equal(count, 1);
            }
            checks++;
        }
    }
    print_message("%d transactions: no superseded value left\n", STEPS);
    assert_true(checks > 0);
    flash_sim_free(sim);
}

/* Failures of the device as a whole */

static void test_device_away(void **state) {
    (void)state;
    struct flash_sim *sim = new_store(16, 6);
    struct store_model model;
    struct store_random random = {6};
    uint32_t failures = 0;
    store_model_init(&model, 40);
    for (int i = 0; i < 400; i++) {
        bool fails = i % 3 == 2;
        if (fails) {
            flash_sim_cut_at(sim, store_random_below(&random, 12), FLASH_SIM_TORN_RANDOM);
        }
        enum store_model_result result = store_model_step(&model, &fs.base, &usual, &random);
        assert_int_not_equal(result, STORE_MODEL_WRONG);
        flash_sim_power_on(sim);
        // The cause is gone: the same store goes on, without a mount.
        if (result != STORE_MODEL_OK) {
            failures++;
            assert_int_equal(store_begin(&fs.base), 0);
            assert_int_equal(store_commit(&fs.base), 0);
            if (result == STORE_MODEL_EITHER && !store_model_equals(&model, &fs.base, false, false)) {
                store_model_accept(&model);
            }
        }
        assert_true(store_model_equals(&model, &fs.base, false, true));
    }
    print_message("%" PRIu32 " failures of the device\n", failures);
    assert_true(failures > 20);
    store_model_free(&model);
    flash_sim_free(sim);
}

/* Torn erases */

// Many values die here, so that the blocks being erased are full of records that must not come back.
static void test_torn_erases(void **state) {
    (void)state;
    static const struct store_profile deleting = {.changes_max = 6,
                                                  .value_max = 200,
                                                  .delete_percent = 45,
                                                  .range_percent = 5,
                                                  .patch_percent = 5,
                                                  .abort_percent = 2};
    uint64_t seed = store_random_run_seed(55);
    struct flash_sim *sim = new_store(16, seed);
    struct store_model model;
    struct store_random random = {seed};
    uint32_t cuts = 0;
    store_model_init(&model, 120);
    for (uint32_t i = 0; i < 12000; i++) {
        if (!flash_sim_is_off(sim) && i % 8 == 0) {
            flash_sim_cut_at_erase(sim, 0, FLASH_SIM_TORN_RANDOM);
        }
        enum store_model_result result = store_model_step(&model, &fs.base, &deleting, &random);
        bool good = result != STORE_MODEL_WRONG;
        if (good && flash_sim_is_off(sim)) {
            cuts++;
            flash_sim_power_on(sim);
            good = flash_store_mount(&fs, flash_sim_device(sim)) == 0;
            if (good && result == STORE_MODEL_EITHER && store_model_equals(&model, &fs.base, true, false)) {
                store_model_accept(&model);
            }
            good = good && store_model_equals(&model, &fs.base, false, true);
        }
        if (!good) {
            print_error("wrong after transaction %" PRIu32 " of seed %" PRIu64 "\n", i, seed);
            fail();
        }
    }
    print_message("%" PRIu32 " torn erases\n", cuts);
    assert_true(cuts > 300);
    store_model_free(&model);
    flash_sim_free(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_300_ec_keys),
        cmocka_unit_test(test_holds_38_rsa_keys),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_wear),
        cmocka_unit_test(test_bad_blocks),
        cmocka_unit_test(test_bad_block_at_format),
        cmocka_unit_test(test_rot),
        cmocka_unit_test(test_rot_in_block_header),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_fuzzed),
        cmocka_unit_test(test_superseded_values_are_gone),
        cmocka_unit_test(test_torn_erases),
        cmocka_unit_test(test_device_away),
    };
    return cmocka_run_group_tests_name("store: flash faults", tests, NULL, NULL);
}
