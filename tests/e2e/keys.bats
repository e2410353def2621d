#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Every key type that OpenSC 0.23 can ask for: generated, listed, used, verified by openssl, wrapped, deleted, restored
# on another card of the same DKEK, used there, and refused by a card of another DKEK.
#
# Not here, because the tools of 0.23 cannot: secp224r1 (pkcs11-tool knows it, the card driver has no such curve),
# secp224k1 and brainpool t1 curves, generation and use of AES keys. AES keys do appear: sc-hsm-tool can wrap and
# restore them, so only their generation and use goes by bare APDUs.
# Cards: 0 and 1 have the same DKEK, 2 has one of its own.

load lib

setup_file() {
    room_open main 3
    card_init 0 --dkek-shares 1
    card_init 1 --dkek-shares 1
    card_init 2 --dkek-shares 0
    share_import_raw 0 1
    share_import_raw 1 1
}

teardown_file() {
    room_close main
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# card_refuses FILE: the key file does not belong to the DKEK of card 2.
card_refuses() {
    run sc_hsm 2 --unwrap-key "$1" --key-reference 1 --pin "$PIN"
    [[ $output == *'does not match DKEK'* ]]
    [[ $output != *'successfully imported'* ]]
    [ "$(key_count 2)" = 0 ]
}

# life_of TYPE ID LISTED BITS: the whole life of one key; LISTED is how pkcs11-tool names it, BITS what openssl finds.
life_of() {
    local type=$1 id=$2 listed=$3 bits=$4

    run key_generate 0 "$type" "$id" "a $type"
    [ "$status" = 0 ]
    [[ $output == *"Key pair generated"* ]]
    run p11_in 0 --list-objects --type privkey
    [[ $output == *"label:      a $type"* ]]
    [[ $(p11_in 0 --list-objects --type pubkey --id "$id") == *"$listed"* ]]

    public_key 0 "$id" first.pem
    [[ $(openssl pkey -pubin -in first.pem -noout -text) == *"($bits bit)"* ]]
    key_signs 0 "$id" first.pem
    key_wrap 0 "$id" key.wrap

    key_delete 0 "$id"
    [ -z "$(key_reference 0 "$id")" ]
    run key_signs 0 "$id" first.pem
    [ "$status" != 0 ]

    card_refuses key.wrap
    key_unwrap 1 7 key.wrap --force
    [ "$(key_reference 1 "$id")" = 7 ]
    [[ $(p11_in 1 --list-objects --type privkey --id "$id") == *"label:      a $type"* ]]
    key_signs 1 "$id" first.pem
    public_key 1 "$id" second.pem
    cmp first.pem second.pem

    # And back again, where the key was made.
    key_unwrap 0 9 key.wrap --force
    key_signs 0 "$id" first.pem
    key_delete 0 "$id"
}

@test "secp192r1" {
    life_of EC:secp192r1 21 'EC_POINT 192 bits' 192
}

@test "secp256r1" {
    life_of EC:secp256r1 22 'EC_POINT 256 bits' 256
}

@test "secp384r1" {
    life_of EC:secp384r1 23 'EC_POINT 384 bits' 384
}

@test "secp521r1" {
    life_of EC:secp521r1 24 'EC_POINT 528 bits' 521 # 0.23 counts whole bytes
}

@test "secp192k1" {
    life_of EC:secp192k1 25 'EC_POINT 192 bits' 192
}

@test "secp256k1" {
    life_of EC:secp256k1 26 'EC_POINT 256 bits' 256
}

@test "brainpoolP192r1" {
    life_of EC:brainpoolP192r1 27 'EC_POINT 192 bits' 192
}

@test "brainpoolP224r1" {
    life_of EC:brainpoolP224r1 28 'EC_POINT 224 bits' 224
}

@test "brainpoolP256r1" {
    life_of EC:brainpoolP256r1 29 'EC_POINT 256 bits' 256
}

@test "brainpoolP320r1" {
    life_of EC:brainpoolP320r1 2a 'EC_POINT 320 bits' 320
}

@test "brainpoolP384r1" {
    life_of EC:brainpoolP384r1 2b 'EC_POINT 384 bits' 384
}

@test "brainpoolP512r1" {
    life_of EC:brainpoolP512r1 2c 'EC_POINT 512 bits' 512
}

@test "RSA 1024" {
    life_of rsa:1024 31 'RSA 1024 bits' 1024
}

@test "RSA 1536" {
    life_of rsa:1536 32 'RSA 1536 bits' 1536
}

@test "RSA 2048" {
    life_of rsa:2048 33 'RSA 2048 bits' 2048
}

@test "RSA 3072" {
    life_of rsa:3072 34 'RSA 3072 bits' 3072
}

@test "RSA 4096" {
    life_of rsa:4096 35 'RSA 4096 bits' 4096
}

# aes_encrypts R REFERENCE HEX: AES-CBC with a zero IV, on the card.
aes_encrypts() {
    apdu "$1" "0020008106$(printf %s "$PIN" | hex)" "8078${2}10$(printf %02X $((${#3} / 2)))${3}00" | tail -n 1
}

@test "AES 128, 192, 256: made by the card, wrapped, restored on another, the same key" {
    local plain=00112233445566778899AABBCCDDEEFF0123456789ABCDEF0123456789ABCDEF kind cipher
    for kind in B0 B1 B2; do
        apdu 0 "0020008106$(printf %s "$PIN" | hex)" "00480B$kind" | tail -n 1 | grep -q ':9000$'
        cipher=$(aes_encrypts 0 0B "$plain")
        [[ $cipher =~ ^[0-9A-F]{64}:9000$ ]]
        rm -f aes.wrap
        sc_hsm 0 --wrap-key aes.wrap --key-reference 11 --pin "$PIN"
        [ -s aes.wrap ]
        card_refuses aes.wrap
        key_unwrap 1 12 aes.wrap --force
        [ "$(aes_encrypts 1 0C "$plain")" = "$cipher" ]
    done
}

@test "AES: a key file with a known key encrypts as openssl does" {
    # The key blob of tests/transcripts/wrap.apdu: DKEK 00 01 .. 1F, AES-128 key 00 01 .. 0F.
    local plain=00112233445566778899AABBCCDDEEFF0123456789ABCDEF0123456789ABCDEF blob
    blob=630DCD2966C433660F00086086480165030401000410111899
    blob+=00000000
    blob+=85BECAAFAF4C2D99E0EC012F8CBE145C1DBBE472DEC0ADCAD39C3DFDB5C7CC0A8A9DF2627EE4AE47C9BD2B811D23315B
    printf '304F044D%s' "$blob" | unhex >known.wrap
    card_init 1 --dkek-shares 1
    [[ $(apdu 1 8052000020000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F00) == \
        0100630DCD2966C43366:9000 ]]
    key_unwrap 1 12 known.wrap
    [ "$(aes_encrypts 1 0C "$plain")" = "$(unhex <<<"$plain" |
        openssl enc -aes-128-cbc -nopad -K 000102030405060708090A0B0C0D0E0F -iv 00000000000000000000000000000000 |
        hex):9000" ]
    sc_hsm 1 --wrap-key again.wrap --key-reference 12 --pin "$PIN"
    [ "$(tail -c +5 again.wrap | head -c 29 | hex)" = "${blob:0:58}" ]
}
