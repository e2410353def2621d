// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Thousands of random transactions on every backend and on a plain model; both must hold the same, always.
// The seed is printed; TWINHSM_SEED=n replays. TWINHSM_RANDOM_LONG=n carries out n times as many
// transactions.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_backends.h"
#include "tests/support/store_model.h"

#include <inttypes.h>
#include <stdio.h>

struct setting {
    const char *name;
    uint32_t ids;
    uint32_t blocks; // of the flash
    uint32_t transactions;
    struct store_profile profile;
};

static const struct setting settings[] = {
    {"keys and certificates", 300, 128, 3000, {6, 2000, 10, 3, 25, 10}},
    {"a small flash", 60, 16, 3000, {4, 600, 12, 4, 25, 10}},
    {"a full flash", 1900, 128, 3000, {6, 4000, 4, 1, 20, 5}},
    {"large values", 30, 128, 300, {3, 65535, 10, 3, 50, 10}},
    {"many changes at once", 400, 64, 200, {200, 300, 20, 5, 20, 20}},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

struct test_case {
    const struct setting *setting;
    enum store_backend backend;
};

static void test_random(void **state) {
    const struct test_case *test_case = *state;
    const struct setting *setting = test_case->setting;
    uint64_t seed = store_random_run_seed(20261123);
    uint64_t count = setting->transactions * store_random_count("TWINHSM_RANDOM_LONG", 1);
    struct store_case store_case;
    struct store_model model;
    struct store_random random;
    store_case_open(&store_case, test_case->backend, setting->blocks);
    store_model_init(&model, setting->ids);
    store_random_seed(&random, seed);
    bool good = true;
    uint64_t done = 0;
    for (; done < count && good; done++) {
        good = store_model_step(&model, store_case.store, &setting->profile, &random) == STORE_MODEL_OK;
        if (good && done % 50 == 49) {
            if (done % 200 == 199) {
                store_case_reopen(&store_case);
            }
            good = store_model_equals(&model, store_case.store, false, true);
        }
        if (good && test_case->backend == STORE_BACKEND_FLASH && done % 7 == 0) {
            bool more = false;
            good = flash_store_tidy(&store_case.flash, &more) == 0;
        }
    }
    if (!good) {
        print_error("%s: wrong at transaction %" PRIu64 " of seed %" PRIu64 "\n",
                    store_backend_name(test_case->backend), done, seed);
    }
    print_message("%s: %" PRIu64 " transactions committed, %" PRIu64 " aborted, %" PRIu64
                  " found the store full\n",
                  store_backend_name(test_case->backend), model.transactions, model.aborted, model.full);
    store_model_free(&model);
    store_case_close(&store_case);
    assert_true(good);
}

int main(void) {
    static struct test_case cases[SETTINGS * STORE_BACKENDS];
    static char names[SETTINGS * STORE_BACKENDS][80];
    struct CMUnitTest tests[SETTINGS * STORE_BACKENDS];
    for (size_t i = 0; i < SETTINGS * STORE_BACKENDS; i++) {
        cases[i] =
            (struct test_case){&settings[i / STORE_BACKENDS], (enum store_backend)(i % STORE_BACKENDS)};
        (void)snprintf(names[i], sizeof names[i], "%s: %s", store_backend_name(cases[i].backend),
                       cases[i].setting->name);
        tests[i] =
            (struct CMUnitTest){.name = names[i], .test_func = test_random, .initial_state = &cases[i]};
    }
    return cmocka_run_group_tests_name("store: random transactions", tests, NULL, NULL);
}
