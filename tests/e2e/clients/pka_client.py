#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
"""Public key authentication of a card by keys that live in this program: usage: pka_client.py SCENARIO READER

The program plays the custodians' devices too: it makes a root, an issuer and a device in software, loads the chain that
belongs to them into the card, registers keys that its device vouches for, and logs in with them.
"""

import sys

import cvc
from card import Card, Failure, PIN, check, find, tlv

ROOT, ISSUER, DEVICE = b"XTPYROOT00001", b"XTPYISSUER00001", b"XTPYDEVICE00001"


class Custodians:
    """A software device under a software root."""

    def __init__(self):
        self.root, self.issuer, self.device = (cvc.new_key() for _ in range(3))
        self.root_cvc = cvc.certificate(ROOT, self.root, ROOT, self.root, 0xC0, full=True)
        self.issuer_cvc = cvc.certificate(ROOT, self.root, ISSUER, self.issuer, 0x80)
        self.device_cvc = cvc.certificate(ISSUER, self.issuer, DEVICE, self.device, 0x00)
        self.keys = {}

    def adopt(self, card):
        """Gives the card a certificate under this root. The user must be logged in."""
        point = find(card.read(0xCE00), 0x67, 0x7F21, 0x7F4E, 0x7F49, 0x86)
        name = b"XTPYADOPTED00001"[:16]
        own = cvc.Certificate(card.certificates()[0])
        check(own.point == point, "2F02 is not for the device key")
        public = cvc.ec.EllipticCurvePublicKey.from_encoded_point(cvc.CURVE["brainpoolP256r1"], point)

        class Holder:
            @staticmethod
            def public_key():
                return public

        card.write(0x2F02, cvc.certificate(ISSUER, self.issuer, name, Holder, 0x00) + self.issuer_cvc + self.root_cvc)

    def new(self, name, curve="brainpoolP256r1"):
        self.keys[name] = cvc.new_key(curve)
        return cvc.request(name, self.keys[name], curve, DEVICE, self.device)


def manage_se(card, p2, name):
    return card.command(0x00, 0x22, 0x81, p2, tlv(0x83, name))[1]


def trust(card, whole):
    c = cvc.Certificate(whole)
    if manage_se(card, 0xB6, c.chr) == 0x9000:
        return
    check(manage_se(card, 0xB6, c.car) == 0x9000, "issuer is not known")
    card.must(0x00, 0x2A, 0x00, 0xBE, c.contents)


def register(card, custodians, request, sw=0x9000):
    trust(card, custodians.issuer_cvc)
    trust(card, custodians.device_cvc)
    check(manage_se(card, 0xB6, DEVICE) == 0x9000, "device is not known")
    return card.must(0x80, 0x54, 0x00, 0x00, find(request, 0x67), ne=4, sw=sw)


def status(card):
    return tuple(card.must(0x80, 0x54, 0x00, 0x00, ne=4))


def challenge(card):
    name = cvc.Certificate(card.certificates()[0]).chr
    return name + card.must(0x00, 0x84, 0x00, 0x00, ne=8)


def authenticate(card, custodians, name):
    message = challenge(card)
    check(manage_se(card, 0xA4, name) == 0x9000, "key is not registered")
    card.must(0x00, 0x82, 0x00, 0x00, cvc.sign(custodians.keys[name], message))


def make_key(card, sw=0x9000):
    card.must(0x00, 0x48, 0x01, 0xB0, sw=sw)


def set_up(reader, n, m, options=0x0001, pin=None):
    """A card under the program's root, initialised for m of n keys."""
    card = Card(reader)
    custodians = Custodians()
    card.initialize()
    card.verify()
    custodians.adopt(card)
    card.select()
    card.initialize(options, pin, (n, m))
    return card, custodians


def one_key(reader):
    card, custodians = set_up(reader, 1, 1)
    check(status(card) == (1, 1, 1, 0), "status before registration")
    register(card, custodians, custodians.new(b"XTALICE00001"))
    check(status(card) == (1, 0, 1, 0), "status after registration")
    make_key(card, 0x6982)
    authenticate(card, custodians, b"XTALICE00001")
    check(status(card) == (1, 0, 1, 1), "status after authentication")
    make_key(card)
    card.select()
    check(status(card) == (1, 0, 1, 0), "status after logout")
    make_key(card, 0x6982)


def two_of_three(reader):
    card, custodians = set_up(reader, 3, 2)
    register(card, custodians, custodians.new(b"XTALICE00001"))
    register(card, custodians, custodians.new(b"XTBOB00001", "secp256r1"))
    register(card, custodians, custodians.new(b"XTCAROL00001"))
    authenticate(card, custodians, b"XTBOB00001")
    make_key(card, 0x6982)
    card.must(0x00, 0x20, 0x00, 0x81, sw=0x6300)
    check(manage_se(card, 0xA4, b"XTBOB00001") == 0x6985, "one key counts twice")
    authenticate(card, custodians, b"XTCAROL00001")
    make_key(card)


def pin_and_key(reader):
    card, custodians = set_up(reader, 1, 1, options=0x0011, pin=PIN)
    register(card, custodians, custodians.new(b"XTALICE00001"))
    card.verify()
    make_key(card, 0x6982)
    card.select()
    authenticate(card, custodians, b"XTALICE00001")
    make_key(card, 0x6982)
    card.verify()
    make_key(card)


def forgeries(reader):
    card, custodians = set_up(reader, 1, 1)
    stranger = Custodians()
    # A device of the same name under another root, then a request that another device signed
    contents = cvc.Certificate(stranger.issuer_cvc).contents
    check(manage_se(card, 0xB6, ROOT) == 0x9000, "root is not known")
    card.must(0x00, 0x2A, 0x00, 0xBE, contents, sw=0x6300)
    register(card, custodians, stranger.new(b"XTEVE00001"), sw=0x6300)
    check(status(card) == (1, 1, 1, 0), "a forged request was registered")
    register(card, custodians, custodians.new(b"XTALICE00001"))
    # Another key signs; the right key signs for another device, or without the device's name
    message = challenge(card)
    for bad in (cvc.sign(cvc.new_key(), message), cvc.sign(custodians.keys[b"XTALICE00001"], b"XTOTHER00001" + message[-8:]),
                cvc.sign(custodians.keys[b"XTALICE00001"], message[-8:])):
        card.must(0x00, 0x84, 0x00, 0x00, ne=8)
        check(manage_se(card, 0xA4, b"XTALICE00001") == 0x9000, "key is not registered")
        card.must(0x00, 0x82, 0x00, 0x00, bad, sw=0x6985)
    make_key(card, 0x6982)
    authenticate(card, custodians, b"XTALICE00001")
    make_key(card)


def attestation(reader):
    """A key made in the card leads up to the root: signatures checked here."""
    card, custodians = set_up(reader, 1, 1, pin=PIN)
    card.verify()
    answer = card.must(0x00, 0x46, 0x02, 0x00, cvc.key_template("secp256r1", b"XTMYKEY00001"), ne=65536)
    objects = {tag: whole for tag, _, whole in cvc.parse(find(answer, 0x67))}
    chain = [cvc.Certificate(c) for c in card.certificates()]
    inner = cvc.Certificate(objects[0x7F21])
    inner.verify_under(inner.point, "secp256r1")
    check(find(objects[0x42], 0x42) == chain[0].chr, "the request names another device")
    cvc.verify(chain[0].point, "brainpoolP256r1", find(objects[0x5F37], 0x5F37), objects[0x7F21] + objects[0x42])
    chain[0].verify_under(chain[1].point)
    chain[1].verify_under(cvc.point_of(custodians.root))


SCENARIOS = {f.__name__: f for f in (one_key, two_of_three, pin_and_key, forgeries, attestation)}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in SCENARIOS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(SCENARIOS)} READER")
    try:
        SCENARIOS[sys.argv[1]](sys.argv[2])
    except Failure as e:
        sys.exit(f"{sys.argv[1]}: {e}")


if __name__ == "__main__":
    main()
