#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Public key authentication: sc-hsm-tool's options between two cards, then n-of-m logins by a client whose
# cryptography is not the card's.

load lib

setup_file() {
    room_open pka 2
}

teardown_file() {
    room_close pka
}

setup() {
    room_use pka
}

# init ARGUMENT...: initialise card 0. Its PIN state is not looked at: with public keys it may be another.
init() {
    sc_hsm 0 --initialize --so-pin "$SO_PIN" --pin "$PIN" "$@"
}

# status_is TOTAL MISSING REQUIRED AUTHENTICATED: what sc-hsm-tool shows of card 0.
status_is() {
    local text
    text=$(sc_hsm 0 --public-key-auth-status)
    echo "$text"
    [[ $text == *"Number of public keys:     $1"* ]]
    [[ $text == *"Missing public keys:       $2"* ]]
    [[ $text == *"Required pubkeys for auth: $3"* ]]
    [[ $text == *"Authenticated public keys: $4"* ]]
}

# custodian_file: a file with a key of card 1, exported by sc-hsm-tool; made once.
custodian_file() {
    local file=$BATS_FILE_TMPDIR/custodian.pka
    if [ ! -s "$file" ]; then
        card_init 1
        key_generate 1 EC:prime256v1 01 custodian
        sc_hsm 1 --key-reference "$(key_reference 1 01)" --export-for-pub-key-auth "$file"
    fi >&2
    [ -s "$file" ] && echo "$file"
}

client() {
    /usr/bin/python3 "$BATS_TEST_DIRNAME/clients/pka_client.py" "$1" 'TwinHSM 00 00'
}

@test "a card without public key authentication says so" {
    card_init 0
    run sc_hsm 0 --public-key-auth-status
    [[ $output == *"not initialized for public key registration"* ]]
    run sc_hsm 0 --register-public-key "$(custodian_file)"
    [[ $output == *"not initialized for public key registration"* ]]
}

@test "sc-hsm-tool exports a key of one card and registers it on another" {
    init --public-key-auth 2 --required-pub-keys 1
    status_is 2 2 1 0
    sc_hsm 0 --register-public-key "$(custodian_file)"
    status_is 2 1 1 0
    # The same key again would let one custodian count twice
    run sc_hsm 0 --register-public-key "$(custodian_file)"
    [ "$status" -ne 0 ]
    status_is 2 1 1 0
}

@test "a file that was changed on the way is refused" {
    init --public-key-auth 1 --required-pub-keys 1
    cp "$(custodian_file)" "$BATS_TEST_TMPDIR/changed.pka"
    # Inside the signature by the custodian's device
    printf '\xAA\xAA' | dd of="$BATS_TEST_TMPDIR/changed.pka" bs=1 seek=480 conv=notrunc status=none
    run sc_hsm 0 --register-public-key "$BATS_TEST_TMPDIR/changed.pka"
    [ "$status" -ne 0 ]
    status_is 1 1 1 0
}

@test "registration is open after INITIALIZE with a label, which logs in" {
    init --public-key-auth 1 --required-pub-keys 1 --label Labelled
    sc_hsm 0 --register-public-key "$(custodian_file)"
    status_is 1 0 1 0
}

@test "registration is closed to strangers once the card holds a key" {
    init --public-key-auth 1 --required-pub-keys 1
    key_generate 0 EC:prime256v1 01 mine
    run sc_hsm 0 --register-public-key "$(custodian_file)"
    [ "$status" -ne 0 ]
    [[ $output == *"Security status not satisfied"* ]]
    status_is 1 1 1 0
}

@test "sc-hsm-tool shows the user PIN's tries beside public keys, and a card that has none" {
    init --public-key-auth 1 --required-pub-keys 1
    [ "$(tries 0 'User PIN')" = 3 ]
    # 82 SO-PIN, 91 tries, 93 one of one; no user PIN
    run apdu 0 8050000015800200018208353736323138383091010393020101 00200081
    [[ ${lines[-1]} == :6300 ]]
    run sc_hsm 0
    [[ $output == *"Public key authentication active"* ]]
}

@test "login by one key" {
    client one_key
}

@test "login by two of three keys, on two curves" {
    client two_of_three
}

@test "login by user PIN and key together" {
    client pin_and_key
}

@test "forged certificates, requests and signatures are refused" {
    client forgeries
}

@test "a generated key is attested up to the root of a chain loaded into the card" {
    client attestation
}
