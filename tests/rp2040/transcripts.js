// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The APDU transcripts of tests/transcripts on the firmware, unchanged. Files named on the command line, or all that
// are quick enough; `--all` for the others too, which take the emulator many minutes.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tree } from './lib/emulator.js';
import { Board } from './lib/board.js';
import { createdFlash } from './lib/created.js';
import { serve } from './lib/vpcd.js';
import { check, count, finish, test } from './lib/tap.js';

/** Too slow for every run, and why. */
const SLOW = {
  'generate_rsa.apdu': 'searches for primes: minutes each on the emulator',
  'generate_ec.apdu': 'a key pair on each of 22 curves, three signatures each',
  'sign.apdu': 'RSA keys are imported, and so recovered and tested for primality',
  'decipher.apdu': 'the same',
  'wrap.apdu': 'the same',
  'clients.apdu': 'the same',
  'policy.apdu': 'generates an RSA key',
};

const directory = join(tree, 'tests', 'transcripts');
const runner = process.env.TWINHSM_RUN_TRANSCRIPT ?? join(tree, 'build', 'test', 'bin', 'run_transcript');
const named = process.argv.slice(2).filter((word) => word !== '--all');
const all = process.argv.includes('--all');

function files() {
  if (named.length > 0) {
    return named;
  }
  const found = readdirSync(directory).filter((name) => name.endsWith('.apdu'));
  for (const name of found.filter((candidate) => !all && candidate in SLOW)) {
    console.log(`# left out: ${name} (${SLOW[name]})`);
  }
  return found.filter((name) => all || !(name in SLOW)).map((name) => join(directory, name));
}

/** Plays one file; resolves with what the runner printed and its exit code. */
async function play(file) {
  const board = new Board(createdFlash({ iterations: 2 })).start();
  const child = spawn(runner, ['--timeout', '7200', '--vpcd-listen', '0', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ended = new Promise((resolve) => child.on('close', resolve));
  const port = new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      output += data;
      const found = /^# port (\d+)$/m.exec(output);
      if (found) {
        resolve(Number(found[1]));
      }
    });
    child.on('close', () => reject(new Error(`${runner} ended before it listened:\n${output}`)));
  });
  const number = await port;
  let code;
  void ended.then((value) => {
    code = value;
  });
  // Each time the runner hangs up, the card has been pulled and plugged in again.
  while (code === undefined) {
    await serve(board, number);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (code === undefined) {
      board.replug();
    }
  }
  return { output, code };
}

for (const file of files()) {
  const name = basename(file);
  await test(name, async () => {
    const started = Date.now();
    const { output, code } = await play(file);
    const lines = count(name, output);
    check(`${name}: all of ${lines} exchanges`, code === 0 && lines > 0, output.split('\n').slice(-5).join('\n'));
    console.log(`# ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  });
}
finish();
