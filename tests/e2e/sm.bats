#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Secure messaging with a client whose cryptography is not the card's.

load lib

setup_file() {
    room_open sm 1
}

teardown_file() {
    room_close sm
}

setup() {
    room_use sm
}

client() {
    /usr/bin/python3 "$BATS_TEST_DIRNAME/clients/sm_client.py" "$@" 'TwinHSM 00 00'
}

@test "a day's work inside a channel with AES-128" {
    client work aes128
}

@test "a day's work inside a channel with triple DES" {
    client work 3des
}

@test "tampering ends channel and login, AES-128" {
    client tampering aes128
}

@test "tampering ends channel and login, triple DES" {
    client tampering 3des
}
