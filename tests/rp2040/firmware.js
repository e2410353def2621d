// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The firmware on the emulated board: start, USB, CCID, what a reset keeps, the errors that stop the card, and the
// budgets of stack and heap.

import { verify, createPublicKey } from 'node:crypto';
import { Board, SECRET, STORE, freshFlash, hex, image, readImage, symbols, unhex } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import * as command from './lib/commands.js';
import { Stall } from './lib/usb_host.js';
import { check, equal, finish, test } from './lib/tap.js';
import { existsSync } from 'node:fs';

const ATR = '3bfe1800008131fe458031815448534d31738021408107fa';
const ERROR_LED = 3;

const flash = () => createdFlash({ iterations: 2 });
const start = () => new Board(flash()).start();
const ledState = (board) => board.machine.read32(symbols().get('current').address) & 0xff;

await test('first boot', () => {
  const board = new Board(freshFlash({ iterations: 2 })).start();
  equal('first boot: ATR', hex(board.atr), ATR);
  check('first boot: time extensions while the flash is formatted', board.ccid.extensions >= 5, board.ccid.extensions);
  equal('first boot: every block of the store is erased once, and the secret', board.machine.chip.erases, 129);
  const secret = Buffer.from(board.flash.subarray(SECRET, SECRET + 16)).toString();
  equal('first boot: device secret written', secret, 'TwinHSM secret 1');
});

await test('boot', () => {
  const board = start();
  check('boot: ATR within 150 ms, enumeration included', board.machine.millis < 150, board.machine.millis);
  equal('boot: card chosen', board.apdu(command.SELECT).sw, '9000');
  console.log(`# boot to ATR: ${board.machine.millis.toFixed(1)} ms`);
});

await test('descriptors', () => {
  const { usb, ccid } = start();
  const { device, configuration } = usb;
  equal('descriptors: device class by interface', [...device.subarray(4, 7)], [0, 0, 0]);
  equal('descriptors: vendor and product', hex(device.subarray(8, 12)), '09120100');
  equal('descriptors: configuration length', configuration[2] | (configuration[3] << 8), configuration.length);
  equal('descriptors: interface is a smart card reader', [...configuration.subarray(14, 17)], [0x0b, 0, 0]);
  const ccidDescriptor = Buffer.from(configuration.subarray(18, 72));
  equal('descriptors: CCID 1.1', ccidDescriptor.readUInt16LE(2), 0x0110);
  equal('descriptors: T=1', ccidDescriptor.readUInt32LE(6), 2);
  equal('descriptors: extended APDU level', ccidDescriptor.readUInt32LE(40) & 0x70000, 0x40000);
  check('descriptors: message of the longest APDU', ccidDescriptor.readUInt32LE(44) >= 10 + 4096);
  equal('descriptors: serial number from the flash chip', usb.string(3), 'E6613852834CA12B');
  equal('descriptors: slot change announced', hex(ccid.notification()), '5003');
  equal('class request GET_CLOCK_FREQUENCIES', hex(usb.control(0xa1, 2, 0, 0, 4)), 'a00f0000');
  equal('class request GET_DATA_RATES', hex(usb.control(0xa1, 3, 0, 0, 4)), '002a0000');
  let stalled = false;
  try {
    usb.control(0xa1, 0x7f, 0, 0, 4);
  } catch (error) {
    stalled = error instanceof Stall;
  }
  check('class request unknown: stalled', stalled);
  equal('after a stall: still answers', hex(usb.control(0xa1, 2, 0, 0, 4)), 'a00f0000');
});

await test('ccid', () => {
  const board = start();
  const { ccid, usb } = board;
  const status = (answer) => [answer.type, answer.status, answer.error];
  equal('GetSlotStatus', status(ccid.transact(0x65)), [0x81, 0, 0]);
  const parameters = ccid.transact(0x6c);
  equal('GetParameters: T=1', [parameters.type, parameters.last, hex(parameters.data)], [0x82, 1, '1810004500fe00']);
  equal('SetParameters', hex(ccid.transact(0x61, unhex('18100045002000'), [1, 0, 0]).data), '18100045002000');
  equal('SetParameters: T=0 refused', status(ccid.transact(0x61, unhex('1100000a00'), [0, 0, 0])), [0x82, 0x40, 7]);
  equal('ResetParameters', hex(ccid.transact(0x6d).data), '1810004500fe00');
  for (const [name, type, answer] of [
    ['Escape', 0x6b, 0x83],
    ['Secure', 0x69, 0x80],
    ['IccClock', 0x6e, 0x81],
    ['T0APDU', 0x6a, 0x81],
    ['Mechanical', 0x71, 0x81],
    ['SetDataRateAndClockFrequency', 0x73, 0x84],
    ['an unknown message', 0x42, 0x81],
  ]) {
    equal(`${name}: not supported`, status(ccid.transact(type, [1, 2, 3])), [answer, 0x40, 0]);
  }
  equal('another slot: refused', status(ccid.transact(0x65, [], [0, 0, 0], 1)), [0x81, 0x40, 5]);
  equal('IccPowerOff', status(ccid.powerOff()), [0x81, 1, 0]);
  equal('XfrBlock without power', status(ccid.transact(0x6f, unhex(command.SELECT))), [0x80, 0x41, 0xfe]);
  equal('IccPowerOn', hex(ccid.powerOn()), ATR);
  equal('IccPowerOn: bad voltage', status(ccid.transact(0x62, [], [9, 0, 0])), [0x80, 0x40, 7]);

  // A command APDU in three parts.
  const apdu = unhex(command.SELECT);
  const parts = [apdu.slice(0, 3), apdu.slice(3, 10), apdu.slice(10)];
  equal('chained command: first part', ccid.transact(0x6f, parts[0], [0, 1, 0]).last, 0x10);
  equal('chained command: middle part', ccid.transact(0x6f, parts[1], [0, 3, 0]).last, 0x10);
  const last = ccid.transact(0x6f, parts[2], [0, 2, 0]);
  equal('chained command: answer', hex(last.data.slice(-2)), '9000');
  equal('chained command: end without beginning', status(ccid.transact(0x6f, apdu, [0, 2, 0])), [0x80, 0x40, 8]);
  equal('XfrBlock: nothing to continue', status(ccid.transact(0x6f, [], [0, 0x10, 0])), [0x80, 0x40, 8]);

  // Messages whose length is a multiple of the packet size end with an empty packet in both directions.
  for (const length of [54, 118, 246]) {
    const challenge = board.ok(`0084 0000 0000 ${(length - 2).toString(16).padStart(2, '0')}`);
    equal(`answer of ${length + 10} bytes`, challenge.length, length - 2);
    equal(`command of ${length + 10} bytes`, board.apdu(Uint8Array.from([0, 0xa4, 0, 0, length - 5, ...new Array(length - 5).fill(1)])).sw.length, 4);
  }
  const long = ccid.transact(0x6f, new Uint8Array(4098).fill(0x20));
  equal('longest message', [long.type, long.status, hex(long.data)], [0x80, 0, '6700']);
  const sequence = ccid.sequence;
  usb.send(1, Uint8Array.from([0x6f, 0x20, 0x10, 0, 0, 0, sequence, 0, 0, 0, ...new Array(0x1020).fill(0)]));
  ccid.sequence++;
  equal('message too long', status(ccid.receive()), [0x80, 0x40, 1]);
  equal('and the next one', board.apdu(command.SELECT).sw, '9000');
});

await test('busy', () => {
  const board = new Board(createdFlash({ iterations: 4000 })).start();
  const { ccid, usb } = board;
  board.ok(command.SELECT);
  // INITIALIZE derives two keys from PINs: more than a second.
  const sequence = ccid.send(0x6f, unhex(command.INITIALIZE));
  board.machine.pass(100);
  const slot = ccid.transact(0x65);
  equal('busy: slot status at once', [slot.type, slot.status], [0x81, 0]);
  const refused = ccid.transact(0x6f, unhex(command.SELECT));
  equal('busy: second command refused', [refused.status, refused.error], [0x40, 0xe0]);
  const answer = ccid.receive();
  equal('busy: then the answer', [answer.sequence, hex(answer.data)], [sequence, '9000']);
  check('busy: time extensions', ccid.extensions >= 1, ccid.extensions);

  // Abort: control request and message; the answer of the command is dropped.
  ccid.send(0x6f, unhex(command.INITIALIZE));
  board.machine.pass(100);
  const number = ccid.sequence;
  usb.control(0x21, 1, number << 8, 0);
  const aborted = ccid.transact(0x72);
  equal('abort', [aborted.type, aborted.status, aborted.sequence], [0x81, 0, number]);
  equal('abort: goes on', board.apdu(command.SELECT).sw, '9000');

  // A reset of the bus in the middle of a command.
  ccid.send(0x6f, unhex(command.INITIALIZE));
  board.machine.pass(100);
  usb.enumerate();
  equal('bus reset in a command: ATR', hex(ccid.powerOn()), ATR);
  equal('bus reset in a command: card works', board.apdu(command.SELECT).sw, '9000');
});

await test('persistence', () => {
  const board = start();
  board.ok(command.SELECT);
  board.ok(command.INITIALIZE);
  board.ok(command.IMPORT_DKEK);
  board.ok(command.VERIFY);
  const request = board.ok(command.generateEc(1, 'prime256v1'));
  const at = Buffer.from(request).indexOf(Buffer.from('8641', 'hex'));
  const point = Buffer.from(request.slice(at + 3, at + 67));
  const key = createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv: 'P-256', x: point.subarray(0, 32).toString('base64url'), y: point.subarray(32).toString('base64url') },
  });
  const message = Buffer.from('signed on an emulated RP2040');
  const signs = (what) => {
    const signature = board.ok(command.sign(1, 0x73, message));
    check(`${what}: OpenSSL accepts the signature`, verify('sha256', message, key, signature));
  };
  signs('generated key');
  board.replug();
  equal('replug: logged out', board.apdu('0020 0081').sw, '63c3');
  board.ok(command.VERIFY);
  signs('replug');
  board.machine.rebooted = false;
  board.machine.watchdog.onWatchdogTrigger();
  check('watchdog: resets the board', board.machine.rebooted);
  board.boot({ registers: board.machine.watchdog.scratchData, reason: 1 });
  board.start();
  board.ok(command.VERIFY);
  signs('watchdog reset');
  // A firmware update writes program blocks only.
  const before = Buffer.from(board.flash.subarray(SECRET)).toString('hex');
  const updated = freshFlash();
  board.flash.set(updated.subarray(0, SECRET - 4096));
  board.replug();
  equal('update: secret and store are as they were', Buffer.from(board.flash.subarray(SECRET)).toString('hex'), before);
  board.ok(command.VERIFY);
  signs('update');
});

await test('hang', () => {
  const board = start();
  const { machine } = board;
  // Thread mode stuck for ever: a branch to itself, in RAM, in the place of the program counter.
  machine.run(() => machine.core0.waiting && machine.core0.IPSR === 0, 1000);
  machine.rp2040.writeUint16(0x20030000, 0xe7fe);
  machine.core0.waiting = false;
  machine.core0.PC = 0x20030000;
  machine.core0.IPSR = 3; // as in a hard fault: no interrupt gets through
  machine.run(() => false, 9000);
  check('hang: the watchdog bites within 9 s', machine.rebooted);
});

await test('entropy', () => {
  const board = new Board(flash());
  board.machine.rosc.stuck = 1;
  board.usb.enumerate();
  const answer = board.ccid.transact(0x62);
  equal('dead ring oscillator: no ATR, hardware error', [answer.status & 0x40, answer.error], [0x40, 0xfb]);
  equal('dead ring oscillator: the LED tells', ledState(board), ERROR_LED);
  const later = start();
  later.ok(command.SELECT);
  later.machine.rosc.stuck = 0;
  later.machine.pass(1500);
  equal('dead at run time, generator not asked for more yet', later.apdu('0084 0000 08').sw, '9000');
});

await test('damaged store', () => {
  const image = flash();
  image.fill(0x00, STORE, STORE + 64 * 1024); // what no store writes
  image.fill(0x55, STORE + 64 * 1024, STORE + 512 * 1024);
  const before = hex(image.subarray(STORE));
  const board = new Board(image);
  board.usb.enumerate();
  const answer = board.ccid.transact(0x62);
  equal('damaged store: no ATR, hardware error', [answer.status & 0x40, answer.error], [0x40, 0xfb]);
  equal('damaged store: not formatted', hex(image.subarray(STORE)), before);
  equal('damaged store: the LED tells', ledState(board), ERROR_LED);
  board.machine.button = true;
  board.machine.pass(5000);
  board.machine.button = false;
  board.machine.pass(6000);
  equal('BOOTSEL for 5 s: nothing happens', hex(image.subarray(STORE)), before);
  board.machine.button = true;
  board.machine.run(() => false, 25000);
  check('BOOTSEL for 10 s: factory reset, reboot', board.machine.rebooted);
  check('factory reset: nothing is left', image.subarray(SECRET).every((byte) => byte === 0xff));
});

await test('lost secret', () => {
  const image = flash();
  image.fill(0xff, SECRET, SECRET + 4096);
  const board = new Board(image);
  board.usb.enumerate();
  const answer = board.ccid.transact(0x62);
  equal('lost device secret: no ATR, hardware error', [answer.status & 0x40, answer.error], [0x40, 0xfb]);
  check('lost device secret: none made in its place', image.subarray(SECRET, SECRET + 64).every((byte) => byte === 0xff));
});

await test('budgets', () => {
  const board = start();
  board.ok(command.SELECT);
  board.ok(command.INITIALIZE);
  board.ok(command.IMPORT_DKEK);
  board.ok(command.VERIFY);
  board.ok(command.generateEc(1, 'secp521r1'));
  board.ok(command.sign(1, 0x75, Buffer.alloc(900, 3)));
  const blob = board.ok(command.wrap(1));
  board.ok(command.unwrap(2, blob));
  const marks = board.watermarks();
  for (const name of ['engine', 'interrupts', 'core1', 'heap']) {
    const { used, size } = marks[name];
    console.log(`# ${name}: ${used} of ${size} bytes`);
    check(`budget: ${name} within three quarters`, used <= size * 0.75, marks[name]);
  }
  equal('budget: no allocation failed', marks.heap.failures, 0);
});

await test('image', () => {
  check('image: the release is there', existsSync(`${image(true)}.uf2`));
  const release = readImage(true);
  const text = release.toString('latin1');
  check('image: no seed in a release', !text.includes('TwinHSM seed') && readImage(false).toString('latin1').includes('TwinHSM seed'));
  check('image: no path of the building machine', !text.includes('/work/') && !text.includes('/home/') && !text.includes('/root/'));
});
finish();
