// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The functions of the emulated boot ROM: what the RP2040 datasheet, 2.8.3, says they do, written for these
// tests. The flash functions drive the emulated flash chip command by command over the SSI, as the chip's own
// ROM does.

#include <stddef.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define SSI_CTRLR0 REG(0x18000000)
#define SSI_CTRLR1 REG(0x18000004)
#define SSI_SSIENR REG(0x18000008)
#define SSI_SER REG(0x18000010)
#define SSI_BAUDR REG(0x18000014)
#define SSI_SR REG(0x18000028)
#define SSI_DR0 REG(0x18000060)
#define SSI_SPI_CTRLR0 REG(0x180000F4)
#define QSPI_SS_CTRL REG(0x4001800C)
#define XIP_FLUSH REG(0x14000004)
#define SIO_FIFO_ST REG(0xD0000050)
#define SIO_FIFO_WR REG(0xD0000054)
#define SIO_FIFO_RD REG(0xD0000058)

#define SELECT_LOW 0x200u
#define SELECT_HIGH 0x300u

/* By words where both sides are aligned, as the chip's own: its speed shows in every measurement. */
void *rom_memset(void *to, int value, size_t len) {
    uint8_t *p = to;
    uint32_t word = (uint8_t)value * 0x01010101u;

    for (; len >= 16 && ((uintptr_t)p & 3u) == 0; len -= 16, p += 16) {
        uint32_t *w = (uint32_t *)(void *)p;
        w[0] = word;
        w[1] = word;
        w[2] = word;
        w[3] = word;
    }
    while (len-- > 0) {
        *p++ = (uint8_t)value;
    }
    return to;
}

void *rom_memcpy(void *to, const void *from, size_t len) {
    uint8_t *p = to;
    const uint8_t *q = from;

    for (; len >= 16 && (((uintptr_t)p | (uintptr_t)q) & 3u) == 0; len -= 16, p += 16, q += 16) {
        uint32_t *w = (uint32_t *)(void *)p;
        const uint32_t *v = (const uint32_t *)(const void *)q;
        uint32_t a = v[0], b = v[1], c = v[2], d = v[3];
        w[0] = a;
        w[1] = b;
        w[2] = c;
        w[3] = d;
    }
    for (; len >= 4 && (((uintptr_t)p | (uintptr_t)q) & 3u) == 0; len -= 4, p += 4, q += 4) {
        *(uint32_t *)(void *)p = *(const uint32_t *)(const void *)q;
    }
    while (len-- > 0) {
        *p++ = *q++;
    }
    return to;
}

uint32_t rom_popcount(uint32_t value) {
    uint32_t count = 0;

    for (; value != 0; value &= value - 1) {
        count++;
    }
    return count;
}

uint32_t rom_reverse(uint32_t value) {
    uint32_t reversed = 0;

    for (unsigned i = 0; i < 32; i++) {
        reversed = reversed << 1 | (value >> i & 1u);
    }
    return reversed;
}

uint32_t rom_clz(uint32_t value) {
    uint32_t count = 0;

    for (; count < 32 && (value & 0x80000000u) == 0; value <<= 1) {
        count++;
    }
    return count;
}

uint32_t rom_ctz(uint32_t value) {
    uint32_t count = 0;

    for (; count < 32 && (value & 1u) == 0; value >>= 1) {
        count++;
    }
    return count;
}

void rom_connect_flash(void) {}

/* Serial mode, one byte a frame. */
void rom_exit_xip(void) {
    SSI_SSIENR = 0;
    SSI_BAUDR = 6;
    SSI_CTRLR0 = 7u << 16;
    SSI_SER = 1;
    SSI_SSIENR = 1;
}

static uint8_t exchange(uint8_t out) {
    SSI_DR0 = out;
    while ((SSI_SR & 8u) == 0) {
    }
    return (uint8_t)SSI_DR0;
}

static void command(uint8_t code, uint32_t address) {
    (void)exchange(code);
    (void)exchange((uint8_t)(address >> 16));
    (void)exchange((uint8_t)(address >> 8));
    (void)exchange((uint8_t)address);
}

static void write_enable(void) {
    QSPI_SS_CTRL = SELECT_LOW;
    (void)exchange(0x06);
    QSPI_SS_CTRL = SELECT_HIGH;
    QSPI_SS_CTRL = SELECT_LOW;
}

static void wait_done(void) {
    uint8_t status;

    QSPI_SS_CTRL = SELECT_HIGH;
    do {
        QSPI_SS_CTRL = SELECT_LOW;
        (void)exchange(0x05);
        status = exchange(0);
        QSPI_SS_CTRL = SELECT_HIGH;
    } while ((status & 1u) != 0);
    QSPI_SS_CTRL = 0;
}

void rom_erase(uint32_t address, size_t count, uint32_t block_size, uint8_t block_command) {
    uint32_t end = address + count;

    while (address < end) {
        if ((address & (block_size - 1)) == 0 && end - address >= block_size) {
            write_enable();
            command(block_command, address);
            address += block_size;
        } else {
            write_enable();
            command(0x20, address);
            address += 4096;
        }
        wait_done();
    }
}

void rom_program(uint32_t address, const uint8_t *data, size_t count) {
    for (; count > 0; count -= 256, address += 256) {
        write_enable();
        command(0x02, address);
        for (unsigned i = 0; i < 256; i++) {
            (void)exchange(*data++);
        }
        wait_done();
    }
}

void rom_flush(void) {
    XIP_FLUSH = 1;
    QSPI_SS_CTRL = 0;
}

void rom_enter_xip(void) {
    SSI_SSIENR = 0;
    SSI_CTRLR0 = 31u << 16 | 3u << 8;
    SSI_SPI_CTRLR0 = 0x03u << 24 | 2u << 8 | 6u << 2;
    SSI_CTRLR1 = 0;
    SSI_SSIENR = 1;
}

/* The program wants the chip's USB boot mode: it has left. */
void rom_usb_boot(void) {
    for (;;) {
        __asm volatile("bkpt #0x55");
    }
}

void rom_load_second_stage(void) {
    rom_exit_xip();
    rom_enter_xip();
    (void)rom_memcpy((void *)0x20041F00, (const void *)0x10000000, 256);
}

_Noreturn void rom_enter(uint32_t entry, uint32_t stack, uint32_t vectors);

/* Core 1's launch protocol, datasheet 2.8.2: 0, 0, 1, vectors, stack, entry, each echoed. */
_Noreturn void rom_wait_for_vector(void) {
    uint32_t words[6];
    unsigned at = 0;

    while (at < 6) {
        uint32_t word;

        while ((SIO_FIFO_ST & 1u) == 0) {
            __asm volatile("wfe");
        }
        word = SIO_FIFO_RD;
        if (at < 3 && word != (at == 2 ? 1u : 0u)) {
            at = 0; /* not echoed as expected: the other side begins again */
        } else {
            words[at++] = word;
        }
        while ((SIO_FIFO_ST & 2u) == 0) {
        }
        SIO_FIFO_WR = word;
        __asm volatile("sev");
    }
    rom_enter(words[5], words[4], words[3]);
}
