#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The firmware in the place of twinhsmd: scripts/private-pcscd --daemon tests/rp2040/card.js. Takes as much of its
// command line: --card FILE (the flash chip's contents; made when absent), --connect HOST:PORT; --pin-iterations is
// the firmware's own affair.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Board } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import { serve } from './lib/vpcd.js';

const { values } = parseArgs({
  options: {
    card: { type: 'string' },
    connect: { type: 'string' },
    'pin-iterations': { type: 'string' },
  },
});
const port = Number(values.connect.split(':').pop());
const flash = existsSync(values.card)
  ? Uint8Array.from(readFileSync(values.card))
  : createdFlash({ iterations: 2 });
const board = new Board(flash).start();

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    writeFileSync(values.card, board.flash);
    process.exit(0);
  });
}
for (;;) {
  await serve(board, port);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
