// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Checks: a TAP line for each, and a closing line with their numbers.

import { isDeepStrictEqual } from 'node:util';

let passed = 0;
let failed = 0;

export function check(name, good, detail) {
  if (good) {
    passed++;
    console.log(`ok - ${name}`);
  } else {
    failed++;
    console.log(`not ok - ${name}`);
    if (detail !== undefined) {
      console.log(`#   ${typeof detail === 'string' ? detail : JSON.stringify(detail)}`);
    }
  }
}

export const equal = (name, got, wanted) => check(name, isDeepStrictEqual(got, wanted), { got, wanted });

/** Counts the TAP lines of another program. Returns how many there were. */
export function count(prefix, output) {
  let lines = 0;
  for (const line of output.split('\n')) {
    const [, bad, text] = /^(not )?ok\b(.*)$/.exec(line) ?? [];
    if (text !== undefined) {
      lines++;
      check(`${prefix}:${text}`, bad === undefined);
    } else if (line.startsWith('#') && lines > 0 && failed > 0) {
      console.log(line);
    }
  }
  return lines;
}

/** Runs a test; an exception is a failure. */
export async function test(name, body) {
  try {
    await body();
  } catch (error) {
    check(name, false, `${error.stack ?? error}`.replaceAll('\n', '\n#   '));
  }
}

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
