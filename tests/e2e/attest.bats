#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# scripts/attest: yes for keys made in a card under the root one believes in, no for everything else.

load lib

setup_file() {
    room_open attest 2
    card_init 0
    key_generate 0 EC:prime256v1 01 ec
    key_generate 0 rsa:2048 02 rsa
    key_generate 0 EC:secp521r1 03 large
    # Card 1: a chain of its owner's, and keys of other origins
    /usr/bin/python3 "$BATS_TEST_DIRNAME/clients/chain_client.py" 'TwinHSM 00 01' "$BATS_FILE_TMPDIR"
}

teardown_file() {
    room_close attest
}

setup() {
    room_use attest
    cd "$BATS_FILE_TMPDIR" || return 1
}

# answer ARGUMENT...: the last line of scripts/attest, whose exit code has to fit.
answer() {
    run "$TREE/scripts/attest" "$@"
    echo "$output"
    case ${lines[-1]} in
        yes:*) [ "$status" -eq 0 ] ;;
        no:*) [ "$status" -eq 1 ] ;;
        *) [ "$status" -eq 2 ] ;;
    esac
}

# spoil FILE OFFSET: a copy with one byte changed, as spoiled.cvc.
spoil() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    cp "$1" spoiled.cvc
    printf '%b' "$(printf '\\x%02X' $((byte ^ 1)))" | dd of=spoiled.cvc bs=1 seek="$2" conv=notrunc status=none
}

@test "yes for EC and RSA keys of a card under the development root" {
    for key in 1 2 0x03; do
        answer --card 0 --key "$key" --development
        [[ ${lines[-1]} == yes:*"development root, whose private key is public" ]]
    done
}

@test "the attested public key is the one that OpenSC reads" {
    public_key 0 01 "$BATS_TEST_TMPDIR/1.pem"
    public_key 0 02 "$BATS_TEST_TMPDIR/2.pem"
    answer --card 0 --key 1 --development --public-key "$BATS_TEST_TMPDIR/1.pem" --output "$BATS_TEST_TMPDIR/out.pem"
    [[ ${lines[-1]} == yes:* ]]
    cmp "$BATS_TEST_TMPDIR/1.pem" "$BATS_TEST_TMPDIR/out.pem"
    answer --card 0 --key 1 --development --public-key "$BATS_TEST_TMPDIR/2.pem"
    [[ ${lines[-1]} == "no: the request is for another key" ]]
}

@test "no without a root to believe in, and for a key that is not there" {
    answer --card 0 --key 1
    [[ ${lines[-1]} == "no: no root given"* ]]
    answer --card 0 --key 99 --development
    [[ ${lines[-1]} == "no: the card has no request for key 99" ]]
}

@test "yes for a key under a root of one's own, from the card and from files" {
    answer --card 1 --key 1 --root root.cvc
    [[ ${lines[-1]} == "yes: made in XTPYADOPTED00001" ]]
    answer --request 1.cvc --chain chain.cvc --root root.cvc
    [[ ${lines[-1]} == "yes: made in XTPYADOPTED00001" ]]
}

@test "no under another root of the same name, and under the development root" {
    answer --request 1.cvc --chain chain.cvc --root other.cvc
    [[ ${lines[-1]} == no:*"does not verify" ]]
    answer --request 1.cvc --chain chain.cvc --development
    [[ ${lines[-1]} == no:* ]]
}

@test "no for derived and restored keys, for which the device does not vouch" {
    for key in 2 3; do
        answer --card 1 --key "$key" --root root.cvc
        [[ ${lines[-1]} == "no: only the key itself signed"* ]]
    done
}

@test "no where request and chain do not belong together, or are none" {
    # A chain that is nothing but a root
    answer --request 1.cvc --chain other.cvc --root other.cvc
    [[ ${lines[-1]} == "no: the chain does not end at a device" ]]
    answer --request 1.cvc --chain "$TREE/README.md" --root root.cvc
    [[ ${lines[-1]} == "no: the chain holds no certificate" ]]
    answer --request chain.cvc --chain chain.cvc --root root.cvc
    [[ ${lines[-1]} == "no: that is not a request" ]]
}

@test "no for any changed byte that matters" {
    size=$(stat -c %s 1.cvc)
    # In the public key, in the outer name, at the end of the outer signature
    for offset in 30 290 $((size - 70)) $((size - 1)); do
        spoil 1.cvc "$offset"
        answer --request spoiled.cvc --chain chain.cvc --root root.cvc
        [[ ${lines[-1]} == no:* ]]
    done
    # In the device's key, in the issuer's
    for offset in 60 300; do
        spoil chain.cvc "$offset"
        answer --request 1.cvc --chain spoiled.cvc --root root.cvc
        [[ ${lines[-1]} == no:* ]]
    done
}

@test "an X.509 certificate in the request's place is named as such" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out "$BATS_TEST_TMPDIR/x.der" -outform der \
        -subj /CN=x -days 2
    answer --request "$BATS_TEST_TMPDIR/x.der" --chain chain.cvc --root root.cvc
    [[ ${lines[-1]} == "no: what is stored for the key is an X.509 certificate"* ]]
}

@test "wrong usage is told from a no" {
    for words in "" "--card 0" "--card 0 --key 0" "--card 0 --key 256" "--card 0 --key x" "--request 1.cvc" "--nonsense" \
        "--card 0 --key 1 --root 1.cvc" "--card 0 --key 1 --root nowhere" "--card 7 --key 1 --development" \
        "--card 0 --key 1 --root root.cvc --development"; do
        # shellcheck disable=SC2086 # words
        answer $words
        [ "$status" -eq 2 ]
    done
    run "$TREE/scripts/attest" --help
    [ "$status" -eq 0 ]
    [[ $output == usage:* ]]
}
