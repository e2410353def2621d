// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// The board as a card of vsmartcard's virtual reader: what pcscd or run_transcript sends over vpcd's TCP connection
// goes to the firmware as CCID messages. The emulator stands still between two APDUs.

import net from 'node:net';

const [POWER_OFF, POWER_ON, RESET, GET_ATR] = [0, 1, 2, 4];

/** The answer to one vpcd message, or null when there is none. */
function answer(board, message) {
  if (message.length !== 1) {
    return board.ccid.exchange(message);
  }
  switch (message[0]) {
    case POWER_OFF:
      board.ccid.powerOff();
      return null;
    case POWER_ON:
    case RESET:
      board.atr = board.ccid.powerOn();
      return null;
    case GET_ATR:
      return board.atr;
    default:
      return null;
  }
}

/**
 * Dials 127.0.0.1:`port` and serves until the other side hangs up. Resolves with whether there was a connection;
 * rejects when the firmware fails.
 */
export function serve(board, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    let buffer = Buffer.alloc(0);
    let connected = false;
    socket.on('connect', () => {
      connected = true;
      socket.setNoDelay(true);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(connected));
    socket.on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
        const message = Uint8Array.from(buffer.subarray(2, 2 + buffer.readUInt16BE(0)));
        buffer = buffer.subarray(2 + message.length);
        try {
          const reply = answer(board, message);
          if (reply !== null) {
            socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]));
          }
        } catch (error) {
          socket.destroy();
          reject(error);
          return;
        }
      }
    });
  });
}
