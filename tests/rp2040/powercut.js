// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Power cuts in the real image: a command is run once to count its flash operations; then again and again from the same
// flash, each time with the power cut in another operation. After each cut the board must come up, the command must have
// taken effect wholly or not at all, and the key from before must sign. `--full` cuts every operation at three places.

import { createPublicKey, verify } from 'node:crypto';
import { Board, hex } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import { FlashChip, PowerCut } from './lib/flash_chip.js';
import * as command from './lib/commands.js';
import { check, finish, test } from './lib/tap.js';

const full = process.argv.includes('--full');
const PARTS = full ? [0, 0.5, 0.99] : [0.5];
const LIMIT = full ? Infinity : 10; // cuts for each command

const message = Buffer.from('before the cut');

function publicKey(request) {
  const at = Buffer.from(request).indexOf(Buffer.from('8641', 'hex'));
  const point = Buffer.from(request.slice(at + 3, at + 67));
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((part) => part.toString('base64url'));
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } });
}

/** A card with a key, and that key. */
function prepare() {
  const board = new Board(createdFlash({ iterations: 2 })).start();
  board.ok(command.SELECT);
  board.ok(command.INITIALIZE);
  board.ok(command.IMPORT_DKEK);
  board.ok(command.VERIFY);
  const key = publicKey(board.ok(command.generateEc(1, 'prime256v1')));
  board.ok('00D7 CF01 11 54020000 530B 6f6c6420636f6e74656e74');
  return { flash: board.flash, key };
}

const COMMANDS = [
  {
    name: 'UPDATE BINARY',
    apdu: '00D7 CF01 11 54020000 530B 6e657720636f6e74656e74',
    state: (board) => hex(board.ok('00B1 CF01 000004 54020000 0000')),
  },
  {
    name: 'GENERATE KEY PAIR',
    apdu: command.generateEc(2, 'prime256v1'),
    state: (board) => hex(board.ok('0058 0000 000000')),
  },
  {
    name: 'CHANGE PIN',
    apdu: '0024 0081 0C 363438323139 313233343536',
    state: (board) => {
      const sw = board.apdu('0020 0081 06 313233343536').sw;
      if (sw !== '9000') {
        board.ok(command.VERIFY);
      } else {
        board.ok('0024 0081 0C 313233343536 363438323139');
        board.ok(command.VERIFY);
      }
      return sw === '9000' ? 'new' : 'old';
    },
  },
  { name: 'DELETE', apdu: '00E4 0000 02 CF01', state: (board) => hex(board.ok('0058 0000 000000')) },
];

function open(flash, chip) {
  const board = new Board(Uint8Array.from(flash), { chip }).start();
  board.ok(command.SELECT);
  return board;
}

function login(board, name) {
  if (name !== 'CHANGE PIN') {
    board.ok(command.VERIFY);
  }
}

const { flash, key } = prepare();

for (const { name, apdu, state } of COMMANDS) {
  await test(name, () => {
    // Without a cut: states before and after, and the number of operations.
    const calm = open(flash);
    calm.ok(command.VERIFY);
    const first = calm.machine.chip.operations;
    calm.ok(apdu);
    const operations = calm.machine.chip.operations - first;
    const after = state(calm);
    const untouched = open(flash);
    login(untouched, name);
    const before = state(untouched);
    check(`${name}: changes something (${operations} flash operations)`, before !== after && operations > 0);

    const step = Math.max(1, Math.ceil(operations / LIMIT));
    const seen = { before: 0, after: 0 };
    for (let at = 0; at < operations; at += step) {
      for (const part of PARTS) {
        const chip = new FlashChip(flash.length, [0xe6, 0x61, 0x38, 0x52, 0x83, 0x4c, 0xa1, 0x2b]);
        const board = open(flash, chip);
        board.ok(command.VERIFY);
        const base = chip.operations;
        chip.onOperation = (number) => (number - base === at ? part : undefined);
        let cut = false;
        try {
          board.apdu(apdu);
        } catch (error) {
          cut = error instanceof PowerCut;
          if (!cut) {
            throw error;
          }
        }
        const again = open(board.flash);
        login(again, name);
        const found = state(again);
        const signature = again.ok(command.sign(1, 0x73, message));
        const good =
          cut && (found === before || found === after) && verify('sha256', message, key, Buffer.from(signature));
        seen[found === after ? 'after' : 'before']++;
        check(`${name}: cut in operation ${at}, ${part * 100} % done`, good, { cut, found, before, after });
      }
    }
    console.log(`# ${name}: ${seen.before} times not done, ${seen.after} times done`);
  });
}
finish();
