// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The second core, which rp2040js lacks: a core of its own on a view of the machine that differs in what each core has
// for itself (private peripherals, divider, CPUID) and shares the rest; and the two FIFOs between the cores.

import { CortexM0Core, RPPPB } from './emulator.js';

const [CPUID, FIFO_ST, FIFO_WR, FIFO_RD] = [0x00, 0x50, 0x54, 0x58];
const FIFO_DEPTH = 8;

class Fifo {
  constructor() {
    this.words = [];
    this.overflow = false;
    this.underflow = false;
  }
}

/** Gives `sio` the registers that tell the cores apart. */
function addFifo(sio, id, incoming, outgoing, otherCore) {
  const { readUint32, writeUint32 } = Object.getPrototypeOf(sio).constructor.prototype;
  sio.readUint32 = function (offset) {
    switch (offset) {
      case CPUID:
        return id;
      case FIFO_ST:
        return (
          (incoming.words.length > 0 ? 1 : 0) |
          (outgoing.words.length < FIFO_DEPTH ? 2 : 0) |
          (outgoing.overflow ? 4 : 0) |
          (incoming.underflow ? 8 : 0)
        );
      case FIFO_RD:
        incoming.underflow ||= incoming.words.length === 0;
        return incoming.words.shift() ?? 0;
      default:
        return readUint32.call(this, offset);
    }
  };
  sio.writeUint32 = function (offset, value) {
    switch (offset) {
      case FIFO_ST:
        outgoing.overflow = false;
        incoming.underflow = false;
        return;
      case FIFO_WR:
        if (outgoing.words.length < FIFO_DEPTH) {
          outgoing.words.push(value >>> 0);
        } else {
          outgoing.overflow = true;
        }
        otherCore().signalled();
        return;
      default:
        writeUint32.call(this, offset, value);
    }
  };
}

/** An event for a core: from SEV, or a FIFO. */
CortexM0Core.prototype.signalled = function () {
  if (this.waiting) {
    this.waiting = false;
  } else {
    this.eventRegistered = true;
  }
};

export function addCore1(rp2040) {
  const [to0, to1] = [new Fifo(), new Fifo()];
  const view = Object.create(rp2040);
  const core1 = new CortexM0Core(view);
  view.core = core1;
  view.ppb = new RPPPB(view, 'PPB1');
  // Shared state (spin locks, pins) is found through the prototype; the divider's is its own.
  const shared = rp2040.sio;
  const sio1 = Object.create(Object.getPrototypeOf(shared));
  for (const key of Object.keys(shared)) {
    if (!key.startsWith('div') && key !== 'rp2040') {
      Object.defineProperty(sio1, key, {
        get: () => shared[key],
        set: (value) => {
          shared[key] = value;
        },
      });
    }
  }
  Object.assign(sio1, { rp2040: view, divDividend: 0, divDivisor: 1, divQuotient: 0, divRemainder: 0, divCSR: 0 });
  view.sio = sio1;
  addFifo(shared, 0, to0, to1, () => core1);
  addFifo(sio1, 1, to1, to0, () => rp2040.core);

  // The power-on state machine resets core 1 (bit 16).
  const psm = rp2040.peripherals[0x40010];
  const write = psm.writeUint32;
  psm.writeUint32 = function (offset, value) {
    const was = this.frceOff & 0x10000;
    write.call(this, offset, value);
    const is = this.frceOff & 0x10000;
    if (was && !is) {
      to0.words = [];
      to1.words = [];
      resetCore(core1);
    }
    core1.held = is !== 0;
  };
  core1.held = false;
  resetCore(core1);
  return core1;
}

function resetCore(core) {
  core.VTOR = 0;
  core.waiting = false;
  core.eventRegistered = false;
  core.PM = false;
  core.IPSR = 0;
  core.reset();
}
