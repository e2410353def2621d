// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors
//
// void mul_rows(uint32_t *x, const uint32_t *a, size_t a_words, const uint32_t *b, size_t b_words)
//
// See mul.h. The Cortex-M0+ multiplies 32 by 32 bits to 32, in one cycle: so each product is put together from four of
// halves of words, 30 cycles with its addition. Takes the same time for all values. In RAM, where no instruction waits
// for the flash.
//
// r0 x, r1 a, r2 low half of b's word, r3 high half, r4-r7 work, r8 carry, r9 end of a, r10 begin of a, r11 b, r12 end of b.

    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .macro word
    ldm r1!, {r4}
    uxth r5, r4
    lsrs r4, r4, #16
    movs r6, r5
    muls r5, r2, r5     // low * low
    muls r6, r3, r6     // low * high
    movs r7, r4
    muls r7, r2, r7     // high * low
    muls r4, r3, r4     // high * high
    adds r6, r6, r7     // the middle, and its carry
    movs r7, #0
    adcs r7, r7
    lsls r7, r7, #16
    adds r4, r4, r7
    lsls r7, r6, #16
    lsrs r6, r6, #16
    adds r5, r5, r7
    adcs r4, r6         // r4:r5 = product
    mov r7, r8
    adds r5, r5, r7     // plus carry
    movs r7, #0
    adcs r4, r7
    ldr r6, [r0]
    adds r5, r5, r6     // plus x
    adcs r4, r7
    stm r0!, {r5}
    mov r8, r4
    .endm

    .section .time_critical.mul_rows, "ax"
    .balign 4
    .thumb_func
    .global mul_rows
    .type mul_rows, %function
mul_rows:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    mov r10, r1
    lsls r2, r2, #2
    adds r2, r2, r1
    mov r9, r2
    mov r11, r3
    ldr r4, [sp, #36]   // b_words
    lsls r4, r4, #2
    adds r4, r4, r3
    mov r12, r4
1:  mov r1, r10
    mov r4, r11
    ldm r4!, {r3}
    mov r11, r4
    uxth r2, r3
    lsrs r3, r3, #16
    movs r4, #0
    mov r8, r4
2:
    .rept 8
    word
    .endr
    cmp r1, r9
    beq 3f
    b 2b
3:  mov r4, r8
    str r4, [r0]
    mov r5, r9          // back to the word after the row's first
    mov r6, r10
    subs r5, r5, r6
    subs r5, r5, #4
    subs r0, r0, r5
    mov r4, r11
    cmp r4, r12
    beq 4f
    b 1b
4:  pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size mul_rows, . - mul_rows
