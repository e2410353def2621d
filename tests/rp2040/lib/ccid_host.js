// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The host's side of CCID: messages, time extensions, and APDU exchange.

const [OUT, IN, NOTIFY] = [1, 1, 2];

export class CcidHost {
  constructor(usb) {
    this.usb = usb;
    this.sequence = 0;
    this.extensions = 0; // requests for more time during the last command
  }

  message(type, data = [], parameters = [0, 0, 0], slot = 0) {
    const sequence = this.sequence;
    this.sequence = (this.sequence + 1) & 0xff;
    const length = data.length;
    const head = [type, length & 0xff, (length >> 8) & 0xff, (length >> 16) & 0xff, length >>> 24, slot, sequence];
    return Uint8Array.from([...head, ...parameters, ...data]);
  }

  send(type, data, parameters, slot) {
    const message = this.message(type, data, parameters, slot);
    this.usb.send(OUT, message);
    return message[6];
  }

  /** The next message, time extensions left out. */
  receive(millis = 10000) {
    this.extensions = 0;
    for (;;) {
      const bytes = this.usb.receive(IN, millis);
      const view = Buffer.from(bytes);
      const answer = {
        type: bytes[0],
        slot: bytes[5],
        sequence: bytes[6],
        status: bytes[7],
        error: bytes[8],
        last: bytes[9],
        data: bytes.slice(10),
      };
      if (view.readUInt32LE(1) !== answer.data.length) {
        throw new Error(`ccid: dwLength ${view.readUInt32LE(1)}, but ${answer.data.length} bytes`);
      }
      if ((answer.status & 0xc0) !== 0x80) {
        return answer;
      }
      this.extensions++;
    }
  }

  transact(type, data, parameters, slot, millis) {
    const sequence = this.send(type, data, parameters, slot);
    const answer = this.receive(millis);
    if (answer.sequence !== sequence) {
      throw new Error(`ccid: answer ${answer.sequence} to message ${sequence}`);
    }
    return answer;
  }

  /** Powers the card up; returns the ATR. */
  powerOn(millis) {
    const answer = this.transact(0x62, [], [0, 0, 0], 0, millis);
    if (answer.type !== 0x80 || answer.status !== 0) {
      throw new Error(`ccid: no power: status ${answer.status}, error ${answer.error}`);
    }
    return answer.data;
  }

  powerOff() {
    return this.transact(0x63);
  }

  /** Command APDU to response APDU. */
  exchange(apdu, millis = 3600e3) {
    const answer = this.transact(0x6f, apdu, [0, 0, 0], 0, millis);
    if (answer.type !== 0x80 || answer.status !== 0) {
      throw new Error(`ccid: XfrBlock: status ${answer.status}, error ${answer.error}`);
    }
    return answer.data;
  }

  notification() {
    return this.usb.receive(NOTIFY, 100);
  }
}
