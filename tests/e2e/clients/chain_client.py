#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
"""A card with a chain of its owner's making: usage: chain_client.py READER DIRECTORY

Initialises the card, loads a chain under a new root into EF 2F02, and puts keys into the card: 1 made there, 2 derived
from it, 3 restored from a backup. Writes root.cvc, another root (other.cvc), chain.cvc and the requests 1.cvc, 2.cvc, 3.cvc.
"""

import sys

import cvc
from card import Card
from pka_client import Custodians


def main():
    reader, directory = sys.argv[1:]
    card = Card(reader)
    owner = Custodians()
    card.initialize(shares=1)
    card.must(0x80, 0x52, 0x00, 0x00, bytes(range(32)), ne=256)
    card.verify()
    owner.adopt(card)
    card.must(0x00, 0x46, 0x01, 0x00, cvc.key_template("secp256r1", b"XTMADE00001"), ne=65536)
    card.must(0x80, 0x76, 0x01, 0x02, b"\x98" + bytes(31) + b"\x05")
    blob = card.must(0x80, 0x72, 0x01, 0x92, ne=65536)
    card.must(0x80, 0x74, 0x03, 0x93, blob)
    files = {"root": owner.root_cvc, "other": Custodians().root_cvc, "chain": card.read(0x2F02)}
    for key in (1, 2, 3):
        files[str(key)] = card.read(0xCE00 | key)
    for name, data in files.items():
        with open(f"{directory}/{name}.cvc", "wb") as f:
            f.write(data)


main()
