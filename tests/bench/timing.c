// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/bench/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/link.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void measure(const char *name, int n, void (*run)(void *), void *arg) {
    double *times = calloc((size_t)n, sizeof *times);
    if (times == NULL) {
        fail("out of memory");
    }
    run(arg);
    for (int i = 0; i < n; i++) {
        double start = now_ms();
        run(arg);
        times[i] = now_ms() - start;
    }
    qsort(times, (size_t)n, sizeof *times, by_value);
    printf("%s\t%.4f\t%.4f\t%d\n", name, times[n / 2], times[n * 9 / 10], n);
    fflush(stdout);
    free(times);
}
