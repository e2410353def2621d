// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Measures the SQLite store in the directory given (the disk matters), and prints the table of
// docs/storage.md.

#include "storage/sqlite.h"
#include "tests/support/store_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct store *store;
static char path[512];
static struct store_random random_numbers = {1};
static uint8_t value[STORE_VALUE_MAX];

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void demand(int result) {
    if (result != 0) {
        (void)fprintf(stderr, "measure_sqlite: %s\n", store_error_text(result));
        exit(1);
    }
}

static void open_card(void) {
    char message[STORE_SQLITE_MESSAGE_MAX];
    if (store_sqlite_open(path, NULL, &store, message, sizeof message) != 0) {
        (void)fprintf(stderr, "%s\n", message);
        exit(1);
    }
}

static void put(uint16_t id, size_t len) {
    store_random_fill(&random_numbers, value, len);
    demand(store_begin(store));
    demand(store_put(store, id, value, len));
    demand(store_commit(store));
}

static void create(int i) {
    (void)i;
    store_close(store);
    (void)unlink(path);
    open_card();
}

static void make_keys(int i) {
    demand(store_begin(store));
    for (uint16_t key = 0; key < 100; key++) {
        store_random_fill(&random_numbers, value, 600);
        demand(store_put(store, (uint16_t)(0xCC00 + key), value, 250));
        demand(store_put(store, (uint16_t)(0xCE00 + key), value, 600));
        demand(store_put(store, (uint16_t)(0xC400 + key), value, 60));
    }
    demand(store_put(store, 0xCD00, value, STORE_VALUE_MAX));
    demand(store_commit(store));
    (void)i;
}

static void reopen(int i) {
    (void)i;
    store_close(store);
    open_card();
}

static void get(int i) {
    size_t len = 0;
    demand(store_get(store, (uint16_t)(0xCC00 + i % 100), 0, value, sizeof value, &len));
}

static void get_piece(int i) {
    size_t len = 0;
    demand(store_get(store, 0xCD00, (size_t)(i % 64) * 1024, value, 1024, &len));
}

static void commit_small(int i) {
    (void)i;
    put(1, 100);
}

static void commit_key(int i) { put((uint16_t)(0xCC00 + i % 100), 250); }

static void delete_key(int i) {
    put((uint16_t)(0xCB00 + i % 100), 250);
    demand(store_begin(store));
    demand(store_del(store, (uint16_t)(0xCB00 + i % 100)));
    demand(store_commit(store));
}

static void empty_commit(int i) {
    (void)i;
    demand(store_begin(store));
    demand(store_commit(store));
}

static int ascending(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

static void measure(const char *name, void (*run)(int i), int count) {
    double *times = calloc((size_t)count, sizeof *times);
    if (times == NULL) {
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        double start = now();
        run(i);
        times[i] = now() - start;
    }
    qsort(times, (size_t)count, sizeof *times, ascending);
    (void)printf("| %s | %.1f | %.1f | %d |\n", name, times[count / 2], times[count * 9 / 10], count);
    free(times);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: measure_sqlite DIRECTORY\n");
        return 2;
    }
    (void)snprintf(path, sizeof path, "%s/measure.db", argv[1]);
    (void)unlink(path);
    open_card();
    (void)printf("| operation | median us | p90 us | n |\n|---|---|---|---|\n");
    measure("create a card and open it", create, 30);
    make_keys(0);
    measure("close and open a card with 100 keys and a file of 64 KiB", reopen, 50);
    measure("get 250 bytes", get, 20000);
    measure("get 1 KiB of 64 KiB", get_piece, 5000);
    measure("transaction without changes", empty_commit, 5000);
    measure("transaction of 100 bytes", commit_small, 500);
    measure("transaction of 250 bytes", commit_key, 500);
    measure("record made and deleted, two transactions", delete_key, 100);
    store_close(store);
    (void)unlink(path);
    return 0;
}
