#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Backup and restore between OpenSC 0.23 (Debian 12, this machine's) and 0.26 (Debian 13, in a root directory of its
# own, with its own pcscd): they send a key blob to the card in different ways. And the key files of a Pico-HSM, under
# both.
#
# Rooms: "old" with 0.23, "new" with 0.26; in each, card 0 has our DKEK and card 1 that of the Pico-HSM.

load lib

FIXTURES=$TREE/tests/fixtures/pico-hsm

# What moves: TYPE=ID, and the card's reference for the restored key in the other room.
TYPES='EC:secp256r1=10=21 EC:secp384r1=11=22 EC:secp521r1=12=23 EC:brainpoolP256r1=13=24 rsa:2048=14=25 rsa:4096=15=26'

setup_file() {
    local root
    cd "$BATS_FILE_TMPDIR" || return
    cp "$FIXTURES/dkek.1.pbe" .
    share_file 1 known.pbe
    room_open old 2
    card_init 0 --dkek-shares 1
    share_import_raw 0 1
    card_init 1 --dkek-shares 1
    # Two at a time: reading a share takes seconds.
    sc_hsm 1 --import-dkek-share dkek.1.pbe --password pw-1 >old-foreign.out &
    if root=$("$TREE/scripts/debian-root" trixie 2>no-root); then
        rm no-root
        room_open new 2 --root "$root"
        card_init 0 --dkek-shares 1
        card_init 1 --dkek-shares 1
        sc_hsm 1 --import-dkek-share dkek.1.pbe --password pw-1 >new-foreign.out
        sc_hsm 0 --import-dkek-share known.pbe --password "$SHARE_PASSWORD" >new.out
    fi
    wait
}

teardown_file() {
    room_close old new
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
    # No network, or no right to make a root directory: only 0.23 can be looked at then.
    [[ ! -e no-root || $BATS_TEST_DESCRIPTION == 0.23:* ]] || skip "$(tail -n 1 no-root)"
}

# version TEXT: which OpenSC the current room has.
version() {
    [[ $(tool opensc-tool --info) == "OpenSC $1".* ]]
}

# key_id R REFERENCE: the ID of the key that the card knows by that number.
key_id() {
    p15 "$1" --list-keys 2>/dev/null | awk -v ref="$2" '
        /Key ref/ { found = $4 == ref }
        $1 == "ID" && found { print $3 }'
}

# make_and_wrap ROOM: every type generated and wrapped there; ROOM-ID.pem and ROOM-ID.wrap.
make_and_wrap() {
    local entry type id
    room_use "$1"
    for entry in $TYPES; do
        IFS='=' read -r type id _ <<<"$entry"
        key_generate 0 "$type" "$id" "$type of $1"
        public_key 0 "$id" "$1-$id.pem"
        key_signs 0 "$id" "$1-$id.pem"
        key_wrap 0 "$id" "$1-$id.wrap"
        key_delete 0 "$id"
    done
    [ "$(key_count 0)" = 0 ]
}

# restore ROOM FROM: every key wrapped in room FROM restored here, and used under its first public key.
restore() {
    local entry id reference
    room_use "$1"
    for entry in $TYPES; do
        IFS='=' read -r _ id reference <<<"$entry"
        key_unwrap 0 "$reference" "$2-$id.wrap" --force
        [ "$(key_reference 0 "$id")" = "$reference" ]
        key_signs 0 "$id" "$2-$id.pem"
        key_delete 0 "$id"
    done
}

@test "both OpenSC versions are what they should be" {
    room_use old
    version 0.23
    room_use new
    version 0.26
}

@test "the key check value is the same under both" {
    [[ $(<new.out) == *'DKEK share imported'* ]]
    [ "$(kcv_in <new.out)" = "$(shares_kcv 1)" ]
    room_use new
    [ "$(kcv 0)" = "$(shares_kcv 1)" ]
    room_use old
    [ "$(kcv 0)" = "$(shares_kcv 1)" ]
}

@test "0.23: keys generated and wrapped" {
    make_and_wrap old
}

@test "0.26: keys generated and wrapped" {
    make_and_wrap new
}

@test "wrapped under 0.23, restored under 0.26" {
    restore new old
}

@test "wrapped under 0.26, restored under 0.23" {
    restore old new
}

@test "wrapped and restored under 0.26" {
    restore new new
}

@test "0.26 goes by EF 2F10, in pieces, and another DKEK refuses" {
    room_use new
    run tool env OPENSC_DEBUG=9 sc-hsm-tool --reader 1 --unwrap-key old-15.wrap --key-reference 9 --pin "$PIN"
    [ "$(grep -c '^00 D7 2F 10' <<<"$output")" -gt 1 ]
    [[ $output != *'successfully imported'* ]]
    [[ $output == *'does not match DKEK'* ]]
    [ -z "$(key_id 1 9)" ]
}

@test "0.26: pkcs11-tool --test is clean, login and logout, PIN change" {
    room_use new
    key_generate 0 rsa:2048 30 test
    run p11_in 0 --test
    [ "$status" = 0 ]
    [[ $output == *'No errors'* ]]
    [[ $output != *error:* && $output != *ERR:* && $output != *failed* ]]
    key_delete 0 30
    p15 0 --change-pin --pin "$PIN" --new-pin 87654321
    p11 0 --login --pin 87654321 --list-objects
    p15 0 --change-pin --pin 87654321 --new-pin "$PIN"
}

@test "0.26: certificate and data, which it writes in small pieces" {
    room_use new
    openssl req -x509 -newkey rsa:4096 -nodes -keyout some.key -subj /CN=some -outform DER -out some.der
    p11_in 0 --write-object some.der --type cert --id 40
    p11 0 --read-object --type cert --id 40 -o some.read
    cmp some.der some.read
    openssl rand 3000 >some.data
    p11_in 0 --write-object some.data --type data --label some --private
    p11_in 0 --read-object --type data --label some -o data.read
    cmp some.data data.read
    p11_in 0 --delete-object --type cert --id 40
    p11_in 0 --delete-object --type data --label some
}

# foreign_restored ROOM: each key file of the Pico-HSM restored on card 1, signing, verified under its public key.
foreign_restored() {
    local file name reference=1 point
    room_use "$1"
    [ "$(kcv_in <"$1-foreign.out")" = 12065DA88BB33477 ]
    [ "$(kcv 1)" = 12065DA88BB33477 ]
    for file in "$FIXTURES"/*.wrap; do
        name=${file##*/}
        name=${name%.wrap}
        cp "$file" .
        key_unwrap 1 "$reference" "$name.wrap"
        if [ "$name" = ec-secp384r1 ]; then
            # Its public key is in the request inside the key file: tag 86, a point of 97 bytes.
            point=$(hex <"$name.wrap" | sed -n 's/.*8661\(04[0-9A-F]\{192\}\).*/\1/p')
            [ ${#point} = 194 ]
            unhex <<<"3076301006072A8648CE3D020106052B81040022036200$point" >"$name.pub.der"
        else
            cp "$FIXTURES/$name.pub.der" .
        fi
        openssl pkey -pubin -inform DER -in "$name.pub.der" -out "$name.pem"
        key_signs 1 "$(key_id 1 "$reference")" "$name.pem"
        reference=$((reference + 1))
    done
    [ "$reference" -gt 7 ]
    [ "$(key_count 1)" = $((reference - 1)) ]
}

@test "0.23: key files of a Pico-HSM" {
    foreign_restored old
}

@test "0.26: key files of a Pico-HSM" {
    foreign_restored new
}
