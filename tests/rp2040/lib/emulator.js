// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The modules of rp2040js 1.4.1 that the harness builds on, internal ones included: the version is pinned in
// package.json, and build.mk installs it under build/.

import { pathToFileURL, fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';

export const tree = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const built = process.env.TWINHSM_RP2040_BUILD ?? join(tree, 'build', 'rp2040');

const root = join(built, 'js', 'node_modules', 'rp2040js', 'dist', 'esm');
const load = (name) => import(pathToFileURL(join(root, name)).href);

export const { RP2040 } = await load('rp2040.js');
export const { CortexM0Core } = await load('cortex-m0-core.js');
export const { RPPPB } = await load('peripherals/ppb.js');
export const { BasePeripheral } = await load('peripherals/peripheral.js');
export const { SimulationClock } = await load('clock/simulation-clock.js');
export const { ConsoleLogger, LogLevel } = await load('utils/logging.js');
