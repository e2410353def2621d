#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# The daemon and pcscd come and go, in both directions of the connection, and the card loses nothing.

load lib

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    room_open dialling 2
    card_init 0 --dkek-shares 1 --label 'Lasting card'
    share_import_raw 0 1
    key_generate 0 EC:secp256r1 10 'an EC key'
    key_generate 0 rsa:2048 11 'an RSA key'
    public_key 0 10 ec.pem
    public_key 0 11 rsa.pem
    openssl req -new -x509 -newkey rsa:2048 -nodes -keyout other.key -subj /CN=lasting -outform DER -out certificate.der
    p11_in 0 --write-object certificate.der --type cert --id 20
    openssl rand 2000 >data
    p11_in 0 --write-object data --type data --label 'private data' --private
    # One try of each PIN is used up: that has to last as well.
    run p11 0 --login --pin 000000 --list-objects
    run sc_hsm 0 --initialize --so-pin 0000000000000000 --pin 111111
    everything >before
}

teardown_file() {
    room_close dialling listening
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# everything: what OpenSC shows without a login.
everything() {
    p15 0 --dump 2>/dev/null | grep -v MD:guid
    sc_hsm 0 2>/dev/null
    p11 0 --read-object --type cert --id 20 2>/dev/null | hex
}

# all_there: nothing changed, and the keys work. The login puts the PIN's counter back, so it is used up again.
all_there() {
    everything >after
    diff before after
    key_signs 0 10 ec.pem
    key_signs 0 11 rsa.pem
    p11_in 0 --read-object --type data --label 'private data' -o read.data
    cmp read.data data
    run p11 0 --login --pin 000000 --list-objects
    [ "$(tries 0 'User PIN')" = 2 ]
}

@test "before: the tries used up are shown" {
    grep 'SO-PIN tries left    : 14' before
    grep 'User PIN tries left  : 2' before
    grep 'DKEK key check value' before
    grep 'Lasting card' before
    grep "Private RSA Key \[an RSA key\]" before
    all_there
}

@test "the daemon ends and starts again" {
    cards_again stop-cards
    all_there
}

@test "the daemon is killed and starts again" {
    cards_again kill-cards
    all_there
}

@test "pcscd ends and starts again; the daemon comes back by itself" {
    room restart-pcscd
    all_there
}

@test "pcscd is away while the daemon starts anew" {
    room stop-pcscd
    room stop-cards
    room start-pcscd & # waits for the cards that come next
    "$TREE/scripts/private-pcscd" --control start-cards
    wait $!
    all_there
}

@test "a login ends with the daemon and with pcscd" {
    # One process keeps its session; the next must not find the PIN verified.
    p11_in 0 --list-objects
    [[ $(apdu 0 00200081) == :63C3 ]]
    room restart-pcscd
    [[ $(apdu 0 00200081) == :63C3 ]]
    run p11 0 --login --pin 000000 --list-objects
}

@test "the same file in the other direction: pcscd dials the card" {
    local file=$TWINHSM_CARD_0
    room stop-cards
    cp "$file" "$file".secret "$BATS_FILE_TMPDIR"
    room_open listening 1 --direction listen --card "$BATS_FILE_TMPDIR/${file##*/}"
    all_there
}
