// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Makes rp2040js's core faster, without changing what it does: its decoder, a chain of some 90 comparisons, becomes a
// table with one entry for each 16-bit opcode, made from the chain itself; and RAM and flash are accessed directly.

import { CortexM0Core } from './emulator.js';

const original = CortexM0Core.prototype.executeInstruction;

/** The branches of the decoder: condition and body, in order. */
function branches() {
  const source = original.toString();
  const chain = source.slice(source.indexOf('let deltaCycles = 1;'), source.lastIndexOf('this.cycles += deltaCycles'));
  const found = [];
  const pattern = /^ {8}(?:else )?if \((.*)\) \{\n((?: {12}.*\n|\n)*?) {8}\}$/gm;
  for (const [, condition, body] of chain.matchAll(pattern)) {
    found.push({
      condition,
      wide: condition.includes('opcode2'),
      body,
      test: new Function('opcode', 'opcode2', `return ${condition};`),
    });
  }
  if (found.length < 80) {
    throw new Error('rp2040js has another decoder than the pinned version');
  }
  return found;
}

/** A body as a function, or nothing when it uses names of its module (those instructions are rare). */
function compile({ body }) {
  if (/\b(LOG_NAME|EXC_[A-Z]+|SYSM_[A-Z]+|StackPointerBank|signExtend\d+|ExecutionMode)\b|\bpcRegister\b|\bspRegister\b/.test(body)) {
    body = body
      .replace(/\bpcRegister\b/g, '15')
      .replace(/\bspRegister\b/g, '13')
      .replace(/\bsignExtend8\((.*?)\)/g, '((($1) << 24) >> 24)')
      .replace(/\bsignExtend16\((.*?)\)/g, '((($1) << 16) >> 16)');
    if (/\b(LOG_NAME|EXC_[A-Z]+|SYSM_[A-Z]+|StackPointerBank|signExtend\d+|ExecutionMode)\b/.test(body)) {
      return null;
    }
  }
  return new Function(
    'opcode', 'opcode2', 'opcodePC',
    `let deltaCycles = 1;\n${body}\nthis.cycles += deltaCycles;\nreturn deltaCycles;`,
  );
}

const table = (() => {
  const all = branches();
  const compiled = new Map(all.map((branch) => [branch, compile(branch)]));
  const entries = new Array(0x10000).fill(null);
  for (let opcode = 0; opcode < 0x10000; opcode++) {
    if (opcode >> 11 === 0b11110) {
      // Only BL is frequent among the wide ones.
      const bl = all.find((branch) => branch.condition.startsWith('opcode >> 11 === 0b11110 '));
      const run = compiled.get(bl);
      entries[opcode] = function (code, code2, pc) {
        if (bl.test(code, code2)) {
          return run.call(this, code, code2, pc);
        }
        this.registers[15] -= 2;
        return original.call(this);
      };
    } else if (opcode >> 11 !== 0b11101 && opcode >> 12 !== 0b1111) {
      const branch = all.find((candidate) => !candidate.wide && candidate.test(opcode, 0));
      entries[opcode] = branch === undefined ? null : compiled.get(branch);
    }
  }
  return entries;
})();

export const tableCoverage = table.filter((entry) => entry !== null).length;

/** Installs the table in `core`, whose machine is complete (its flash will not be exchanged any more). */
export function accelerate(core, rp2040) {
  const { sram, flash } = rp2040;
  const sram16 = new Uint16Array(sram.buffer);
  const sram32 = new Uint32Array(sram.buffer);
  const flash16 = new Uint16Array(flash.buffer, flash.byteOffset, flash.length >> 1);
  const flash32 = new Uint32Array(flash.buffer, flash.byteOffset, flash.length >> 2);
  const machine = core.rp2040;
  const ramEnd = sram.length;

  core.readUint32 = (address) => {
    const offset = (address - 0x20000000) >>> 0;
    if (offset < ramEnd && (offset & 3) === 0) {
      return sram32[offset >> 2];
    }
    const inFlash = (address - 0x10000000) >>> 0;
    if (inFlash < flash.length && (inFlash & 3) === 0) {
      return flash32[inFlash >> 2];
    }
    return machine.readUint32(address);
  };
  core.readUint16 = (address) => {
    const offset = (address - 0x20000000) >>> 0;
    return offset < ramEnd && (offset & 1) === 0 ? sram16[offset >> 1] : machine.readUint16(address >>> 0);
  };
  core.readUint8 = (address) => {
    const offset = (address - 0x20000000) >>> 0;
    return offset < ramEnd ? sram[offset] : machine.readUint8(address >>> 0);
  };
  core.writeUint32 = (address, value) => {
    const offset = (address - 0x20000000) >>> 0;
    if (offset < ramEnd && (offset & 3) === 0) {
      sram32[offset >> 2] = value;
    } else {
      machine.writeUint32(address >>> 0, value);
    }
  };
  core.writeUint16 = (address, value) => {
    const offset = (address - 0x20000000) >>> 0;
    if (offset < ramEnd && (offset & 1) === 0) {
      sram16[offset >> 1] = value;
    } else {
      machine.writeUint16(address >>> 0, value);
    }
  };
  core.writeUint8 = (address, value) => {
    const offset = (address - 0x20000000) >>> 0;
    if (offset < ramEnd) {
      sram[offset] = value;
    } else {
      machine.writeUint8(address >>> 0, value);
    }
  };
  core.executeInstruction = function () {
    if (this.interruptsUpdated && this.checkForInterrupts()) {
      this.waiting = false;
    }
    const pc = this.registers[15] & ~1;
    const offset = (pc - 0x10000000) >>> 0;
    let opcode;
    if (offset < flash.length) {
      opcode = flash16[offset >> 1];
    } else {
      opcode = this.readUint16(pc);
    }
    const handler = table[opcode];
    if (handler === null) {
      return original.call(this);
    }
    const wide = opcode >> 11 === 0b11110;
    const opcode2 = wide ? this.readUint16(pc + 2) : 0;
    this.registers[15] += 2;
    return handler.call(this, opcode, opcode2, pc);
  };
}
