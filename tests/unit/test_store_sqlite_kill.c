// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// A process that commits transactions is killed by SIGKILL, at random moments and at chosen calls (before
// them, or in the middle of a write), again and again on the same card. Whatever it had acknowledged must be
// there; at most the one transaction under way may be there as well, and then wholly.
//
// TWINHSM_KILLS=n is the number of kills. TWINHSM_SEED replays the chosen ones; random moments depend on the
// machine.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/sqlite.h"
#include "tests/support/sqlite_fault_vfs.h"
#include "tests/support/store_backends.h"
#include "tests/support/store_random.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Transaction n writes n into the counter record and a value made from n into slot n % SLOTS, and deletes
// slot (n + SLOTS / 2) % SLOTS.
enum { SLOTS = 40, COUNTER_ID = 1, SLOT_ID = 0x4000, VALUE_MAX = 6000 };

static char directory[64];
static char path[96];

static size_t slot_value(uint64_t n, uint8_t *value) {
    struct store_random random = {n};
    size_t len = store_random_below(&random, n % 8 == 0 ? VALUE_MAX : 300);
    store_random_fill(&random, value, len);
    return len;
}

static int transaction(struct store *store, uint64_t n) {
    static uint8_t value[VALUE_MAX];
    size_t len = slot_value(n, value);
    if (store_begin(store) != 0 || store_put(store, COUNTER_ID, &n, sizeof n) != 0 ||
        store_put(store, (uint16_t)(SLOT_ID + n % SLOTS), value, len) != 0) {
        return -1;
    }
    int result = n % 3 == 0 ? store_del(store, (uint16_t)(SLOT_ID + (n + SLOTS / 2) % SLOTS)) : 0;
    if (result != 0 && result != STORE_ERR_NOT_FOUND) {
        return -1;
    }
    return store_commit(store);
}

// The child: commits and acknowledges until it is killed.
static void work(uint64_t from, int acknowledgements, bool chosen, uint64_t call, bool half) {
    struct store_sqlite_options options = {.vfs = SQLITE_FAULT_VFS_NAME};
    struct store *store = NULL;
    if (chosen) {
        sqlite_fault_kill_at(call, half);
    }
    if (store_sqlite_open(path, &options, &store, NULL, 0) != 0) {
        _exit(1);
    }
    for (uint64_t n = from;; n++) {
        if (transaction(store, n) != 0 || write(acknowledgements, &n, sizeof n) != (ssize_t)sizeof n) {
            _exit(2);
        }
    }
}

// Tells whether the slot holds what the transactions up to `n` have made of it.
static bool slot_is_right(struct store *store, uint64_t slot, uint64_t n) {
    static uint8_t expected[VALUE_MAX];
    static uint8_t got[VALUE_MAX + 1];
    size_t len = 0;
    int result = store_get(store, (uint16_t)(SLOT_ID + slot), 0, got, sizeof got, &len);
    for (uint64_t m = n; m > 0 && m + SLOTS > n; m--) {
        if (m % 3 == 0 && (m + SLOTS / 2) % SLOTS == slot) {
            return result == STORE_ERR_NOT_FOUND;
        }
        if (m % SLOTS == slot) {
            size_t expected_len = slot_value(m, expected);
            return result == 0 && len == expected_len && (len == 0 || memcmp(expected, got, len) == 0);
        }
    }
    return result == STORE_ERR_NOT_FOUND;
}

static bool check(uint64_t acknowledged, uint64_t *reached) {
    struct store *store = NULL;
    char message[STORE_SQLITE_MESSAGE_MAX];
    size_t len = 0;
    int result = store_sqlite_open(path, NULL, &store, message, sizeof message);
    if (result != 0) {
        print_error("%s\n", message);
        return false;
    }
    *reached = 0;
    result = store_get(store, COUNTER_ID, 0, reached, sizeof *reached, &len);
    bool good =
        (result == 0 && len == sizeof *reached) || (result == STORE_ERR_NOT_FOUND && acknowledged == 0);
    if (!good || *reached < acknowledged || *reached > acknowledged + 1) {
        print_error("acknowledged %" PRIu64 ", found %" PRIu64 "\n", acknowledged, *reached);
        good = false;
    }
    for (uint64_t slot = 0; slot < SLOTS && good; slot++) {
        good = slot_is_right(store, slot, *reached);
        if (!good) {
            print_error("slot %" PRIu64 " is wrong after transaction %" PRIu64 "\n", slot, *reached);
        }
    }
    store_close(store);
    return good;
}

struct outcome {
    uint64_t acknowledged; // the last one
    bool killed;
};

static struct outcome run_and_kill(uint64_t from, bool chosen, uint64_t call, bool half, long nanoseconds) {
    int ends[2];
    struct outcome outcome = {.acknowledged = from - 1};
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        work(from, ends[1], chosen, call, half);
    }
    (void)close(ends[1]);
    if (!chosen) {
        (void)nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
        (void)kill(child, SIGKILL);
    }
    uint64_t n = 0;
    while (read(ends[0], &n, sizeof n) == (ssize_t)sizeof n) {
        outcome.acknowledged = n;
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    outcome.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return outcome;
}

static void test_kills(void **state) {
    (void)state;
    struct store_random random = {store_random_run_seed(1000)};
    uint64_t kills = store_random_count("TWINHSM_KILLS", 600);
    uint64_t reached = 0;
    uint64_t acknowledged = 0;
    uint64_t unacknowledged = 0;
    uint64_t chosen_kills = 0;
    store_temporary_directory(directory, sizeof directory);
    (void)snprintf(path, sizeof path, "%s/card.db", directory);
    sqlite_fault_register();
    for (uint64_t i = 0; i < kills; i++) {
        bool chosen = i % 2 == 0;
        bool half = store_random_below(&random, 2) == 0;
        uint64_t call = store_random_below(&random, 160);
        long nanoseconds = (long)store_random_below(&random, 12000000);
        struct outcome outcome = run_and_kill(reached + 1, chosen, call, half, nanoseconds);
        assert_true(outcome.killed);
        if (!check(outcome.acknowledged, &reached)) {
            if (chosen) {
                print_error("kill %" PRIu64 ", at call %" PRIu64 "%s\n", i, call, half ? ", half done" : "");
            } else {
                print_error("kill %" PRIu64 ", after %ld ns\n", i, nanoseconds);
            }
            fail();
        }
        chosen_kills += chosen;
        unacknowledged += reached - outcome.acknowledged;
        acknowledged = reached;
    }
    print_message("%" PRIu64 " kills, %" PRIu64 " of them at chosen calls; %" PRIu64
                  " transactions acknowledged, none lost; %" PRIu64 " more found whole\n",
                  kills, chosen_kills, acknowledged - unacknowledged, unacknowledged);
    assert_true(acknowledged > kills);
    store_remove_directory(directory);
}

// Killed while the card is being created: the next start makes or finds a whole one.
static void test_kills_while_creating(void **state) {
    (void)state;
    uint64_t kills = 0;
    uint64_t created = 0;
    sqlite_fault_register();
    for (uint64_t call = 0; call < 60; call++) {
        for (int half = 0; half < 2; half++) {
            uint64_t reached = 0;
            store_temporary_directory(directory, sizeof directory);
            (void)snprintf(path, sizeof path, "%s/card.db", directory);
            struct outcome outcome = run_and_kill(1, true, call, half != 0, 0);
            assert_true(outcome.killed);
            created += access(path, F_OK) == 0;
            assert_true(check(outcome.acknowledged, &reached));
            kills++;
            store_remove_directory(directory);
        }
    }
    print_message("%" PRIu64 " kills while creating a card; it was there %" PRIu64 " times\n", kills,
                  created);
    assert_true(created > 10 && created < kills);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills),
        cmocka_unit_test(test_kills_while_creating),
    };
    return cmocka_run_group_tests_name("store: SQLite and SIGKILL", tests, NULL, NULL);
}
