// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The twin test: the same commands to the daemon's and to the firmware's test build, with the same seed and the same
// rounds for PINs, get the same bytes: keys, requests, signatures, challenges, key blobs.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tree } from './lib/emulator.js';
import { Board, hex, unhex } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import * as command from './lib/commands.js';
import { check, equal, finish, test } from './lib/tap.js';

const SEED = '5477696e48534d207477696e2074657374';
const ROUNDS = 2;
const daemon = process.env.TWINHSM_TEST_DAEMON ?? join(tree, 'build', 'test', 'bin', 'twinhsmd');

const COMMANDS = [
  ['SELECT', command.SELECT],
  ['READ EF.2F02: device certificates', '00B1 2F02 000004 54020000 0400'],
  ['GET CHALLENGE', '0084 0000 20'],
  ['INITIALIZE', command.INITIALIZE],
  ['IMPORT DKEK SHARE', command.IMPORT_DKEK],
  ['VERIFY', command.VERIFY],
  ['GENERATE P-256', command.generateEc(1, 'prime256v1')],
  ['GENERATE P-384', command.generateEc(2, 'secp384r1')],
  ['ECDSA with P-256', command.sign(1, 0x70, Buffer.alloc(32, 0xa5))],
  ['ECDSA with P-384, hashed on the card', command.sign(2, 0x73, Buffer.from('TwinHSM'))],
  ['WRAP P-256', command.wrap(1)],
  ['GENERATE AES-256', '0048 03B2 00'],
  ['WRAP AES-256', command.wrap(3)],
  ['CREATE and write a file', '00D7 CF01 11 54020000 530B 5477696e2074657374210a'],
  ['GET CHALLENGE again', '0084 0000 00 0100'],
  ['ENUMERATE OBJECTS', '0058 0000 00'],
];

/** The daemon as a card that dials a port of ours, in the place of the virtual reader. */
async function onDaemon(bytes) {
  const directory = mkdtempSync(join(tmpdir(), 'twin-'));
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connected = new Promise((resolve) => server.once('connection', resolve));
  const child = spawn(
    daemon,
    [
      ...['--memory', '1', '--no-sandbox', '--state', directory, '--seed', SEED, '--pin-iterations', String(ROUNDS)],
      ...['--connect', `127.0.0.1:${server.address().port}`],
    ],
    { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  try {
    const socket = await connected;
    let buffer = Buffer.alloc(0);
    let wake = () => {};
    socket.on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      wake();
    });
    const send = (message) => socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]));
    const receive = async () => {
      while (buffer.length < 2 || buffer.length < 2 + buffer.readUInt16BE(0)) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      const message = buffer.subarray(2, 2 + buffer.readUInt16BE(0));
      buffer = buffer.subarray(2 + message.length);
      return message;
    };
    send(Buffer.from([1]));
    const responses = [];
    for (const apdu of bytes) {
      send(apdu);
      responses.push(hex(await receive()));
    }
    socket.destroy();
    return responses;
  } finally {
    child.kill('SIGTERM');
    server.close();
    rmSync(directory, { recursive: true });
  }
}

function onFirmware(bytes) {
  // The card is made at the first boot: it must be this one, for what has been drawn by then counts.
  const board = new Board(createdFlash({ seed: SEED, iterations: ROUNDS }), {}).start();
  return bytes.map((apdu) => hex(board.ccid.exchange(apdu)));
}

await test('twin', async () => {
  const bytes = COMMANDS.map(([, apdu]) => (typeof apdu === 'string' ? unhex(apdu) : apdu));
  const firmware = onFirmware(bytes);
  const twin = await onDaemon(bytes);
  COMMANDS.forEach(([name], i) => {
    check(`${name}: done`, firmware[i].endsWith('9000'), firmware[i].slice(-4));
    equal(`the same bytes: ${name}`, firmware[i], twin[i]);
  });
});
finish();
