// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// A Winbond W25Q16JV behind the RP2040's SSI: commands, timing, NOR semantics. rp2040js itself loses erases and
// programs.

import { BasePeripheral } from './emulator.js';

const SECTOR = 4096;
const PAGE = 256;

// Typical times of the data sheet.
const ERASE_NANOS = 45e6;
const PROGRAM_NANOS = 0.4e6;

/** Thrown out of the machine's run loop when the power is cut in the middle of an operation. */
export class PowerCut extends Error {}

export class FlashChip {
  constructor(size, uniqueId) {
    this.size = size;
    this.uniqueId = uniqueId;
    this.writeEnabled = false;
    this.status2 = 0x02; // quad enable, as Winbond ships the parts
    this.busyUntil = 0;
    this.input = [];
    this.operations = 0; // erases and programs so far
    this.erases = 0;
    this.programs = 0;
    /**
     * Called before each operation with its number, kind and address. A number from 0 to 1 cuts the power when that
     * much of it is done; undefined lets it pass.
     */
    this.onOperation = () => undefined;
  }

  attach(memory, clock) {
    this.memory = memory;
    this.clock = clock;
    this.busyUntil = 0;
  }

  get busy() {
    return this.clock.nanos < this.busyUntil;
  }

  select() {
    this.input = [];
  }

  /** One byte in, one byte out. */
  exchange(byte) {
    const at = this.input.length;
    this.input.push(byte);
    switch (this.input[0]) {
      case 0x05: // read status 1; the time may as well pass while it is polled
        if (at === 0) {
          return 0;
        }
        if (this.busy) {
          this.clock.tick(Math.min(this.busyUntil - this.clock.nanos, 100e3));
        }
        return (this.busy ? 1 : 0) | (this.writeEnabled ? 2 : 0);
      case 0x35: // read status 2
        return at === 0 ? 0 : this.status2;
      case 0x4b: // unique id, after four dummy bytes
        return at < 5 ? 0 : (this.uniqueId[at - 5] ?? 0);
      case 0x9f: // JEDEC id
        return [0, 0xef, 0x40, Math.log2(this.size)][at] ?? 0;
      case 0x03: // read
        return at < 4 ? 0 : this.memory[(this.address + at - 4) % this.size];
      default:
        return 0;
    }
  }

  get address() {
    return (this.input[1] << 16) | (this.input[2] << 8) | this.input[3];
  }

  /** The chip is deselected: a command takes effect. */
  deselect() {
    const [code] = this.input;
    const length = this.input.length;
    if (length === 0) {
      return;
    }
    if (this.busy && code !== 0x05) {
      throw new Error(`flash: command ${code.toString(16)} while busy`);
    }
    if (code === 0x06 && length === 1) {
      this.writeEnabled = true;
    } else if (code === 0x04 && length === 1) {
      this.writeEnabled = false;
    } else if (code === 0x01 && this.writeEnabled) {
      this.status2 = this.input[2] ?? this.status2;
      this.writeEnabled = false;
    } else if (code === 0x20 && length === 4) {
      this.erase(this.address & ~(SECTOR - 1), SECTOR, ERASE_NANOS);
    } else if (code === 0xd8 && length === 4) {
      this.erase(this.address & ~0xffff, 0x10000, 3 * ERASE_NANOS);
    } else if (code === 0x02 && length > 4) {
      this.program(this.address, this.input.slice(4));
    }
    this.input = [];
  }

  begin(kind, address) {
    if (!this.writeEnabled) {
      return null; // the chip ignores it
    }
    this.writeEnabled = false;
    const cut = this.onOperation(this.operations++, kind, address);
    return cut === undefined ? 1 : cut;
  }

  erase(address, size, nanos) {
    const part = this.begin('erase', address);
    if (part === null) {
      return;
    }
    this.erases++;
    this.busyUntil = this.clock.nanos + nanos;
    // Cut short, an erase leaves bits that read as either: here every bit of a part of the bytes is set.
    this.memory.fill(0xff, address, address + Math.floor(size * part));
    if (part < 1) {
      throw new PowerCut();
    }
  }

  program(address, data) {
    const part = this.begin('program', address);
    if (part === null) {
      return;
    }
    this.programs++;
    this.busyUntil = this.clock.nanos + PROGRAM_NANOS;
    const page = address & ~(PAGE - 1);
    const count = Math.floor(data.length * part);
    for (let i = 0; i < count; i++) {
      this.memory[page + ((address + i) % PAGE)] &= data[i];
    }
    if (part < 1) {
      // The byte that was being programmed has some of its bits.
      this.memory[page + ((address + count) % PAGE)] &= data[count] | 0xf0;
      throw new PowerCut();
    }
  }
}

const [CTRLR0, SSIENR, SER, BAUDR, TXFLR, RXFLR, SR, DR0] = [0x00, 0x08, 0x10, 0x14, 0x20, 0x24, 0x28, 0x60];
const QUAD_FRAMES = 3 << 21;

/** The SSI: serial frames go to the chip, everything else (the set-up of memory-mapped reads) is accepted. */
export class FlashSSI extends BasePeripheral {
  constructor(rp2040, chip) {
    super(rp2040, 'SSI');
    this.chip = chip;
    this.registers = new Map();
    this.received = [];
    this.selected = false; // by itself, while its FIFO holds something
    this.held = false; // by the override of the select line
  }

  readUint32(offset) {
    switch (offset) {
      case SR:
        this.idle();
        return (1 << 1) | (1 << 2) | (this.received.length > 0 ? 1 << 3 : 0);
      case TXFLR:
        return 0;
      case RXFLR:
        return this.received.length;
      case DR0:
        return this.received.shift() ?? 0;
      default:
        return this.registers.get(offset) ?? 0;
    }
  }

  /** The FIFO has run empty: the SSI lets go of the chip. */
  idle() {
    if (this.selected && !this.held) {
      this.selected = false;
      this.chip.deselect();
    }
  }

  writeUint32(offset, value) {
    if (offset === DR0) {
      if ((this.registers.get(CTRLR0) ?? 0) & QUAD_FRAMES) {
        this.received.push(0); // entering memory-mapped mode
        return;
      }
      if (!this.selected && !this.held) {
        this.selected = true;
        this.chip.select();
      }
      this.received.push(this.chip.exchange(value & 0xff));
      return;
    }
    if (offset === SSIENR) {
      this.idle();
      this.received = [];
    }
    this.registers.set(offset, value >>> 0);
  }

  /** The override of the select line: true holds it low. */
  hold(low) {
    if (low && !this.held) {
      this.chip.select();
    } else if (!low && this.held) {
      this.chip.deselect();
    }
    this.held = low;
  }
}

/** IO_QSPI: the select line's override, and BOOTSEL, which pulls it low when nothing drives it. */
export class QspiPins extends BasePeripheral {
  constructor(rp2040, ssi) {
    super(rp2040, 'IO_QSPI');
    this.ssi = ssi;
    this.registers = new Map();
  }

  readUint32(offset) {
    return this.registers.get(offset) ?? 0;
  }

  writeUint32(offset, value) {
    this.registers.set(offset, value >>> 0);
    if (offset === 0x0c) {
      const override = (value >> 8) & 3;
      this.ssi.hold(override === 2);
    }
  }

  /** Is the select line's output switched off? */
  get floating() {
    return (((this.registers.get(0x0c) ?? 0) >> 12) & 3) === 2;
  }
}

/** XIP control: flushes are done at once, there is no cache. */
export class XipControl extends BasePeripheral {
  readUint32(offset) {
    return offset === 0x08 ? 3 : 0;
  }

  writeUint32() {}
}
