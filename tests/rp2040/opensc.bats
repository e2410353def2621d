#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# OpenSC's tools against the firmware on the emulated board, and key backups between firmware and daemon.

load ../e2e/lib

setup_file() {
    export CARDS="firmware daemon"
    TWINHSM_DAEMON=$TREE/tests/rp2040/card.js room_open firmware 1
    room_open daemon 1
    for card in $CARDS; do
        room_use "$card"
        card_init 0 --dkek-shares 1
        share_import_raw 0 1
    done
    printf 'firmware and daemon are twins' >"$BATS_FILE_TMPDIR/message"
}

teardown_file() {
    room_close firmware daemon
}

# public_key ID FILE: the public key of the current room's card, as PEM.
public_key() {
    p11 0 --read-object --type pubkey --id "$1" --output-file "$2.der"
    openssl pkey -pubin -inform DER -in "$2.der" -out "$2"
}

# sign_ec ID FILE: ECDSA over the message's SHA-256, in DER.
sign_ec() {
    openssl dgst -sha256 -binary "$BATS_FILE_TMPDIR/message" >"$BATS_TEST_TMPDIR/hash"
    p11_in 0 --sign --mechanism ECDSA --signature-format openssl --id "$1" \
        --input-file "$BATS_TEST_TMPDIR/hash" --output-file "$2"
}

# verified KEY SIGNATURE
verified() {
    openssl dgst -sha256 -verify "$1" -signature "$2" "$BATS_FILE_TMPDIR/message"
}

# carry FROM TO ID: the key ID of card FROM, wrapped there, unwrapped on card TO.
carry() {
    local from=$1 to=$2 id=$3 reference blob=$BATS_TEST_TMPDIR/blob
    room_use "$from"
    reference=$(key_reference 0 "$id")
    sc_hsm 0 --wrap-key "$blob" --key-reference "$reference" --pin "$PIN"
    [ -s "$blob" ]
    room_use "$to"
    sc_hsm 0 --unwrap-key "$blob" --key-reference $((reference + 10)) --pin "$PIN" --force
    [ "$(key_reference 0 "$id")" = $((reference + 10)) ]
}

@test "both cards have the same DKEK" {
    room_use firmware
    [ "$(kcv 0)" = "$(shares_kcv 1)" ]
    room_use daemon
    [ "$(kcv 0)" = "$(shares_kcv 1)" ]
}

@test "the firmware shows up as a SmartCard-HSM" {
    room_use firmware
    [[ $(opensc-tool --reader 0 --name) == *SmartCard-HSM* ]]
    p15 0 --dump
}

@test "EC key: made and signing on the firmware" {
    room_use firmware
    key_generate 0 EC:prime256v1 01 firmware-key
    public_key 01 "$BATS_FILE_TMPDIR/firmware-key"
    sign_ec 01 "$BATS_TEST_TMPDIR/signature"
    verified "$BATS_FILE_TMPDIR/firmware-key" "$BATS_TEST_TMPDIR/signature"
}

@test "EC key: from the firmware to the daemon" {
    carry firmware daemon 01
    sign_ec 01 "$BATS_TEST_TMPDIR/signature"
    verified "$BATS_FILE_TMPDIR/firmware-key" "$BATS_TEST_TMPDIR/signature"
}

@test "EC key: from the daemon to the firmware" {
    room_use daemon
    key_generate 0 EC:prime256v1 02 daemon-key
    public_key 02 "$BATS_TEST_TMPDIR/key"
    carry daemon firmware 02
    sign_ec 02 "$BATS_TEST_TMPDIR/signature"
    verified "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/signature"
}

@test "RSA-2048: from the daemon's backup, signing on the firmware" {
    room_use daemon
    key_generate 0 rsa:2048 03 rsa-key
    public_key 03 "$BATS_TEST_TMPDIR/key"
    carry daemon firmware 03
    p11_in 0 --sign --mechanism SHA256-RSA-PKCS --id 03 \
        --input-file "$BATS_FILE_TMPDIR/message" --output-file "$BATS_TEST_TMPDIR/signature"
    verified "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/signature"
}
