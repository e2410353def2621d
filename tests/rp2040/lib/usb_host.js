// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// A USB host for the emulated machine: control transfers, enumeration, bulk and interrupt pipes. Every call runs the
// machine until it is through.

const STALL = 0x800;
const PACKET = 64;
const TIMEOUT = 5000; // ms of emulated time: what a host gives a control transfer

export class Stall extends Error {}

export class UsbHost {
  constructor(machine) {
    this.machine = machine;
    this.controller = machine.rp2040.usbCtrl;
    this.sent = new Map(); // endpoint number -> packets that the device has sent
    this.armed = new Map(); // endpoint number -> the device waits for a packet
    this.stalled = new Set();
    this.enabled = false;
    const { controller } = this;
    controller.onUSBEnabled = () => {
      this.enabled = true;
    };
    controller.onResetReceived = () => {
      this.resetSeen = true;
    };
    controller.onEndpointWrite = (endpoint, buffer) => this.packets(endpoint).push(buffer);
    controller.onEndpointRead = (endpoint) => this.armed.set(endpoint, true);
    // rp2040js hands the second buffer of a pair over before the first, and does not tell of STALL.
    const updated = controller.DPRAMUpdated;
    controller.DPRAMUpdated = (offset, value) => {
      const endpoint = (offset - 0x80) >> 3;
      if (offset >= 0x80 && offset <= 0xfc && value & STALL) {
        this.stalled.add(offset & 4 ? endpoint : endpoint | 0x80);
      }
      const queue = endpoint >= 0 && endpoint < 16 ? controller.endpointWriteAlarms[endpoint].buffers : [];
      const before = queue.length;
      updated.call(controller, offset, value);
      if (queue.length === before + 2) {
        [queue[before], queue[before + 1]] = [queue[before + 1], queue[before]];
      }
    };
  }

  packets(endpoint) {
    if (!this.sent.has(endpoint)) {
      this.sent.set(endpoint, []);
    }
    return this.sent.get(endpoint);
  }

  wait(condition, what, millis = TIMEOUT) {
    if (!this.machine.run(condition, millis)) {
      throw new Error(`usb: ${what}: nothing after ${millis} ms`);
    }
  }

  /** One control transfer. `data` for OUT; returns the data of IN. Throws Stall. */
  control(requestType, request, value, index, lengthOrData = 0) {
    const input = (requestType & 0x80) !== 0;
    const length = input ? lengthOrData : (lengthOrData.length ?? 0);
    const setup = Uint8Array.of(
      requestType, request, value & 0xff, value >> 8, index & 0xff, index >> 8, length & 0xff, length >> 8,
    );
    const packets = this.packets(0);
    packets.length = 0;
    this.stalled.delete(0);
    this.stalled.delete(0x80);
    this.armed.delete(0);
    const stalled = () => this.stalled.has(0) || this.stalled.has(0x80);
    const check = () => {
      if (stalled()) {
        this.machine.pass(0.1); // both directions are stalled, one after the other
        throw new Stall(`request ${request}`);
      }
    };
    this.controller.sendSetupPacket(setup);
    const received = [];
    if (input) {
      for (;;) {
        this.wait(() => packets.length > 0 || stalled(), 'control IN');
        check();
        const packet = packets.shift();
        received.push(...packet);
        if (packet.length < PACKET || received.length >= length) {
          break;
        }
      }
      this.wait(() => this.armed.has(0), 'control status');
      this.armed.delete(0);
      this.controller.endpointReadDone(0, new Uint8Array(0));
      this.machine.pass(0.1);
    } else {
      for (let at = 0; at < length; at += PACKET) {
        this.wait(() => this.armed.has(0) || stalled(), 'control OUT');
        check();
        this.armed.delete(0);
        this.controller.endpointReadDone(0, lengthOrData.slice(at, at + PACKET));
      }
      this.wait(() => packets.length > 0 || stalled(), 'control status');
      check();
      packets.shift();
    }
    return Uint8Array.from(received);
  }

  reset() {
    this.sent.clear();
    this.armed.clear();
    this.stalled.clear();
    this.resetSeen = false;
    this.controller.resetDevice();
    this.wait(() => this.resetSeen, 'bus reset');
    this.machine.pass(1);
  }

  descriptor(type, index, length, language = 0) {
    return this.control(0x80, 6, (type << 8) | index, language, length);
  }

  string(index) {
    const bytes = this.descriptor(3, index, 255, 0x0409);
    return Buffer.from(bytes.subarray(2)).toString('utf16le');
  }

  /** What a host does with a new device. Leaves it configured. */
  enumerate() {
    this.wait(() => this.enabled, 'connection');
    this.reset();
    this.descriptor(1, 0, 8);
    this.reset();
    this.control(0x00, 5, 1, 0); // SET_ADDRESS
    this.device = this.descriptor(1, 0, 18);
    const head = this.descriptor(2, 0, 9);
    this.configuration = this.descriptor(2, 0, head[2] | (head[3] << 8));
    this.control(0x00, 9, this.configuration[5], 0); // SET_CONFIGURATION
  }

  /** Sends one packet down a bulk pipe. */
  sendPacket(endpoint, packet) {
    this.wait(() => this.armed.get(endpoint), 'bulk OUT');
    this.armed.set(endpoint, false);
    this.controller.endpointReadDone(endpoint, packet);
  }

  /** Sends a transfer, with the zero-length packet that ends one of whole packets. */
  send(endpoint, data) {
    for (let at = 0; at < data.length; at += PACKET) {
      this.sendPacket(endpoint, data.slice(at, at + PACKET));
    }
    if (data.length % PACKET === 0) {
      this.sendPacket(endpoint, new Uint8Array(0));
    }
  }

  /** Receives a transfer: up to and with a short packet. */
  receive(endpoint, millis) {
    const packets = this.packets(endpoint);
    const received = [];
    for (;;) {
      this.wait(() => packets.length > 0, 'bulk IN', millis);
      const packet = packets.shift();
      received.push(...packet);
      if (packet.length < PACKET) {
        return Uint8Array.from(received);
      }
    }
  }
}
