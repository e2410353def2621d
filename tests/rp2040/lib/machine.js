// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// An RP2040 board that runs the firmware's image: rp2040js with what it lacks (flash, core 1, ring oscillator, the
// BOOTSEL button), and a run loop that stops on a condition.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BasePeripheral, ConsoleLogger, LogLevel, RP2040, SimulationClock, built } from './emulator.js';
import { FlashChip, FlashSSI, QspiPins, XipControl } from './flash_chip.js';
import { addCore1 } from './core1.js';
import { accelerate } from './fast_core.js';

export const CLOCK_HZ = 125e6;
const NANOS_PER_CYCLE = 1e9 / CLOCK_HZ;

/** Bits of the ring oscillator: a generator with a seed (xorshift32), so that a run can be repeated. */
class Rosc extends BasePeripheral {
  constructor(rp2040, seed) {
    super(rp2040, 'ROSC');
    this.state = seed >>> 0 || 1;
    this.stuck = undefined; // 0 or 1: a dead oscillator
    this.registers = new Map();
  }

  bit() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.stuck ?? (x >>> 16) & 1;
  }

  readUint32(offset) {
    if (offset === 0x1c) {
      return this.bit();
    }
    return offset === 0x18 ? 0x80001000 : (this.registers.get(offset) ?? 0); // stable, enabled
  }

  writeUint32(offset, value) {
    this.registers.set(offset, value);
  }
}

/** A peripheral whose registers only remember. */
class Registers extends BasePeripheral {
  constructor(rp2040, name) {
    super(rp2040, name);
    this.registers = new Map();
  }

  readUint32(offset) {
    return this.registers.get(offset) ?? 0;
  }

  writeUint32(offset, value) {
    this.registers.set(offset, value);
  }
}

/** Puts the blocks of a .uf2 file into `memory`, which begins at the flash's address. */
export function loadUf2(file, memory) {
  const data = readFileSync(file);
  for (let at = 0; at < data.length; at += 512) {
    if (data.readUInt32LE(at) !== 0x0a324655 || data.readUInt32LE(at + 508) !== 0x0ab16f30) {
      throw new Error(`${file}: no UF2 block at ${at}`);
    }
    if (data.readUInt32LE(at + 28) !== 0xe48bff56) {
      throw new Error(`${file}: not for the RP2040`);
    }
    memory.set(data.subarray(at + 32, at + 32 + data.readUInt32LE(at + 16)), data.readUInt32LE(at + 12) - 0x10000000);
  }
}

/** The CRC of the second boot stage, which the chip's boot ROM checks and ours does not. */
export function secondStageValid(memory) {
  let crc = 0xffffffff;
  for (const byte of memory.subarray(0, 252)) {
    crc ^= byte << 24;
    for (let i = 0; i < 8; i++) {
      crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    }
  }
  return crc >>> 0 === Buffer.from(memory.subarray(252, 256)).readUInt32LE(0);
}

export class Machine {
  /**
   * flash: Uint8Array of the chip's contents, which the machine works on. seed: of the ring oscillator. scratch: the
   * watchdog's scratch registers, which survive a reset.
   */
  constructor({ flash, seed = 1, uniqueId = [0xe6, 0x61, 0x38, 0x52, 0x83, 0x4c, 0xa1, 0x2b], scratch, chip } = {}) {
    this.flash = flash;
    this.clock = new SimulationClock();
    const rp2040 = new RP2040(this.clock);
    this.rp2040 = rp2040;
    rp2040.logger = new ConsoleLogger(LogLevel.Error, true);
    rp2040.loadBootrom(new Uint32Array(new Uint8Array(readFileSync(join(built, 'bootrom.bin'))).slice().buffer));
    rp2040.flash = flash;
    rp2040.flashView = new DataView(flash.buffer, flash.byteOffset, flash.length);
    this.chip = chip ?? new FlashChip(flash.length, uniqueId);
    this.chip.attach(flash, this.clock);
    const ssi = new FlashSSI(rp2040, this.chip);
    this.pins = new QspiPins(rp2040, ssi);
    this.rosc = new Rosc(rp2040, seed);
    rp2040.peripherals[0x18000] = ssi;
    rp2040.peripherals[0x40018] = this.pins;
    rp2040.peripherals[0x14000] = new XipControl(rp2040, 'XIP');
    rp2040.peripherals[0x40060] = this.rosc;
    rp2040.peripherals[0x40064] = new Registers(rp2040, 'VREG');
    this.button = false;
    Object.defineProperty(rp2040.qspi[1], 'inputValue', { get: () => !(this.button && this.pins.floating) });
    this.watchdog = rp2040.peripherals[0x40058];
    if (scratch) {
      this.watchdog.scratchData.set(scratch.registers);
      this.watchdog.reason = scratch.reason;
    }
    this.rebooted = false;
    this.watchdog.onWatchdogTrigger = () => {
      this.watchdog.alarm.enable = false;
      this.watchdog.timer.enable = false;
      this.rebooted = true;
    };
    rp2040.onBreak = (code) => {
      throw new Error(`breakpoint ${code} at ${(rp2040.core.PC >>> 0).toString(16)}`);
    };
    this.core0 = rp2040.core;
    this.core1 = addCore1(rp2040);
    this.core0.reset();
    for (const [core, other] of [
      [this.core0, this.core1],
      [this.core1, this.core0],
    ]) {
      wrapSev(core, other);
      accelerate(core, rp2040);
    }
    this.profile = undefined; // Map of program counters, when wanted
  }

  get millis() {
    return this.clock.nanos / 1e6;
  }

  get cycles() {
    return Math.round(this.clock.nanos / NANOS_PER_CYCLE);
  }

  /**
   * Runs until `done()` or for `limitMillis` of emulated time. Returns whether it was done. Looks at `done` every
   * 64 instructions and whenever both cores wait.
   */
  run(done, limitMillis) {
    const { clock, core0, core1 } = this;
    const end = clock.nanos + limitMillis * 1e6;
    for (;;) {
      if (done() || this.rebooted) {
        return !this.rebooted || done();
      }
      if (clock.nanos >= end) {
        return false;
      }
      const idle1 = core1.waiting || core1.held;
      if (core0.waiting && idle1) {
        if (clock.nextAlarm === null) {
          return done();
        }
        clock.tick(Math.max(0, Math.min(clock.nanosToNextAlarm, end - clock.nanos)));
        continue;
      }
      for (let i = 0; i < 64; i++) {
        let cycles;
        if (core0.waiting) {
          if (core1.waiting || core1.held) {
            break;
          }
          cycles = core1.executeInstruction();
        } else {
          if (this.profile !== undefined) {
            const pc = core0.registers[15];
            this.profile.set(pc, (this.profile.get(pc) ?? 0) + 1);
          }
          cycles = core0.executeInstruction();
          if (!core1.waiting && !core1.held) {
            this.debt = (this.debt ?? 0) + cycles;
            while (this.debt > 0 && !core1.waiting) {
              this.debt -= core1.executeInstruction();
            }
          }
        }
        const now = clock.nanosCounter + cycles * NANOS_PER_CYCLE;
        if (clock.nextAlarm !== null && clock.nextAlarm.nanos <= now) {
          clock.tick(cycles * NANOS_PER_CYCLE);
        } else {
          clock.nanosCounter = now;
        }
      }
    }
  }

  /** Lets `millis` of emulated time pass. */
  pass(millis) {
    this.run(() => false, millis);
  }

  read32(address) {
    return this.rp2040.readUint32(address);
  }
}

/** SEV reaches both cores. rp2040js only logs it, so the core gets a log that listens. */
function wrapSev(core, other) {
  const { logger } = core.rp2040;
  Object.defineProperty(core, 'logger', {
    value: {
      info: (name, message) => {
        if (message === 'SEV') {
          core.eventRegistered = true;
          other.signalled();
        }
      },
      debug: () => {},
      warn: (name, message) => logger.error(name, message),
      error: (name, message) => logger.error(name, message),
    },
  });
}
