// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Command APDUs of the tests (docs/protocol.md).

import { createECDH } from 'node:crypto';
import { DKEK } from './keyblob.js';

/** A command APDU in extended form. */
export function extended(cla, ins, p1, p2, data = [], le = 0) {
  const head = [cla, ins, p1, p2, 0];
  const length = data.length > 0 ? [data.length >> 8, data.length & 0xff, ...data] : [];
  return Uint8Array.from([...head, ...length, le >> 8, le & 0xff]);
}

export const PIN = '648219';
export const SELECT = '00A4 0400 0B E82B0601040181C31F0201 00';
export const INITIALIZE = '8050 0000 1C 8002 0001 8106 363438323139 8208 3537363231383830 910103 920101';
export const IMPORT_DKEK = `8052 0000 20 ${DKEK.toString('hex')}`;
export const VERIFY = '0020 0081 06 363438323139';

const hex = (text) => Buffer.from(text, 'hex');
const tlv = (tag, value) => {
  const long = value.length < 256 ? [0x81, value.length] : [0x82, value.length >> 8, value.length & 0xff];
  const length = value.length < 128 ? [value.length] : long;
  return Buffer.concat([hex(tag), Buffer.from(length), value]);
};

const CURVES = {
  prime256v1: {
    p: 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
    a: 'ffffffff00000001000000000000000000000000fffffffffffffffffffffffc',
    b: '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
    n: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  },
  secp384r1: {
    p: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
    a: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc',
    b: 'b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef',
    n: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  },
  secp256k1: {
    p: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f',
    a: '00'.repeat(32),
    b: '00'.repeat(31) + '07',
    n: 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
  },
  brainpoolP256r1: {
    p: 'a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377',
    a: '7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9',
    b: '26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6',
    n: 'a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7',
  },
  secp521r1: {
    p: '01' + 'ff'.repeat(65),
    a: '01' + 'ff'.repeat(64) + 'fc',
    b:
      '0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c' +
      '34f1ef451fd46b503f00',
    n: '01' + 'ff'.repeat(32) + 'fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
  },
};

/** The base point, from OpenSSL: the public key of 1. */
function basePoint(curve, length) {
  const ecdh = createECDH(curve);
  const one = Buffer.alloc(length);
  one[length - 1] = 1;
  ecdh.setPrivateKey(one);
  return ecdh.getPublicKey();
}

/** GENERATE ASYMMETRIC KEY PAIR for an EC key. */
export function generateEc(id, curve) {
  const { p, a, b, n } = CURVES[curve];
  const body = [
    tlv('5f29', Buffer.alloc(1)),
    tlv('42', Buffer.from('UTCA00001')),
    tlv(
      '7f49',
      Buffer.concat([
        tlv('06', hex('04007f00070202020203')),
        tlv('81', hex(p)),
        tlv('82', hex(a)),
        tlv('83', hex(b)),
        tlv('84', basePoint(curve, p.length / 2)),
        tlv('85', hex(n)),
        tlv('87', Buffer.from([1])),
      ]),
    ),
    tlv('5f20', Buffer.from('UTKEY00001')),
  ];
  return extended(0x00, 0x46, id, 0x00, Buffer.concat(body));
}

/** GENERATE ASYMMETRIC KEY PAIR for an RSA key. */
export function generateRsa(id, bits) {
  const body = [
    tlv('5f29', Buffer.alloc(1)),
    tlv('42', Buffer.from('UTCA00001')),
    tlv(
      '7f49',
      Buffer.concat([
        tlv('06', hex('04007f00070202020102')),
        tlv('82', Buffer.from([1, 0, 1])),
        tlv('02', Buffer.from([bits >> 8, bits & 0xff])),
      ]),
    ),
    tlv('5f20', Buffer.from('UTKEY00001')),
  ];
  return extended(0x00, 0x46, id, 0x00, Buffer.concat(body));
}

export const sign = (id, algorithm, data) => extended(0x80, 0x68, id, algorithm, data);
export const decipher = (id, algorithm, data) => extended(0x80, 0x62, id, algorithm, data);
export const unwrap = (id, blob) => extended(0x80, 0x74, id, 0x93, blob);
export const wrap = (id) => extended(0x80, 0x72, id, 0x92);
