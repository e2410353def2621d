// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/button.h"

#include "hardware/structs/io_qspi.h"
#include "hardware/structs/sio.h"
#include "hardware/sync.h"
#include "pico.h"

#define QSPI_SS 1u /* index of the select line among the QSPI pins */

static void __no_inline_not_in_flash_func(drive)(uint32_t override) {
    hw_write_masked(&io_qspi_hw->io[QSPI_SS].ctrl, override << IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_LSB,
                    IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_BITS);
}

bool __no_inline_not_in_flash_func(button_pressed)(void) {
    uint32_t state = save_and_disable_interrupts();
    bool high;

    drive(IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_VALUE_DISABLE);
    /* The line's pull-up against its capacity: some microseconds. Delay functions are in flash. */
    for (unsigned i = 0; i < 1000; i++) {
        __asm volatile("");
    }
    high = (sio_hw->gpio_hi_in & (1u << QSPI_SS)) != 0;
    drive(IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_VALUE_NORMAL);
    restore_interrupts(state);
    return !high;
}
