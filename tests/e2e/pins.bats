#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Initialisation, user PIN and SO-PIN with OpenSC 0.23: sc-hsm-tool, pkcs11-tool, pkcs15-tool.
#
# Not here, because the tools of 0.23 cannot: unblocking by "pkcs15-tool --unblock-pin" or "pkcs11-tool --unlock-pin"
# (they send the SO-PIN as 16 letters and the new PIN packed, which no card of this kind takes), unblocking without a
# new PIN, and the transport PIN.

load lib

setup_file() {
    room_open main 1
}

teardown_file() {
    room_close main
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    # Every test begins with a card as a user has it: named, with a key and a data object.
    [[ $BATS_TEST_DESCRIPTION == 'a new card'* ]] || fresh
}

# fresh: such a card.
fresh() {
    card_init 0 --label 'My card'
    key_generate 0 EC:secp256r1 10 mine >/dev/null
    public_key 0 10 mine.pem
    echo kept >data
    p11_in 0 --write-object data --type data --label kept >/dev/null
}

# intact [PIN]: nothing that setup made was lost, under its PIN.
intact() {
    local PIN=${1:-$PIN}
    p11 0 --list-slots | grep -q 'token label *: My card (UserPIN)'
    key_signs 0 10 mine.pem
    p11_in 0 --read-object --type data --label kept -o read-back
    cmp data read-back
    rm read-back
}

# so_sets_pin SO-PIN PIN: as the security officer, set a user PIN, which also unblocks.
so_sets_pin() {
    p11 0 --login --login-type so --so-pin "$1" --init-pin --new-pin "$2"
}

# wrong_login TEXT: one try with a wrong PIN, which must fail, with TEXT.
wrong_login() {
    run p11 0 --login --pin 111111 --list-objects
    [ "$status" != 0 ]
    [[ $output == *"$1"* ]]
}

@test "a new card says that it was never initialised" {
    [[ $(sc_hsm 0) == *'has never been initialized'* ]]
    fresh
    [[ $(sc_hsm 0) != *'has never been initialized'* ]]
}

@test "initialise: tries, options and label are shown" {
    run sc_hsm 0
    [[ $output == *'User PIN reset with SO-PIN enabled'* ]]
    [[ $output == *'SO-PIN tries left    : 15'* ]]
    [[ $output == *'User PIN tries left  : 3'* ]]
    intact
}

@test "initialise: everything is gone afterwards, and the label is the new one" {
    card_init 0 --label 'Another name'
    [ "$(key_count 0)" = 0 ]
    run p11_in 0 --list-objects
    [[ $output != *kept* ]]
    p11 0 --list-slots | grep -q 'token label *: Another name (UserPIN)'
}

@test "initialise: without a label the card has its usual name" {
    card_init 0
    p11 0 --list-slots | grep -q 'token label *: SmartCard-HSM (UserPIN)'
}

@test "initialise: a longer PIN with more tries" {
    sc_hsm 0 --initialize --so-pin "$SO_PIN" --pin 12345678 --pin-retry 10
    [ "$(tries 0 'User PIN')" = 10 ]
    p11 0 --login --pin 12345678 --list-objects
}

@test "initialise: a wrong SO-PIN destroys nothing, and counts" {
    run sc_hsm 0 --initialize --so-pin 1111111111111111 --pin 222222 --label 'Not mine'
    [ "$(tries 0 SO-PIN)" = 14 ]
    intact
    run sc_hsm 0 --initialize --so-pin 1111111111111112 --pin 222222
    [ "$(tries 0 SO-PIN)" = 13 ]
    intact
    # The right one makes good.
    card_init 0
    [ "$(tries 0 SO-PIN)" = 15 ]
}

@test "initialise by pkcs11-tool: token, then user PIN" {
    p11 0 --init-token --label 'By PKCS 11' --so-pin "$SO_PIN"
    so_sets_pin "$SO_PIN" 765432
    p11 0 --login --pin 765432 --list-objects
    p11 0 --list-slots | grep -q 'token label *: By PKCS 11 (UserPIN)'
    [ "$(key_count 0)" = 0 ]
}

@test "initialise by pkcs11-tool: a wrong SO-PIN destroys nothing" {
    run p11 0 --init-token --label 'Not mine' --so-pin 1111111111111111
    [ "$status" != 0 ]
    [ "$(tries 0 SO-PIN)" = 14 ]
    intact
}

@test "user PIN: wrong ones count down and block, the right one does not help any more" {
    wrong_login CKR_PIN_INCORRECT
    [ "$(tries 0 'User PIN')" = 2 ]
    wrong_login CKR_PIN_INCORRECT
    [ "$(tries 0 'User PIN')" = 1 ]
    wrong_login CKR_PIN_
    [[ $(sc_hsm 0) == *'User PIN locked'* ]]
    run p11_in 0 --list-objects
    [[ $output == *CKR_PIN_LOCKED* ]]
    p11 0 --list-slots | grep -q 'user PIN locked'
}

@test "user PIN: the right one sets the counter back" {
    wrong_login CKR_PIN_INCORRECT
    wrong_login CKR_PIN_INCORRECT
    p11_in 0 --list-objects
    [ "$(tries 0 'User PIN')" = 3 ]
}

@test "user PIN: the counter survives a power cut" {
    wrong_login CKR_PIN_INCORRECT
    cards_again kill-cards
    [ "$(tries 0 'User PIN')" = 2 ]
    wrong_login CKR_PIN_INCORRECT
    wrong_login CKR_PIN_
    cards_again kill-cards
    [[ $(sc_hsm 0) == *'User PIN locked'* ]]
}

@test "user PIN: changed by pkcs11-tool" {
    p11 0 --login --pin "$PIN" --change-pin --new-pin 1234567890
    intact 1234567890
    run p11_in 0 --list-objects
    [[ $output == *CKR_PIN_INCORRECT* ]]
}

@test "user PIN: changed by pkcs15-tool, to 6 and to 15 digits and letters" {
    p15 0 --change-pin --pin "$PIN" --new-pin 123456789abcdEF
    intact 123456789abcdEF
    p15 0 --change-pin --pin 123456789abcdEF --new-pin 987654
    intact 987654
}

@test "user PIN: not changed when the old one is wrong" {
    run p15 0 --change-pin --pin 111111 --new-pin 222222
    [ "$status" != 0 ]
    [ "$(tries 0 'User PIN')" = 2 ]
    intact
}

# block: three wrong PINs.
block() {
    wrong_login CKR_PIN_
    wrong_login CKR_PIN_
    wrong_login CKR_PIN_
    [[ $(sc_hsm 0) == *'User PIN locked'* ]]
}

@test "unblock by pkcs11-tool: the SO sets a new PIN" {
    block
    so_sets_pin "$SO_PIN" 444444
    intact 444444
    [ "$(tries 0 'User PIN')" = 3 ]
}

@test "unblock: a wrong SO-PIN does not, and counts" {
    block
    run p11 0 --login --login-type so --so-pin 1111111111111111 --init-pin --new-pin 333333
    [ "$status" != 0 ]
    [ "$(tries 0 SO-PIN)" = 14 ]
    [[ $(sc_hsm 0) == *'User PIN locked'* ]]
    so_sets_pin "$SO_PIN" 333333
    [ "$(tries 0 SO-PIN)" = 15 ]
    intact 333333
}

@test "SO-PIN: changed, the old one no longer initialises or unblocks" {
    p11 0 --login --login-type so --so-pin "$SO_PIN" --change-pin --new-pin 8877665544332211
    intact
    run so_sets_pin "$SO_PIN" 333333
    [ "$status" != 0 ]
    run sc_hsm 0 --initialize --so-pin "$SO_PIN" --pin 222222
    [ "$(tries 0 SO-PIN)" = 13 ]
    intact
    so_sets_pin 8877665544332211 333333
    intact 333333
    # Back, so that the next test can initialise.
    p11 0 --login --login-type so --so-pin 8877665544332211 --change-pin --new-pin "$SO_PIN"
    card_init 0
}
