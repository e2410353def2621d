// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// A board with the firmware on it, plugged into a host: what the tests use. Unplugging and rebooting keep the flash.

import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { built } from './emulator.js';
import { Machine, loadUf2, secondStageValid } from './machine.js';
import { UsbHost } from './usb_host.js';
import { CcidHost } from './ccid_host.js';

export const FLASH_SIZE = 2 * 1024 * 1024;
export const STORE = FLASH_SIZE - 512 * 1024;
export const SECRET = STORE - 4096;
export const TEST_SECTOR = SECRET - 4096;

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** The image to run: the test build, or with `release` what users get. */
export const image = (release = false) => join(built, release ? 'pico' : 'pico-test', 'twinhsm');

/** A chip with nothing on it but the program. */
export function freshFlash({ release = false, seed, iterations } = {}) {
  const flash = new Uint8Array(FLASH_SIZE).fill(0xff);
  loadUf2(`${image(release)}.uf2`, flash);
  if (!secondStageValid(flash)) {
    throw new Error('the CRC of the second boot stage is wrong');
  }
  if (seed !== undefined || iterations !== undefined) {
    const seedBytes = seed === undefined ? [] : unhex(seed);
    const sector = Buffer.alloc(16 + 4 + 1 + 48);
    sector.write('TwinHSM seed  1\0', 'latin1');
    sector.writeUInt32LE(iterations ?? 0, 16);
    sector[20] = seedBytes.length;
    sector.set(seedBytes, 21);
    flash.set(sector, TEST_SECTOR);
  }
  return flash;
}

/** Addresses and sizes of the image's symbols. */
export function symbols(release = false) {
  const text = execFileSync('arm-none-eabi-nm', ['-S', `${image(release)}.elf`], { encoding: 'latin1' });
  const table = new Map();
  for (const line of text.split('\n')) {
    const parts = line.split(' ');
    if (parts.length === 4) {
      table.set(parts[3], { address: parseInt(parts[0], 16), size: parseInt(parts[1], 16) });
    } else if (parts.length === 3) {
      table.set(parts[2], { address: parseInt(parts[0], 16), size: 0 });
    }
  }
  return table;
}

const PAINT = 0x5afe57ac;

export class Board {
  constructor(flash, options = {}) {
    this.flash = flash;
    this.options = options;
    this.release = options.release ?? false;
    this.boot();
  }

  /** Power. */
  boot(scratch) {
    this.machine = new Machine({ ...this.options, flash: this.flash, scratch });
    this.usb = new UsbHost(this.machine);
    this.ccid = new CcidHost(this.usb);
  }

  /** Power, enumeration, ATR: ready for APDUs. `millis`: what the ATR may take. */
  start(millis = 30000) {
    this.usb.enumerate();
    this.atr = this.ccid.powerOn(millis);
    return this;
  }

  /** Takes the power away and gives it back. */
  replug() {
    this.boot();
    return this.start();
  }

  apdu(text, millis) {
    const response = this.ccid.exchange(typeof text === 'string' ? unhex(text) : text, millis);
    return { data: response.slice(0, -2), sw: hex(response.slice(-2)) };
  }

  /** As apdu, for a command that must succeed; returns the data. */
  ok(text, millis) {
    const { data, sw } = this.apdu(text, millis);
    if (sw !== '9000') {
      throw new Error(`${sw}: ${typeof text === 'string' ? text : hex(text)}`);
    }
    return data;
  }

  /** Runs `work` and tells what it took of the board's time. */
  timed(work) {
    const before = this.machine.clock.nanos;
    const result = work();
    return { result, millis: (this.machine.clock.nanos - before) / 1e6 };
  }

  /** How deep the stacks and how high the heap have been, in bytes. */
  watermarks() {
    const table = symbols(this.release);
    const depth = (name, bytes) => {
      const { address } = table.get(name);
      let free = 0;
      while (free < bytes && this.machine.read32(address + free) === PAINT) {
        free += 4;
      }
      return { used: bytes - free, size: bytes };
    };
    return {
      engine: depth('stack_engine', table.get('stack_engine').size),
      interrupts: depth('__StackBottom', 4096),
      core1: depth('parallel_stack', table.get('parallel_stack').size),
      heap: {
        used: this.machine.read32(table.get('heap_watermark').address),
        size: table.get('heap_region').size,
        failures: this.machine.read32(table.get('heap_failures').address),
      },
    };
  }
}

export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
export const readImage = (release) => readFileSync(`${image(release)}.uf2`);
