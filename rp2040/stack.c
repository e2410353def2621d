// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/stack.h"

#include "pico.h"

#include "rp2040/parallel.h"

uint32_t stack_engine[STACK_ENGINE_SIZE / sizeof(uint32_t)] __attribute__((aligned(8)));

extern uint32_t __StackBottom[]; /* of the interrupts' stack, from the linker script */

void stack_paint(uint32_t *stack, size_t size) {
    for (size_t i = 0; i < size / sizeof *stack; i++) {
        stack[i] = STACK_PAINT;
    }
}

bool stack_intact(void) {
    return stack_engine[0] == STACK_PAINT && parallel_stack[0] == STACK_PAINT &&
           __StackBottom[0] == STACK_PAINT;
}

_Noreturn void stack_run(void (*run)(void)) {
    uint32_t *frame = __builtin_frame_address(0);

    stack_paint(stack_engine, STACK_ENGINE_SIZE);
    /* The part of the interrupts' stack below what is in use now, less a margin for the call itself. */
    stack_paint(__StackBottom, (size_t)((uintptr_t)(frame - 32) - (uintptr_t)__StackBottom));
    __asm volatile("msr psp, %0\n"
                   "movs r0, #2\n" /* CONTROL.SPSEL: thread mode uses PSP */
                   "msr control, r0\n"
                   "isb\n"
                   "blx %1\n"
                   :
                   : "r"(stack_engine + STACK_ENGINE_SIZE / sizeof(uint32_t)), "r"(run)
                   : "r0", "memory");
    __builtin_unreachable();
}
