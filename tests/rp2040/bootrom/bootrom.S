// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors
//
// The head of a boot ROM for the emulated RP2040: the fixed places that programs look at (RP2040 datasheet, 2.8.3),
// and the two reset paths. Written for these tests; the chip's own ROM is not part of them.

    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .head, "ax"
    .word 0x20041F00            // initial stack, below the place of the second stage
    .word reset + 1
    .word fault + 1             // NMI
    .word fault + 1             // hard fault
    .byte 'M', 'u', 1, 3        // 0x10: magic, version
    .hword functions            // 0x14
    .hword data                 // 0x16
    .hword lookup + 1           // 0x18
    .hword 0

    .section .text
    .thumb_func
    .global reset
reset:
    ldr r0, =0xD0000000         // SIO CPUID
    ldr r0, [r0]
    cmp r0, #0
    beq 1f
    ldr r0, =0x20041000         // away from core 0's stack
    msr msp, r0
    bl rom_wait_for_vector
1:  bl rom_load_second_stage
    movs r1, #0
    mov lr, r1                  // the second stage then goes on to the program
    ldr r0, =0x20041F01
    bx r0

    .thumb_func
fault:
    b fault

// uint32_t *lookup(uint16_t *table, uint32_t code)
    .thumb_func
lookup:
1:  ldrh r2, [r0]
    cmp r2, #0
    beq 3f
    cmp r2, r1
    beq 2f
    adds r0, #4
    b 1b
2:  ldrh r0, [r0, #2]
    bx lr
3:  movs r0, #0
    bx lr

// Starts a program on core 1: r0 = entry, r1 = stack, r2 = vectors.
    .thumb_func
    .global rom_enter
rom_enter:
    ldr r3, =0xE000ED08         // VTOR
    str r2, [r3]
    msr msp, r1
    movs r3, #1
    orrs r0, r3
    blx r0
1:  wfe
    b 1b

    .macro function a, b, name
    .byte \a, \b
    .hword \name + 1
    .endm

    .section .tables, "a"
    .balign 4
functions:
    function 'P', '3', rom_popcount
    function 'R', '3', rom_reverse
    function 'L', '3', rom_clz
    function 'T', '3', rom_ctz
    function 'M', 'S', rom_memset
    function 'S', '4', rom_memset
    function 'M', 'C', rom_memcpy
    function 'C', '4', rom_memcpy
    function 'I', 'F', rom_connect_flash
    function 'E', 'X', rom_exit_xip
    function 'R', 'E', rom_erase
    function 'R', 'P', rom_program
    function 'F', 'C', rom_flush
    function 'C', 'X', rom_enter_xip
    function 'U', 'B', rom_usb_boot
    function 'W', 'V', rom_wait_for_vector
    .word 0
data:
    .word 0
