#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Certificates and data objects with OpenSC 0.23, by pkcs11-tool, pkcs15-init and pkcs15-tool; key generation and
# deletion by pkcs15-init; the list of all; random numbers.
#
# Not here, because 0.23 cannot on cards of this kind: storing private keys from outside (tested: refused on the host),
# changing a label by "pkcs15-init -A", files above 4096 bytes read back by its PKCS#15 layer.

load lib

setup_file() {
    room_open main 1
    card_init 0 --label Objects
    cd "$BATS_FILE_TMPDIR" || return
    key_generate 0 EC:secp256r1 10 signer
    public_key 0 10 signer.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
        -subj '/CN=Test authority' -days 30
    openssl req -new -key ca.key -subj '/CN=Card holder' -out holder.csr
}

teardown_file() {
    room_close main
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# certificate FILE COMMENT: of the card's key, by the test authority, in DER, longer by COMMENT.
certificate() {
    openssl x509 -req -in holder.csr -force_pubkey signer.pem -CA ca.pem -CAkey ca.key -days 30 -outform DER -out "$1" \
        -extfile <(printf 'nsComment = %s\n' "$2")
}

# init ARGUMENT...: pkcs15-init, logged in.
init() {
    tool pkcs15-init --reader 0 --auth-id 01 --verify-pin --pin "$PIN" "$@"
}

# certificate_there ID FILE: the card gives back these bytes, by both tools.
certificate_there() {
    p11 0 --read-object --type cert --id "$1" -o read.der
    cmp read.der "$2"
    p15 0 --read-certificate "$1" | openssl x509 -outform DER | cmp - "$2"
}

@test "certificate: of the card's key, written, read without PIN, verified, deleted" {
    certificate holder.der 'of usual size'
    p11_in 0 --write-object holder.der --type cert --id 10 --label 'signer'
    certificate_there 10 holder.der
    openssl x509 -inform DER -in read.der -out read.pem
    openssl verify -CAfile ca.pem read.pem
    # The certificate belongs to the key: what the key signs verifies under it.
    openssl x509 -in read.pem -pubkey -noout >from-certificate.pem
    key_signs 0 10 from-certificate.pem
    [[ $(p11 0 --list-objects --type cert) == *'CN=Card holder'* ]]

    p11_in 0 --delete-object --type cert --id 10
    [[ $(p11 0 --list-objects --type cert) != *'Card holder'* ]]
    # The key is still there.
    key_signs 0 10 signer.pem
}

# sequence HEX: a DER sequence of what is given.
sequence() {
    printf '3082%04X%s' $((${#1} / 2)) "$1"
}

@test "certificate: signed by the card's own key" {
    local body signature algorithm=300A06082A8648CE3D040302
    # A stand-in of the same name and algorithm signs first; its signature is then replaced by the card's.
    openssl req -x509 -key ca.key -subj '/CN=Card holder' -out stand-in.pem -days 30
    openssl x509 -req -in holder.csr -force_pubkey signer.pem -CA stand-in.pem -CAkey ca.key -days 30 -outform DER |
        openssl asn1parse -inform DER -strparse 4 -noout -out body.der
    p11_in 0 --sign --id 10 -m ECDSA-SHA256 --signature-format openssl -i body.der -o body.signature
    body=$(hex <body.der)
    signature=$(hex <body.signature)
    sequence "$body${algorithm}03$(printf %02X $((${#signature} / 2 + 1)))00$signature" | unhex >self-signed.der
    openssl x509 -inform DER -in self-signed.der -out self-signed.pem
    openssl verify -CAfile self-signed.pem -check_ss_sig self-signed.pem
    p11_in 0 --write-object self-signed.der --type cert --id 10 --label 'self-signed'
    certificate_there 10 self-signed.der
    p11_in 0 --delete-object --type cert --id 10
}

@test "certificate: nearly 4 KB" {
    certificate large.der "$(printf 'x%.0s' {1..3500})"
    [ "$(stat -c %s large.der)" -gt 3800 ]
    p11_in 0 --write-object large.der --type cert --id 10 --label 'large'
    certificate_there 10 large.der
    p11_in 0 --delete-object --type cert --id 10
}

@test "certificate: replaced by a shorter one, nothing of the longer one stays" {
    certificate longer.der "$(printf 'y%.0s' {1..900})"
    certificate shorter.der short
    init --store-certificate longer.der --format der --id 10
    certificate_there 10 longer.der
    p11_in 0 --delete-object --type cert --id 10
    init --store-certificate shorter.der --format der --id 10
    certificate_there 10 shorter.der
}

@test "CA certificate: stored by pkcs15-init with a description of its own" {
    init --store-certificate ca.pem --authority --id 55 --label 'Authority'
    openssl x509 -in ca.pem -outform DER -out ca.der
    certificate_there 55 ca.der
    [[ $(p15 0 --dump) == *'X.509 Certificate [Authority]'* ]]
    # Both certificates at once, and the chain verifies with what the card gives.
    p15 0 --read-certificate 55 >ca-read.pem
    p15 0 --read-certificate 10 >holder-read.pem
    openssl verify -CAfile ca-read.pem holder-read.pem
    init --delete-objects cert --id 55
    [[ $(p15 0 --dump) != *'[Authority]'* ]]
}

@test "data object, public: read without PIN, by label; written and deleted only with PIN" {
    openssl rand 300 >public.data
    run p11 0 --write-object public.data --type data --label open --application-label test
    [ "$status" != 0 ]
    p11_in 0 --write-object public.data --type data --label open --application-label test
    p11 0 --read-object --type data --label open -o read.data
    cmp read.data public.data
    rm read.data
    run p11 0 --delete-object --type data --label open
    [ "$status" != 0 ]
    p11 0 --read-object --type data --label open -o read.data
    cmp read.data public.data
    p11_in 0 --delete-object --type data --label open
    [[ $(p11 0 --list-objects --type data) != *open* ]]
}

@test "data object, private: not read without PIN" {
    openssl rand 300 >private.data
    p11_in 0 --write-object private.data --type data --label closed --private
    rm -f read.data
    run p11 0 --read-object --type data --label closed -o read.data
    [ "$status" != 0 ]
    [ ! -s read.data ]
    p11_in 0 --read-object --type data --label closed -o read.data
    cmp read.data private.data
    # Nor by pkcs15-tool; with the PIN it does.
    rm -f read.data
    run p15 0 --read-data-object closed --raw -o read.data </dev/null
    [ ! -s read.data ]
    p15 0 --verify-pin --pin "$PIN" --read-data-object closed --raw -o read.data
    cmp read.data private.data
    p11_in 0 --delete-object --type data --label closed
    [[ $(p11_in 0 --list-objects --type data) != *closed* ]]
}

@test "data objects of 1, 255, 256, 257, 1215, 1216, 4000 and 4096 bytes" {
    local size
    for size in 1 255 256 257 1215 1216 4000 4096; do
        openssl rand "$size" >sized.data
        p11_in 0 --write-object sized.data --type data --label "size $size"
        rm -f read.data
        p11 0 --read-object --type data --label "size $size" -o read.data
        cmp read.data sized.data
        p11_in 0 --delete-object --type data --label "size $size"
    done
    [[ $(p11_in 0 --list-objects --type data) != *size* ]]
}

@test "data objects by pkcs15-init and pkcs15-tool" {
    openssl rand 700 >init.data
    init --store-data init.data --label kept --application-name here --application-id 1.2.3.4
    [[ $(p15 0 --list-data-objects 2>/dev/null </dev/null) == *kept* ]]
    rm -f read.data
    p15 0 --verify-pin --pin "$PIN" --read-data-object 1.2.3.4 --raw -o read.data
    cmp read.data init.data
    init --delete-objects data --label kept --application-name here --application-id 1.2.3.4
    [[ $(p15 0 --list-data-objects 2>/dev/null </dev/null) != *kept* ]]
}

@test "keys by pkcs15-init: generated, used by pkcs15-crypt, deleted" {
    init --generate-key ec:secp384r1 --id 61 --label 'made by init'
    init --generate-key rsa:2048 --id 62 --label 'made by init too' --key-usage sign,decrypt
    public_key 0 61 ec.pem
    key_signs 0 61 ec.pem
    public_key 0 62 rsa.pem
    openssl rand 32 >hashed
    tool pkcs15-crypt --reader 0 --sign --key 62 --pin "$PIN" --sha-256 --pkcs1 --raw -i hashed -o signature
    openssl pkeyutl -verify -pubin -inkey rsa.pem -pkeyopt digest:sha256 -in hashed -sigfile signature
    tool pkcs15-crypt --reader 0 --sign --key 61 --pin "$PIN" --signature-format openssl --raw -i hashed -o signature
    openssl pkeyutl -verify -pubin -inkey ec.pem -in hashed -sigfile signature
    echo 'a secret' >secret
    openssl pkeyutl -encrypt -pubin -inkey rsa.pem -in secret -out cipher
    tool pkcs15-crypt --reader 0 --decipher --key 62 --pin "$PIN" --pkcs1 --raw -i cipher -o plain
    cmp secret plain
    init --delete-objects privkey --id 61
    init --delete-objects privkey --id 62
    [ -z "$(key_reference 0 61)" ]
    [ -z "$(key_reference 0 62)" ]
}

@test "keys: no private key comes in from outside" {
    run init --store-private-key ca.key --id 63
    [ "$status" != 0 ]
    [[ $output == *'Not supported'* ]]
    [ -z "$(key_reference 0 63)" ]
}

@test "pkcs15-tool --dump: PINs, keys and what else there is" {
    run p15 0 --dump
    [ "$status" = 0 ]
    [[ $output == *'PKCS#15 Card [Objects]'* ]]
    [[ $output == *'PIN [UserPIN]'* ]]
    [[ $output == *'PIN [SOPIN]'* ]]
    [[ $output == *'Private EC Key ['* ]]
    [[ $output == *'X.509 Certificate ['* ]]
    [[ $output =~ Serial\ number\ +:\ [0-9A-Z]+ ]]
    [[ $output != *rror* ]]
}

@test "serial number: the same for every tool and after initialisation" {
    local serial
    serial=$(p15 0 --dump 2>/dev/null | sed -n 's/.*Serial number *: //p')
    [ ${#serial} -ge 8 ]
    [[ $(p11 0 --list-slots) == *"serial num         : $serial"* ]]
    card_init 0
    [ "$(p15 0 --dump 2>/dev/null | sed -n 's/.*Serial number *: //p')" = "$serial" ]
}

@test "random: as many bytes as wanted, never the same" {
    local size
    for size in 1 8 32 256 1024 4000; do
        p11 0 --generate-random "$size" -o first
        p11 0 --generate-random "$size" -o second
        [ "$(stat -c %s first)" = "$size" ]
        [ "$size" -lt 8 ] || ! cmp -s first second
    done
    # 4000 random bytes lack more than one value about once in a billion times.
    [ "$(od -An -v -tu1 -w1 first | sort -u | wc -l)" -ge 255 ]
}
