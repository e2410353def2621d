// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// What the commands take on the emulated RP2040 at 125 MHz, from the first USB packet of the command to the last of the
// answer. `--long` adds what takes the emulator minutes: RSA-3072 and 4096, and RSA key generation.
// Exits with 1 when a figure that is promised is not met.

import { createECDH, generateKeyPairSync } from 'node:crypto';
import { Board } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import { CLOCK_HZ } from './lib/machine.js';
import * as command from './lib/commands.js';
import { rsaBlob } from './lib/keyblob.js';

const long = process.argv.includes('--long');
const board = new Board(createdFlash()).start();
const boot = board.machine.millis;

// Milliseconds promised for the emulated board: docs/firmware.md.
const PROMISED = {
  'boot to ATR': [0, 150],
  'VERIFY': [300, 1000],
  'EC prime256v1 sign': [0, 60],
  'RSA-2048 sign': [0, 1600],
};
let missed = 0;

function row(name, millis) {
  const cycles = Math.round((millis * CLOCK_HZ) / 1e3 / 1e3);
  const [least, most] = PROMISED[name] ?? [0, Infinity];
  const kept = millis >= least && millis <= most;
  const verdict = name in PROMISED ? (kept ? `  (promised: ${least ? `${least} to ` : 'at most '}${most} ms)` : '  MISSED') : '';
  missed += kept ? 0 : 1;
  console.log(`${name.padEnd(34)}${millis.toFixed(1).padStart(12)}${String(cycles).padStart(14)}${verdict}`);
}

function measure(name, apdu) {
  const { result, millis } = board.timed(() => board.ok(apdu, 24 * 3600e3));
  row(name, millis);
  return result;
}

console.log(`${'operation'.padEnd(34)}${'ms'.padStart(12)}${'kcycles'.padStart(14)}`);
row('boot to ATR', boot);
board.ok(command.SELECT);
measure('SELECT', command.SELECT);
measure('INITIALIZE', command.INITIALIZE);
measure('IMPORT DKEK SHARE', command.IMPORT_DKEK);
measure('VERIFY', command.VERIFY);
measure('GET CHALLENGE, 1024 bytes', '0084 0000 00 0400');

const curves = ['prime256v1', 'secp256k1', 'brainpoolP256r1', 'secp384r1', 'secp521r1'];
curves.forEach((curve, i) => {
  const id = i + 1;
  const request = Buffer.from(measure(`EC ${curve} keygen`, command.generateEc(id, curve)));
  measure(`EC ${curve} sign`, command.sign(id, 0x70, Buffer.alloc(32, 7)));
  void request;
  const peer = createECDH(curve);
  peer.generateKeys();
  measure(`EC ${curve} derive (ECDH)`, command.decipher(id, 0x80, peer.getPublicKey()));
});

for (const bits of long ? [1024, 2048, 3072, 4096] : [1024, 2048]) {
  const id = 0x10 + bits / 1024;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  measure(`RSA-${bits} import`, command.unwrap(id, rsaBlob(privateKey)));
  const block = Buffer.alloc(bits / 8, 7);
  measure(`RSA-${bits} sign`, command.sign(id, 0x20, block));
  measure(`RSA-${bits} decrypt`, command.decipher(id, 0x21, block));
  if (long) {
    measure(`RSA-${bits} keygen`, command.generateRsa(id, bits));
  }
}
for (const [name, { used, size }] of Object.entries(board.watermarks())) {
  console.log(`# ${name}: ${used} of ${size} bytes`);
}
process.exitCode = missed === 0 ? 0 : 1;
