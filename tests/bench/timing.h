// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_BENCH_TIMING_H
#define TESTS_BENCH_TIMING_H

/* Repeated measurement of one operation. */

/*
 * measure: runs `run` once to warm up and `n` times measured; prints `name TAB median TAB p90 TAB n`, times
 * in milliseconds.
 */
void measure(const char *name, int n, void (*run)(void *), void *arg);

#endif
