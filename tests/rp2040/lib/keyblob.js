// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Key blobs under the DKEK 00 01 .. 1F (docs/protocol.md, "Key blobs"), so that keys come to the card ready made: the
// emulated RP2040 would need minutes to find the primes of one.

import { createCipheriv, createHash } from 'node:crypto';

export const DKEK = Buffer.from(Array.from({ length: 32 }, (_, i) => i));

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const field = (value) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), value]);

function ecb(key, block) {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

/** AES-CMAC, SP 800-38B. */
export function cmac(key, message) {
  const double = (block) => {
    const out = Buffer.alloc(16);
    for (let i = 0; i < 16; i++) {
      out[i] = (block[i] << 1) | ((block[i + 1] ?? 0) >> 7);
    }
    out[15] ^= block[0] & 0x80 ? 0x87 : 0;
    return out;
  };
  const k1 = double(ecb(key, Buffer.alloc(16)));
  const whole = message.length > 0 && message.length % 16 === 0;
  const last = Buffer.alloc(16);
  const head = whole ? message.length - 16 : message.length - (message.length % 16);
  message.copy(last, 0, head);
  if (!whole) {
    last[message.length - head] = 0x80;
  }
  const mask = whole ? k1 : double(k1);
  let state = Buffer.alloc(16);
  const mix = (block) => {
    state = ecb(key, Buffer.from(state.map((byte, i) => byte ^ block[i])));
  };
  for (let at = 0; at < head; at += 16) {
    mix(message.subarray(at, at + 16));
  }
  mix(Buffer.from(last.map((byte, i) => byte ^ mask[i])));
  return state;
}

/** The blob of an RSA key given as node's KeyObject. */
export function rsaBlob(privateKey) {
  const jwk = privateKey.export({ format: 'jwk' });
  const number = (name) => Buffer.from(jwk[name], 'base64url');
  const bits = privateKey.asymmetricKeyDetails.modulusLength;
  const [encrypt, mac] = [1, 2].map((i) => sha256(DKEK, Buffer.from([0, 0, 0, i])));
  const d = Buffer.alloc(bits / 8);
  number('d').copy(d, d.length - number('d').length);
  const fields = Buffer.concat([
    Buffer.alloc(8, 0x5a),
    Buffer.from([bits >> 8, bits & 0xff]),
    ...[d, number('n'), number('e')].map(field),
    Buffer.from([0x80]),
  ]);
  const plain = Buffer.concat([fields, Buffer.alloc((16 - (fields.length % 16)) % 16)]);
  const cipher = createCipheriv('aes-256-cbc', encrypt, Buffer.alloc(16)).setAutoPadding(false);
  const head = Buffer.concat([
    sha256(DKEK).subarray(0, 8),
    Buffer.from([0x05]),
    field(Buffer.from('04007f00070202020102', 'hex')),
    field(Buffer.alloc(0)),
    Buffer.alloc(4),
    cipher.update(plain),
    cipher.final(),
  ]);
  return Buffer.concat([head, cmac(mac, head)]);
}
