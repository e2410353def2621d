#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# GnuPG's scdaemon: finding the card among all those it knows, learning its keys, and signing.

load lib

setup_file() {
    room_open scdaemon 1
    # Sockets live in the home directory: its path has to be short.
    GNUPGHOME=$(mktemp -d /tmp/gpg.XXXXXX)
    export GNUPGHOME
    cat >"$GNUPGHOME/scdaemon.conf" <<'END'
disable-ccid
pcsc-driver libpcsclite.so.1
reader-port TwinHSM 00 00
END
    # Who is asked for the PIN: a pinentry that knows it.
    cat >"$GNUPGHOME/pinentry" <<END
#!/bin/sh
echo OK
while read -r word rest; do
    case \$word in
        GETPIN) echo "D $PIN"; echo OK ;;
        BYE) echo OK; exit ;;
        *) echo OK ;;
    esac
done
END
    chmod +x "$GNUPGHOME/pinentry"
    echo "pinentry-program $GNUPGHOME/pinentry" >"$GNUPGHOME/gpg-agent.conf"

    card_init 0
    key_generate 0 rsa:2048 10 rsa
    key_generate 0 EC:prime256v1 20 ec
    certify 10 20
    # From its first command on scdaemon keeps the reader to itself.
    p15 0 --dump >"$BATS_FILE_TMPDIR/opensc"
}

teardown_file() {
    gpgconf --kill all
    rm -rf "$GNUPGHOME"
    room_close scdaemon
}

setup() {
    room_use scdaemon
}

# certify ID...: scdaemon knows keys by their X.509 certificates, so a test authority issues one for each.
certify() {
    local dir=$BATS_FILE_TMPDIR id
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/ca.key" -out "$dir/ca.pem" -subj /CN=TestCA -days 30 \
        -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign
    echo 'keyUsage=critical,digitalSignature,nonRepudiation' >"$dir/extensions"
    for id; do
        public_key 0 "$id" "$dir/$id.pub"
        openssl x509 -new -force_pubkey "$dir/$id.pub" -subj "/CN=key$id" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
            -days 20 -extfile "$dir/extensions" -outform der -out "$dir/$id.der"
        p11_in 0 --write-object "$dir/$id.der" --type cert --id "$id" --label "certificate $id"
    done
}

agent() {
    timeout 60 gpg-connect-agent "$@" /bye
}

# scd_sign NAME FILE: the signature by scdaemon's key NAME of the SHA-256 hash of "hello\n".
scd_sign() {
    agent 'SCD SERIALNO' "SCD SETDATA $(printf 'hello\n' | sha256sum | cut -c 1-64)" "/datafile $2" \
        "SCD PKSIGN --hash=sha256 $1"
    [ -s "$2" ]
}

@test "it finds the SmartCard-HSM application, and ends its search" {
    run agent 'SCD SERIALNO' 'SCD LEARN --force'
    echo "$output"
    [[ $output == *"S APPTYPE sc-hsm"* ]]
}

@test "its serial number is that of the device certificate" {
    run agent 'SCD SERIALNO'
    number=$(sed -n 's/^S SERIALNO //p' <<<"$output")
    [ -n "$number" ]
    grep "Serial number" "$BATS_FILE_TMPDIR/opensc" | grep -F "$(unhex <<<"$number")"
}

@test "it learns an RSA and an EC key with their certificates" {
    run agent 'SCD LEARN --force'
    echo "$output"
    [ "$(grep -c '^S KEYPAIRINFO [0-9A-F]\{40\} HSM' <<<"$output")" -eq 2 ]
    [[ $output == *"S CERTINFO 100 HSM.10"* ]]
    [[ $output == *"S CERTINFO 100 HSM.20"* ]]
}

@test "the RSA key signs" {
    scd_sign HSM.10 "$BATS_TEST_TMPDIR/signature"
    printf 'hello\n' | openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/10.pub" -signature "$BATS_TEST_TMPDIR/signature"
}

@test "the EC key signs" {
    scd_sign HSM.20 "$BATS_TEST_TMPDIR/signature"
    printf 'hello\n' | openssl dgst -sha256 -verify "$BATS_FILE_TMPDIR/20.pub" -signature "$BATS_TEST_TMPDIR/signature"
}

@test "gpgsm learns the card and signs a message that openssl verifies" {
    gpgsm --batch --import "$BATS_FILE_TMPDIR/ca.pem"
    gpgsm --list-keys --with-colons TestCA | awk -F: '/^fpr/ { print $10 " S relax"; exit }' >"$GNUPGHOME/trustlist.txt"
    gpgconf --reload gpg-agent
    timeout 60 gpgsm --batch --learn-card
    # RSA only: gpg-agent 2.2 takes an ECDSA signature of a card for r || s, and cards of this kind answer with DER
    # gpgsm 2.2 writes an RSA signature of a card whose highest bit is set with a zero byte in front, as a signed integer (seen:
    # 257 bytes, 00 8F ...), and openssl refuses its length. That is up to one in two, so another message is signed then.
    local message verified=
    for message in {1..32}; do
        echo "$message" >"$BATS_TEST_TMPDIR/message"
        timeout 60 gpgsm --batch --yes --disable-crl-checks --local-user /CN=key10 --detach-sign \
            -o "$BATS_TEST_TMPDIR/signature" "$BATS_TEST_TMPDIR/message"
        if openssl cms -verify -binary -inform der -in "$BATS_TEST_TMPDIR/signature" \
            -content "$BATS_TEST_TMPDIR/message" -CAfile "$BATS_FILE_TMPDIR/ca.pem" -purpose any -out /dev/null; then
            verified=yes
            break
        fi
    done
    [ "$verified" = yes ]
}
