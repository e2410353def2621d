// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/parallel.h"

#include <stddef.h>

#include "hardware/sync.h"
#include "pico/multicore.h"

#include "hsm/crypto/parallel.h"
#include "rp2040/stack.h"

uint32_t parallel_stack[PARALLEL_STACK_SIZE / sizeof(uint32_t)];

/* What core 1 is to do: `job` is set by core 0 last and cleared by core 1 last. */
static struct {
    void (*volatile job)(void *);
    void *argument;
} handed;

static void __no_inline_not_in_flash_func(core1)(void) {
    (void)save_and_disable_interrupts();
    for (;;) {
        void (*job)(void *) = handed.job;

        if (job == NULL) {
            __wfe();
            continue;
        }
        __dmb();
        job(handed.argument);
        __dmb();
        handed.job = NULL;
        __sev();
    }
}

void parallel_start(void) {
    stack_paint(parallel_stack, PARALLEL_STACK_SIZE);
    multicore_launch_core1_with_stack(core1, parallel_stack, PARALLEL_STACK_SIZE);
}

void parallel_begin(void (*job)(void *), void *argument) {
    handed.argument = argument;
    __dmb();
    handed.job = job;
    __sev();
}

void parallel_end(void) {
    while (handed.job != NULL) {
        __wfe();
    }
    __dmb();
}

void crypto_parallel(void (*job)(void *), void *first, void *second) {
    parallel_begin(job, second);
    job(first);
    parallel_end();
}
