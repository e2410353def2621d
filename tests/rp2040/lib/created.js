// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Flash contents of a board after its first boot: formatted, and with a card made. That takes the emulator some ten
// seconds, so it is done once for each image and kept under build/.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built } from './emulator.js';
import { Board, digest, freshFlash } from './board.js';

export function createdFlash(options = {}) {
  const fresh = freshFlash(options);
  const directory = join(built, 'cache');
  const file = join(directory, `${digest(fresh).slice(0, 32)}.flash`);
  if (!existsSync(file)) {
    const board = new Board(fresh, options).start();
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${file}.${process.pid}`, board.flash);
    renameSync(`${file}.${process.pid}`, file);
  }
  return Uint8Array.from(readFileSync(file));
}
