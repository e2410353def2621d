#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
"""Chip authentication and secure messaging with a card: usage: sm_client.py SCENARIO SUITE READER

SUITE is aes128 or 3des (BSI TR-03110-3, A.1.1.2). The cryptography is python3-cryptography's.
"""

import hashlib
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

import cvc
from card import AID, Card, Failure, PIN, check, find, parse, tlv

OID = {"3des": bytes.fromhex("04007F00070202030201"), "aes128": bytes.fromhex("04007F00070202030202")}


def pad(data, block):
    data += b"\x80"
    return data + bytes(-len(data) % block)


def unpad(data):
    data = data.rstrip(b"\x00")
    check(data[-1:] == b"\x80", "padding of the answer")
    return data[:-1]


def crypt(algorithm, mode, encrypt, data):
    cipher = Cipher(algorithm, mode)
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


class Aes:
    block = 16

    def __init__(self, enc, mac):
        self.enc, self.mac_key = enc, mac

    def cbc(self, encrypt, ssc, data):
        iv = crypt(algorithms.AES(self.enc), modes.ECB(), True, ssc)
        return crypt(algorithms.AES(self.enc), modes.CBC(iv), encrypt, data)

    def mac(self, data):
        c = CMAC(algorithms.AES(self.mac_key))
        c.update(data)
        return c.finalize()[:8]

    def token(self, data):
        return self.mac(data)


class Des3:
    block = 8

    def __init__(self, enc, mac):
        self.enc, self.mac_key = enc, mac

    def cbc(self, encrypt, ssc, data):
        return crypt(algorithms.TripleDES(self.enc), modes.CBC(bytes(8)), encrypt, data)

    def mac(self, data):
        """ISO/IEC 9797-1, MAC algorithm 3."""
        single = algorithms.TripleDES(self.mac_key[:8])
        state = crypt(single, modes.CBC(bytes(8)), True, data)[-8:]
        state = crypt(algorithms.TripleDES(self.mac_key[8:]), modes.ECB(), False, state)
        return crypt(single, modes.ECB(), True, state)

    def token(self, data):
        return self.mac(pad(data, 8))


class SecureCard(Card):
    """A card whose commands go through a secure channel once it is open."""

    suite = None

    def open(self, suite):
        self.suite = None
        self.select()
        device = cvc.Certificate(self.certificates()[0])
        self.must(0x00, 0x22, 0x41, 0xA4, tlv(0x80, OID[suite]))
        key = cvc.new_key()
        point = cvc.point_of(key)
        answer = self.must(0x00, 0x86, 0x00, 0x00, tlv(0x7C, tlv(0x80, point)), ne=256)
        nonce, token = find(answer, 0x7C, 0x81), find(answer, 0x7C, 0x82)
        curve = cvc.CURVE["brainpoolP256r1"]
        shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, device.point))
        enc, mac = (hashlib.sha1(shared + nonce + n.to_bytes(4, "big")).digest()[:16] for n in (1, 2))
        opened = {"aes128": Aes, "3des": Des3}[suite](enc, mac)
        check(opened.token(tlv(0x7F49, tlv(0x06, OID[suite]) + tlv(0x86, point))) == token, "the card's token is wrong")
        self.suite = opened
        self.ssc = 0

    def count(self):
        self.ssc += 1
        return self.ssc.to_bytes(self.suite.block, "big")

    def protect(self, cla, ins, p1, p2, data, ne):
        s = self.suite
        ssc = self.count()
        header = bytes([cla | 0x0C, ins, p1, p2])
        objects = b""
        if data:
            cryptogram = s.cbc(True, ssc, pad(data, s.block))
            objects += tlv(0x85, cryptogram) if ins & 1 else tlv(0x87, b"\x01" + cryptogram)
        if ne is not None:
            objects += tlv(0x97, (ne & 0xFFFF).to_bytes(2, "big") if ne > 256 else bytes([ne & 0xFF]))
        text = ssc + pad(header, s.block)
        if objects:
            text += pad(objects, s.block)
        return header, objects + tlv(0x8E, s.mac(text))

    def command(self, cla, ins, p1, p2, data=b"", ne=None):
        if self.suite is None:
            return super().command(cla, ins, p1, p2, data, ne)
        s = self.suite
        header, objects = self.protect(cla, ins, p1, p2, data, ne)
        answer, sw = self.transmit(header + b"\x00" + len(objects).to_bytes(2, "big") + objects + b"\x00\x00")
        if not answer:
            return b"", sw
        ssc = self.count()
        parts = parse(answer)
        check([p[0] for p in parts][-2:] == [0x99, 0x8E], "order of objects in the answer")
        text = b"".join(p[2] for p in parts[:-1])
        check(parts[-1][1] == s.mac(ssc + pad(text, s.block)), "MAC of the answer")
        check(int.from_bytes(parts[-2][1], "big") == sw, "status word inside and outside differ")
        plain = b""
        if len(parts) == 3:
            check(parts[0][0] == (0x85 if ins & 1 else 0x87), "tag of the response data")
            cryptogram = parts[0][1]
            if not ins & 1:
                check(cryptogram[0] == 1, "padding indicator")
                cryptogram = cryptogram[1:]
            plain = unpad(s.cbc(False, ssc, cryptogram))
        return plain, sw


def work(reader, suite):
    """Initialise, log in, make keys, sign, read and write, all inside the channel."""
    card = SecureCard(reader)
    card.initialize(shares=1)
    card.open(suite)
    card.must(0x00, 0x20, 0x00, 0x81, sw=0x63C3)
    card.must(0x80, 0x52, 0x00, 0x00, bytes(range(32)), ne=256)
    card.verify()
    key = find(card.must(0x00, 0x46, 0x01, 0x00, cvc.key_template("secp256r1", b"XTSM00001"), ne=65536), 0x67)
    point = find(key, 0x7F21, 0x7F4E, 0x7F49, 0x86)
    der = card.must(0x80, 0x68, 0x01, 0x73, b"through the channel", ne=256)
    public = ec.EllipticCurvePublicKey.from_encoded_point(cvc.CURVE["secp256r1"], point)
    public.verify(der, b"through the channel", ec.ECDSA(cvc.hashes.SHA256()))
    peer = cvc.new_key("secp256r1")
    secret = card.must(0x80, 0x62, 0x01, 0x80, cvc.point_of(peer), ne=65536)
    check(secret[1:] == peer.exchange(ec.ECDH(), public), "ECDH")
    card.must(0x00, 0x48, 0x02, 0xB2)
    blob = card.must(0x80, 0x72, 0x02, 0x92, ne=65536)
    card.must(0x80, 0x74, 0x03, 0x93, blob)
    block = bytes(16)
    check(card.must(0x80, 0x78, 0x02, 0x10, block, ne=256) == card.must(0x80, 0x78, 0x03, 0x10, block, ne=256), "wrapped key")
    for n in (1, 7, 8, 15, 16, 17, 255, 256, 1200):
        card.write(0xCD01, bytes(i & 0xFF for i in range(n)))
        check(card.read(0xCD01) == bytes(i & 0xFF for i in range(n)), f"EF of {n} bytes")
    check(len(card.must(0x80, 0x58, 0x00, 0x00, ne=65536)) % 2 == 0, "list of objects")
    card.must(0x00, 0xE4, 0x02, 0x00, b"\xCD\x01")
    card.must(0x00, 0xE4, 0x02, 0x00, b"\xCD\x01", sw=0x6A82)
    card.must(0x00, 0x20, 0x00, 0x81)
    # Logout inside: the answer is still protected, then the channel is closed
    card.must(0x00, 0xA4, 0x04, 0x00, AID, ne=256)
    check(card.command(0x00, 0x20, 0x00, 0x81)[1] == 0x6985, "the channel is open after SELECT")


def tampering(reader, suite):
    """A changed, repeated or plain command ends channel and login."""
    card = SecureCard(reader)
    card.initialize()
    for how in ("flip", "replay", "plain", "no MAC"):
        card.open(suite)
        card.verify()
        header, objects = card.protect(0x00, 0x48, 0x01, 0xB0, b"", None)
        wanted = 0x6988
        if how == "flip":
            objects = objects[:-1] + bytes([objects[-1] ^ 1])
        elif how == "no MAC":
            objects = tlv(0x97, b"\x00")
            wanted = 0x6987
        command = header + bytes([len(objects)]) + objects
        if how == "replay":
            check(card.transmit(command)[1] == 0x9000, "GENERATE SYMMETRIC KEY")
        if how == "plain":
            command = bytes.fromhex("004801B0")
            wanted = 0x6982
        check(card.transmit(command)[1] == wanted, f"{how}: not {wanted:04X}")
        check(card.transmit(header + bytes([len(objects)]) + objects)[1] == 0x6985, f"{how}: the channel is still open")
        check(card.transmit(bytes.fromhex("004801B0"))[1] == 0x6982, f"{how}: still logged in")


SCENARIOS = {"work": work, "tampering": tampering}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in SCENARIOS or sys.argv[2] not in OID:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(SCENARIOS)} {'|'.join(OID)} READER")
    try:
        SCENARIOS[sys.argv[1]](sys.argv[3], sys.argv[2])
    except Failure as e:
        sys.exit(f"{sys.argv[1]}: {e}")


main()
