// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Power cuts on the flash store: at every program and every erase of a workload, with everything the
// interrupted operation may leave behind, and again at every operation of the recovery that follows.
//
// After a cut the store must mount; it must hold the state before the transaction or the one after it, and
// only the one before if commit had not been reached; it must take new transactions; and mounting once more
// must write nothing.
//
// A failure prints an id. TWINHSM_CUT=id runs that case alone. TWINHSM_POWERCUT_LONG=n tries n times as many
// transactions.

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

struct workload {
    const char *name;
    uint32_t blocks;
    uint32_t ids;
    uint32_t ageing;       // transactions before the first cut, to have garbage collection under way
    uint32_t transactions; // that are cut
    bool collecting;       // cut only transactions in which blocks are erased
    uint32_t
        bad_blocks; // that refuse erases, and as many that refuse programs, all from the end of ageing on
    struct store_profile profile;
};

static const struct workload workloads[] = {
    {.name = "small",
     .blocks = 16,
     .ids = 24,
     .ageing = 300,
     .transactions = 30,
     .profile = {.changes_max = 4,
                 .value_max = 700,
                 .delete_percent = 12,
                 .range_percent = 4,
                 .patch_percent = 25,
                 .abort_percent = 10}},
    {.name = "nearly-full",
     .blocks = 16,
     .ids = 90,
     .ageing = 900,
     .transactions = 25,
     .profile = {.changes_max = 3,
                 .value_max = 1500,
                 .delete_percent = 6,
                 .range_percent = 1,
                 .patch_percent = 30,
                 .abort_percent = 5}},
    {.name = "collecting",
     .blocks = 16,
     .ids = 90,
     .ageing = 900,
     .transactions = 8,
     .collecting = true,
     .profile = {.changes_max = 3,
                 .value_max = 1500,
                 .delete_percent = 6,
                 .range_percent = 1,
                 .patch_percent = 30,
                 .abort_percent = 5}},
    {.name = "large-values",
     .blocks = 24,
     .ids = 8,
     .ageing = 60,
     .transactions = 5,
     .profile = {.changes_max = 3,
                 .value_max = 9000,
                 .delete_percent = 10,
                 .range_percent = 3,
                 .patch_percent = 50,
                 .abort_percent = 10}},
    {.name = "bad-blocks",
     .blocks = 20,
     .ids = 40,
     .ageing = 400,
     .transactions = 20,
     .bad_blocks = 2,
     .profile = {.changes_max = 4,
                 .value_max = 700,
                 .delete_percent = 12,
                 .range_percent = 4,
                 .patch_percent = 25,
                 .abort_percent = 5}},
    {.name = "512-kib",
     .blocks = 128,
     .ids = 600,
     .ageing = 1500,
     .transactions = 3,
     .profile = {.changes_max = 5,
                 .value_max = 1400,
                 .delete_percent = 8,
                 .range_percent = 3,
                 .patch_percent = 15,
                 .abort_percent = 5}},
};
#define WORKLOADS (sizeof workloads / sizeof workloads[0])

// One case. second < 0: the recovery is not cut.
struct cut {
    uint32_t workload;
    uint64_t seed;
    uint32_t transaction;
    uint64_t operation;
    uint32_t torn;
    int64_t second;
};

// Everything that a transaction starts from.
struct moment {
    struct flash_store fs;
    struct store_model model;
    struct store_random random;
    uint8_t *image;
};

struct run {
    const struct workload *workload;
    struct flash_sim *sim;
    struct moment start;
    uint64_t cuts;
    uint64_t second_cuts;
    uint64_t before;
    uint64_t after;
    uint64_t erases; // in the uncut transactions: garbage collection is among what is cut
};

static bool replaying;
static struct cut wanted;

static void print_id(const struct cut *cut, const char *problem) {
    print_error("%s\nTWINHSM_CUT=%" PRIu32 ":%" PRIu64 ":%" PRIu32 ":%" PRIu64 ":%" PRIu32 ":%" PRId64
                " replays this case (workload %s)\n",
                problem, cut->workload, cut->seed, cut->transaction, cut->operation, cut->torn, cut->second,
                workloads[cut->workload].name);
}

static void restore(struct run *run, struct flash_store *fs, struct store_model *model,
                    struct store_random *random) {
    *fs = run->start.fs;
    *random = run->start.random;
    store_model_copy(model, &run->start.model);
    flash_sim_load(run->sim, run->start.image);
    flash_sim_power_on(run->sim);
}

// Mounts and finds out which state the store holds; false is a failure.
static bool mount_and_compare(struct run *run, struct flash_store *fs, const struct store_model *model,
                              enum store_model_result allowed, bool *is_after, const struct cut *cut) {
    int result = flash_store_mount(fs, flash_sim_device(run->sim));
    if (result != 0) {
        print_id(cut, store_error_text(result));
        return false;
    }
    *is_after = false;
    if (store_model_equals(model, &fs->base, false, false)) {
        return true;
    }
    if (allowed == STORE_MODEL_EITHER && store_model_equals(model, &fs->base, true, false)) {
        *is_after = true;
        return true;
    }
    (void)store_model_equals(model, &fs->base, false, true);
    print_id(cut, allowed == STORE_MODEL_EITHER ? "neither the state before nor the one after"
                                                : "not the state before");
    return false;
}

static bool goes_on(struct run *run, struct flash_store *fs, struct store_model *model, bool is_after,
                    struct store_random *random, const struct cut *cut) {
    if (is_after) {
        store_model_accept(model);
    }
    flash_sim_restart_operations(run->sim);
    struct flash_store again;
    // A block that refuses, found when no erased block was left to note it in, is tried again at each mount.
    if (flash_store_mount(&again, flash_sim_device(run->sim)) != 0 ||
        (flash_sim_operations(run->sim) != 0 && run->workload->bad_blocks == 0)) {
        print_id(cut, "a second mount after the recovery is not quiet");
        return false;
    }
    *fs = again;
    for (int i = 0; i < 2; i++) {
        if (store_model_step(model, &fs->base, &run->workload->profile, random) != STORE_MODEL_OK) {
            print_id(cut, "the store takes no new transaction");
            return false;
        }
    }
    if (!store_model_equals(model, &fs->base, false, true) ||
        flash_store_mount(fs, flash_sim_device(run->sim)) != 0 ||
        !store_model_equals(model, &fs->base, false, true)) {
        print_id(cut, "wrong after two more transactions");
        return false;
    }
    return true;
}

static uint64_t case_seed(const struct cut *cut) {
    struct store_random random = {cut->seed ^ (uint64_t)cut->transaction << 40 ^ cut->operation << 20 ^
                                  (uint64_t)cut->torn << 12 ^ (uint64_t)(cut->second + 1)};
    return store_random_next(&random);
}

// Cuts the transaction as `cut` says and checks. `*recovery` receives the number of operations of the
// recovery.
static bool try_cut(struct run *run, const struct cut *cut, uint64_t *recovery) {
    struct flash_store fs;
    struct store_model model;
    struct store_random random;
    struct cut first = *cut;
    first.second = -1;
    restore(run, &fs, &model, &random);
    flash_sim_seed(run->sim, case_seed(&first));
    flash_sim_cut_at(run->sim, cut->operation, (enum flash_sim_torn)cut->torn);
    enum store_model_result result = store_model_step(&model, &fs.base, &run->workload->profile, &random);
    bool good = flash_sim_is_off(run->sim) && result != STORE_MODEL_WRONG;
    if (!good) {
        print_id(cut, "the cut transaction ended in a wrong way");
    }
    // Acknowledged although power failed: only the clean-up was cut, and the state must be the one after.
    if (result == STORE_MODEL_OK) {
        result = STORE_MODEL_BEFORE;
    }
    flash_sim_power_on(run->sim);
    flash_sim_seed(run->sim, case_seed(cut));
    if (good && cut->second >= 0) {
        flash_sim_cut_at(run->sim, (uint64_t)cut->second, (enum flash_sim_torn)(cut->torn ^ 1u));
        good = flash_store_mount(&fs, flash_sim_device(run->sim)) != 0 && flash_sim_is_off(run->sim);
        if (!good) {
            print_id(cut, "the recovery did not notice that power failed");
        }
        flash_sim_power_on(run->sim);
        run->second_cuts++;
    } else {
        run->cuts++;
    }
    bool is_after = false;
    flash_sim_restart_operations(run->sim);
    good = good && mount_and_compare(run, &fs, &model, result, &is_after, cut);
    *recovery = flash_sim_operations(run->sim);
    if (is_after) {
        run->after++;
    } else {
        run->before++;
    }
    good = good && goes_on(run, &fs, &model, is_after, &random, cut);
    store_model_free(&model);
    return good;
}

static bool try_cuts_at(struct run *run, struct cut cut) {
    for (cut.torn = 0; cut.torn < FLASH_SIM_TORN_KINDS; cut.torn++) {
        uint64_t recovery = 0;
        cut.second = -1;
        if (!try_cut(run, &cut, &recovery)) {
            return false;
        }
        for (cut.second = 0; cut.second < (int64_t)recovery; cut.second++) {
            uint64_t ignored = 0;
            if (!try_cut(run, &cut, &ignored)) {
                return false;
            }
        }
    }
    return true;
}

static void take_moment(struct run *run, const struct flash_store *fs, const struct store_model *model,
                        const struct store_random *random) {
    store_model_free(&run->start.model);
    store_model_copy(&run->start.model, model);
    run->start.fs = *fs;
    run->start.random = *random;
    flash_sim_save(run->sim, run->start.image);
}

static bool run_workload(struct run *run, struct cut cut, uint32_t transactions) {
    struct flash_store fs;
    struct store_model model;
    struct store_random random;
    const struct workload *workload = run->workload;
    store_random_seed(&random, cut.seed);
    store_model_init(&model, workload->ids);
    assert_int_equal(flash_store_format(&fs, flash_sim_device(run->sim), (uint32_t)cut.seed), 0);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(run->sim)), 0);
    bool good = true;
    for (uint32_t i = 0; i < workload->ageing && good; i++) {
        good = store_model_step(&model, &fs.base, &workload->profile, &random) == STORE_MODEL_OK;
    }
    for (uint32_t i = 0; i < workload->bad_blocks; i++) {
        uint32_t block = store_random_below(&random, workload->blocks);
        flash_sim_refuse_erase(run->sim, block, i % 2 == 0);
        flash_sim_refuse_program(run->sim, (block + 7) % workload->blocks, i % 2 != 0);
    }
    uint32_t tried = 0;
    for (cut.transaction = 0; tried < transactions && good; cut.transaction++) {
        take_moment(run, &fs, &model, &random);
        flash_sim_restart_operations(run->sim);
        flash_sim_reset_counters(run->sim);
        flash_sim_seed(run->sim, cut.seed + cut.transaction);
        good = store_model_step(&model, &fs.base, &workload->profile, &random) == STORE_MODEL_OK;
        uint64_t operations = flash_sim_operations(run->sim);
        uint64_t erases = flash_sim_counters(run->sim).erases;
        bool chosen = !workload->collecting || erases != 0 || replaying;
        tried += chosen;
        run->erases += chosen ? erases : 0;
        uint8_t *image = malloc(workload->blocks * (size_t)NOR_BLOCK_SIZE);
        assert_non_null(image);
        flash_sim_save(run->sim, image);
        if (!good) {
            print_id(&cut, "an uncut transaction went wrong");
        } else if (!replaying) {
            for (cut.operation = 0; chosen && cut.operation < operations && good; cut.operation++) {
                good = try_cuts_at(run, cut);
            }
        } else if (cut.transaction == wanted.transaction) {
            uint64_t ignored = 0;
            good = try_cut(run, &wanted, &ignored);
        }
        flash_sim_load(run->sim, image);
        flash_sim_power_on(run->sim);
        free(image);
    }
    store_model_free(&model);
    return good;
}

static void cut_workload(uint32_t number, uint64_t seed, uint32_t transactions) {
    struct run run = {.workload = &workloads[number]};
    run.sim = flash_sim_new(run.workload->blocks, seed);
    run.start.image = malloc(run.workload->blocks * (size_t)NOR_BLOCK_SIZE);
    assert_non_null(run.start.image);
    store_model_init(&run.start.model, run.workload->ids);
    bool good = run_workload(&run, (struct cut){.workload = number, .seed = seed}, transactions);
    print_message(
        "%s: %" PRIu64 " cuts in %" PRIu32 " transactions with %" PRIu64 " erases, %" PRIu64
        " second cuts in the recovery; %" PRIu64 " times the state before, %" PRIu64 " the one after\n",
        run.workload->name, run.cuts, transactions, run.erases, run.second_cuts, run.before, run.after);
    store_model_free(&run.start.model);
    free(run.start.image);
    flash_sim_free(run.sim);
    assert_true(good);
}

static void test_every_cut(void **state) {
    uint32_t number = *(uint32_t *)*state;
    if (replaying) {
        if (wanted.workload == number) {
            cut_workload(number, wanted.seed, wanted.transaction + 1);
        }
        return;
    }
    uint64_t factor = store_random_count("TWINHSM_POWERCUT_LONG", 1);
    uint64_t seed = store_random_run_seed(2026);
    cut_workload(number, seed, (uint32_t)(workloads[number].transactions * factor));
}

// A format of an erased flash that is cut short leaves a flash that counts as blank, and can be formatted.
static void test_cut_format(void **state) {
    (void)state;
    struct flash_store fs;
    uint64_t cuts = 0;
    for (uint64_t k = 0;; k++) {
        for (uint32_t torn = 0; torn < FLASH_SIM_TORN_KINDS; torn++) {
            struct flash_sim *sim = flash_sim_new(16, k * FLASH_SIM_TORN_KINDS + torn);
            bool blank = false;
            flash_sim_cut_at(sim, k, (enum flash_sim_torn)torn);
            int result = flash_store_format(&fs, flash_sim_device(sim), 77);
            if (!flash_sim_is_off(sim)) {
                assert_int_equal(result, 0);
                flash_sim_free(sim);
                print_message("format: %" PRIu64 " cuts\n", cuts);
                return;
            }
            cuts++;
            assert_int_equal(result, STORE_ERR_IO);
            flash_sim_power_on(sim);
            assert_int_equal(flash_store_is_blank(flash_sim_device(sim), &blank), 0);
            int mounted = flash_store_mount(&fs, flash_sim_device(sim));
            // Only the last step makes it a store.
            assert_true((mounted == 0 && !blank) || (mounted == STORE_ERR_FOREIGN && blank));
            assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 78), 0);
            assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
            flash_sim_free(sim);
        }
    }
}

// A format of a store that is cut short leaves the whole old store or none, never a part.
static void test_cut_reformat(void **state) {
    (void)state;
    struct flash_store fs;
    struct store_model model;
    struct store_random random;
    struct flash_sim *sim = flash_sim_new(16, 5);
    uint8_t *image = malloc(16 * (size_t)NOR_BLOCK_SIZE);
    assert_non_null(image);
    store_random_seed(&random, 5);
    store_model_init(&model, 60);
    assert_int_equal(flash_store_format(&fs, flash_sim_device(sim), 77), 0);
    assert_int_equal(flash_store_mount(&fs, flash_sim_device(sim)), 0);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(store_model_step(&model, &fs.base, &workloads[0].profile, &random), STORE_MODEL_OK);
    }
    flash_sim_save(sim, image);
    uint64_t kept = 0;
    uint64_t cuts = 0;
    for (uint64_t k = 0;; k++) {
        flash_sim_load(sim, image);
        flash_sim_cut_at(sim, k, (enum flash_sim_torn)(k % FLASH_SIM_TORN_KINDS));
        int result = flash_store_format(&fs, flash_sim_device(sim), 77);
        if (!flash_sim_is_off(sim)) {
            assert_int_equal(result, 0);
            break;
        }
        cuts++;
        flash_sim_power_on(sim);
        result = flash_store_mount(&fs, flash_sim_device(sim));
        if (result == 0 && fs.id_count != 0) {
            assert_true(store_model_equals(&model, &fs.base, false, true));
            kept++;
        } else {
            assert_true(result == 0 || result == STORE_ERR_FOREIGN || result == STORE_ERR_CORRUPT);
        }
    }
    print_message("reformat: %" PRIu64 " cuts, %" PRIu64 " times the old store was still whole\n", cuts,
                  kept);
    assert_true(kept > 0);
    store_model_free(&model);
    free(image);
    flash_sim_free(sim);
}

int main(void) {
    static uint32_t numbers[WORKLOADS];
    struct CMUnitTest tests[WORKLOADS + 2] = {
        cmocka_unit_test(test_cut_format),
        cmocka_unit_test(test_cut_reformat),
    };
    for (uint32_t i = 0; i < WORKLOADS; i++) {
        numbers[i] = i;
        tests[2 + i] = (struct CMUnitTest){
            .name = workloads[i].name, .test_func = test_every_cut, .initial_state = &numbers[i]};
    }
    const char *id = getenv("TWINHSM_CUT");
    if (id != NULL && *id != 0) {
        replaying = true;
        if (sscanf(id, "%" SCNu32 ":%" SCNu64 ":%" SCNu32 ":%" SCNu64 ":%" SCNu32 ":%" SCNd64,
                   &wanted.workload, &wanted.seed, &wanted.transaction, &wanted.operation, &wanted.torn,
                   &wanted.second) != 6) {
            print_error("TWINHSM_CUT is no id as printed by this test\n");
            return 2;
        }
    }
    return cmocka_run_group_tests_name("store: flash power cuts", tests, NULL, NULL);
}
