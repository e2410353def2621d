# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
"""A card behind PC/SC, BER-TLV, and the commands that the scenarios of this directory share.

Nothing here is the card's own code: transport is pyscard, cryptography is python3-cryptography.
"""

import smartcard.System
from smartcard.CardConnection import CardConnection

AID = bytes.fromhex("E82B0601040181C31F0201")
PIN = b"648219"
SO_PIN = b"57621880"


class Failure(Exception):
    """A scenario did not go as it must."""


def check(condition, what):
    if not condition:
        raise Failure(what)


def tlv(tag, value):
    """One BER-TLV object; the tag as its bytes read."""
    head = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    n = len(value)
    if n < 0x80:
        return head + bytes([n]) + value
    if n < 0x100:
        return head + bytes([0x81, n]) + value
    return head + bytes([0x82, n >> 8, n & 0xFF]) + value


def parse(data):
    """The objects in data: a list of (tag, value, whole object)."""
    out = []
    at = 0
    while at < len(data):
        start = at
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
        length = data[at]
        at += 1
        if length & 0x80:
            n = length & 0x7F
            length = int.from_bytes(data[at:at + n], "big")
            at += n
        check(at + length <= len(data), "object is cut short")
        out.append((tag, data[at:at + length], data[start:at + length]))
        at += length
    return out


def find(data, *path):
    """The value behind a path of tags."""
    for tag in path:
        for t, value, _ in parse(data):
            if t == tag:
                data = value
                break
        else:
            raise Failure(f"no object {tag:X}")
    return data


class Card:
    """A connection to the card in one reader, application selected."""

    def __init__(self, reader):
        for r in smartcard.System.readers():
            if str(r) == reader:
                self.connection = r.createConnection()
                break
        else:
            raise Failure(f"no reader {reader!r}")
        self.connection.connect(CardConnection.T1_protocol)
        self.select()

    def close(self):
        """Leaves the card; a connection that is merely forgotten would reset it under the next one."""
        self.connection.disconnect()

    def transmit(self, apdu):
        data, sw1, sw2 = self.connection.transmit(list(apdu))
        return bytes(data), sw1 << 8 | sw2

    def command(self, cla, ins, p1, p2, data=b"", ne=None):
        """Sends one command, extended when it has to be. Returns (response data, status word)."""
        apdu = bytes([cla, ins, p1, p2])
        extended = len(data) > 255 or (ne or 0) > 256
        if extended:
            apdu += b"\x00"
        if data:
            apdu += len(data).to_bytes(2, "big") + data if extended else bytes([len(data)]) + data
        if ne is not None:
            apdu += (ne & 0xFFFF).to_bytes(2, "big") if extended else bytes([ne & 0xFF])
        return self.transmit(apdu)

    def must(self, cla, ins, p1, p2, data=b"", ne=None, sw=0x9000):
        """The same, and the status word has to be `sw`. Returns the response data."""
        answer, got = self.command(cla, ins, p1, p2, data, ne)
        check(got == sw, f"{ins:02X} {p1:02X} {p2:02X}: {got:04X} instead of {sw:04X}")
        return answer

    def select(self):
        self.must(0x00, 0xA4, 0x04, 0x0C, AID)

    def initialize(self, options=0x0001, pin=PIN, pka=None, domains=None, shares=None):
        data = tlv(0x80, options.to_bytes(2, "big"))
        if pin is not None:
            data += tlv(0x81, pin)
        data += tlv(0x82, SO_PIN) + tlv(0x91, b"\x03")
        if shares is not None:
            data += tlv(0x92, bytes([shares]))
        if pka is not None:
            data += tlv(0x93, bytes(pka))
        if domains is not None:
            data += tlv(0x97, bytes([domains]))
        self.must(0x80, 0x50, 0x00, 0x00, data)

    def verify(self, pin=PIN, sw=0x9000):
        self.must(0x00, 0x20, 0x00, 0x81, pin, sw=sw)

    def read(self, fid):
        return self.must(0x00, 0xB1, fid >> 8, fid & 0xFF, bytes.fromhex("54020000"), ne=65536)

    def write(self, fid, data):
        self.must(0x00, 0xD7, fid >> 8, fid & 0xFF, bytes.fromhex("54020000") + tlv(0x53, data))

    def certificates(self):
        """The chain in EF 2F02, each certificate with its 7F21."""
        return [whole for tag, _, whole in parse(self.read(0x2F02)) if tag == 0x7F21]
