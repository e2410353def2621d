// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_STACK_H
#define RP2040_STACK_H

/*
 * Stacks. The engine runs on a large one of its own (the processor's PSP), interrupts on the SDK's (MSP),
 * core 1 on parallel_stack. Each is painted before use: the paint tells how far it was used (the tests
 * compare that with the budget), and its last word, once gone, that it overflowed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_PAINT 0x5AFE57ACu

/* The engine's, bytes. docs/firmware.md has the measured depth of each command. */
#define STACK_ENGINE_SIZE 14336u
extern uint32_t stack_engine[STACK_ENGINE_SIZE / sizeof(uint32_t)];

/* stack_paint: fills `size` bytes of an unused stack. */
void stack_paint(uint32_t *stack, size_t size);

/* stack_intact: are the ends of all stacks still painted? */
bool stack_intact(void);

/* stack_run: goes over to the engine's stack and runs `run` there; it must not return. */
_Noreturn void stack_run(void (*run)(void));

#endif
