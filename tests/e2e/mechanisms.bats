#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Every mechanism that OpenSC 0.23's PKCS#11 module offers for a key of this card: signatures verified by openssl,
# texts encrypted by openssl decrypted on the card, ECDH agreed with openssl; and the self-tests of pkcs11-tool.
#
# Not here: messages of more than about 1 KB for ECDSA with hash, which 0.23 sends to the card in one piece and without
# hashing them; OAEP with a label, which openssl pkeyutl does and pkcs11-tool 0.23 cannot be told.

load lib

setup_file() {
    room_open main 1
    card_init 0
    cd "$BATS_FILE_TMPDIR" || return
    local key
    for key in rsa:2048=a0 EC:secp256r1=c0 EC:secp384r1=c1 EC:secp521r1=c2 EC:brainpoolP512r1=c3 EC:secp256k1=c4; do
        key_generate 0 "${key%=*}" "${key#*=}" "${key%=*}"
        public_key 0 "${key#*=}" "${key#*=}.pem"
    done
    printf 'The text that is signed, or its hash.' >message
}

teardown_file() {
    room_close main
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# digest HASH FILE: the hash of the message.
digest() {
    openssl dgst "-$1" -binary -out "$2" message
}

# sign ID MECHANISM FILE [ARGUMENT]...: sign FILE, to "signature".
sign() {
    rm -f signature
    p11_in 0 --sign --id "$1" --mechanism "$2" -i "$3" -o signature --signature-format openssl "${@:4}"
    [ -s signature ]
}

# verify ID HASH [OPTION]...: openssl accepts the signature of the message.
verify() {
    openssl dgst "-$2" -verify "$1.pem" -signature signature "${@:3}" message
    # And not that of another.
    ! openssl dgst "-$2" -verify "$1.pem" -signature signature "${@:3}" "$1.pem" || return 1
}

@test "RSA-X-509: bare" {
    { printf '\0\2'; openssl rand 254; } >block
    sign a0 RSA-X-509 block
    openssl pkeyutl -verifyrecover -pubin -inkey a0.pem -pkeyopt rsa_padding_mode:none -in signature | cmp - block
}

@test "RSA-PKCS: data of 1, 20 and 245 bytes" {
    local size
    for size in 1 20 245; do
        openssl rand "$size" >block
        sign a0 RSA-PKCS block
        openssl pkeyutl -verifyrecover -pubin -inkey a0.pem -in signature | cmp - block
    done
}

@test "SHA1, SHA224, SHA256, SHA384, SHA512, MD5, RIPEMD160 with RSA-PKCS" {
    local hash
    for hash in SHA1 SHA224 SHA256 SHA384 SHA512 MD5 RIPEMD160; do
        sign a0 "$hash-RSA-PKCS" message
        verify a0 "${hash,,}"
    done
}

@test "RSA-PKCS-PSS: hash made outside" {
    local hash
    for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
        digest "${hash,,}" hashed
        sign a0 RSA-PKCS-PSS hashed --hash-algorithm "${hash/#SHA1/SHA-1}"
        verify a0 "${hash,,}" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
    done
}

@test "SHA1, SHA224, SHA256, SHA384, SHA512 with RSA-PKCS-PSS" {
    local hash
    for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
        sign a0 "$hash-RSA-PKCS-PSS" message
        verify a0 "${hash,,}" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
    done
}

@test "ECDSA: hash made outside, each curve and hash" {
    local hash id
    for id in c0 c1 c2 c3 c4; do
        for hash in sha1 sha224 sha256 sha384 sha512; do
            digest $hash hashed
            sign $id ECDSA hashed
            openssl pkeyutl -verify -pubin -inkey $id.pem -in hashed -sigfile signature
        done
    done
}

@test "ECDSA with SHA1, SHA224, SHA256, SHA384, SHA512, each curve" {
    local hash id
    for id in c0 c1 c2 c3 c4; do
        for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
            sign $id ECDSA-$hash message
            verify $id ${hash,,}
        done
    done
}

@test "ECDSA with hash: messages of 1, 64 and 1000 bytes" {
    local size
    for size in 1 64 1000; do
        openssl rand "$size" >block
        sign c0 ECDSA-SHA256 block
        openssl dgst -sha256 -verify c0.pem -signature signature block
    done
}

@test "ECDSA: both signature formats are the same numbers' forms" {
    digest sha256 hashed
    rm -f signature
    p11_in 0 --sign --id c0 --mechanism ECDSA -i hashed -o signature --signature-format rs
    [ "$(stat -c %s signature)" = 64 ]
    # r and s as unsigned integers, put into a sequence by openssl.
    local both
    both=$(hex <signature)
    openssl asn1parse -noout -out sequence -genconf <(
        printf 'asn1 = SEQUENCE:both\n[both]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${both:0:64}" "${both:64}"
    )
    openssl pkeyutl -verify -pubin -inkey c0.pem -in hashed -sigfile sequence
}

@test "ECDSA secp521r1: 50 signatures, all long enough for this OpenSC" {
    # 0.23 guesses the field from the signature's length: one in 16 would come out wrong.
    local n
    digest sha512 hashed
    for ((n = 0; n < 50; n++)); do
        sign c2 ECDSA hashed
        openssl pkeyutl -verify -pubin -inkey c2.pem -in hashed -sigfile signature
    done
}

@test "RSA-X-509: decryption of a bare block" {
    { printf '\0\7'; openssl rand 254; } >block
    openssl pkeyutl -encrypt -pubin -inkey a0.pem -pkeyopt rsa_padding_mode:none -in block -out cipher
    p11_in 0 --decrypt --id a0 --mechanism RSA-X-509 -i cipher -o plain
    cmp plain block
}

@test "RSA-PKCS: decryption of 1, 32 and 245 bytes, and of rubbish" {
    local size
    for size in 1 32 245; do
        openssl rand "$size" >block
        openssl pkeyutl -encrypt -pubin -inkey a0.pem -in block -out cipher
        p11_in 0 --decrypt --id a0 --mechanism RSA-PKCS -i cipher -o plain
        cmp plain block
    done
    { printf '\0'; openssl rand 255; } >cipher
    rm plain
    run p11_in 0 --decrypt --id a0 --mechanism RSA-PKCS -i cipher -o plain
    [ "$status" != 0 ] || ! cmp plain block
}

@test "RSA-PKCS-OAEP: decryption with each hash" {
    local hash
    openssl rand 32 >block
    for hash in SHA1 SHA224 SHA256 SHA384 SHA512; do
        openssl pkeyutl -encrypt -pubin -inkey a0.pem -pkeyopt rsa_padding_mode:oaep \
            -pkeyopt "rsa_oaep_md:${hash,,}" -pkeyopt "rsa_mgf1_md:${hash,,}" -in block -out cipher
        p11_in 0 --decrypt --id a0 --mechanism RSA-PKCS-OAEP --hash-algorithm "${hash/#SHA1/SHA-1}" \
            --mgf "MGF1-$hash" -i cipher -o plain
        cmp plain block
    done
}

@test "ECDH1-DERIVE and ECDH1-COFACTOR-DERIVE: the secret is openssl's, on each curve" {
    local id name mechanism
    for id in c0=prime256v1 c1=secp384r1 c2=secp521r1 c3=brainpoolP512r1 c4=secp256k1; do
        name=${id#*=} id=${id%=*}
        openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$name" -out peer.key
        openssl pkey -in peer.key -pubout -outform DER -out peer.der
        openssl pkeyutl -derive -inkey peer.key -peerkey "$id.pem" -out theirs
        for mechanism in ECDH1-DERIVE ECDH1-COFACTOR-DERIVE; do
            rm -f ours
            p11_in 0 --derive --id "$id" --mechanism $mechanism -i peer.der -o ours
            cmp ours theirs
        done
    done
}

@test "mechanisms: the module offers these and no others" {
    # A new one would have to be tested above.
    local found
    found=$(p11 0 --list-mechanisms | sed -n '/digest/!s/^  \([^,]*\),.*/\1/p' | sort | tr '\n' ' ')
    [ "$found" = "$(printf '%s\n' RSA-X-509 RSA-PKCS {SHA{1,224,256,384,512},MD5,RIPEMD160}-RSA-PKCS RSA-PKCS-PSS \
        SHA{1,224,256,384,512}-RSA-PKCS-PSS RSA-PKCS-OAEP RSA-PKCS-KEY-PAIR-GEN ECDSA-KEY-PAIR-GEN \
        ECDSA ECDSA-SHA{1,224,256,384,512} ECDH1-DERIVE ECDH1-COFACTOR-DERIVE | sort | tr '\n' ' ')" ]
}

@test "pkcs11-tool --test: no errors" {
    run p11_in 0 --test
    [ "$status" = 0 ]
    [[ $output == *'No errors'* ]]
    [[ $output != *error:* && $output != *warning:* && $output != *ERR:* && $output != *failed* ]]
    [[ $output == *'RSA-PKCS-OAEP'* ]]
}

@test "pkcs11-tool --test-ec: ends well and leaves nothing behind" {
    local curve keys
    keys=$(key_count 0)
    for curve in secp192r1 secp256r1 secp384r1 secp521r1 secp256k1 brainpoolP256r1; do
        run p11_in 0 --test-ec --id 77 --key-type EC:$curve --session-rw
        [ "$status" = 0 ]
        [[ $output == *'==> OK'* ]]
        # The tool provokes one warning itself: it ends a signature whose length it only asked for.
        output=${output/warning: PKCS11 function C_SignFinal failed: rv = CKR_ARGUMENTS_BAD/}
        [[ $output != *error:* && $output != *warning:* && $output != *ERR:* && $output != *failed* ]]
    done
    [ "$(key_count 0)" = "$keys" ]
}
