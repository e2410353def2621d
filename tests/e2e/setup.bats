#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# The way from a clean clone to a running card: what scripts/setup, get-mbedtls, private-pcscd and demo do, and what
# they say when it does not work. Nothing here needs the network: mirrors are directories.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell inside private-pcscd

bats_require_minimum_version 1.5.0

setup() {
    TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
    export TWINHSM_BUILD=$BATS_TEST_TMPDIR/build
    STUBS=$BATS_TEST_TMPDIR/stubs
    mkdir -p "$STUBS"
}

# stub NAME TEXT: a program NAME that comes before the real one.
stub() {
    printf '#!/bin/sh\n%s\n' "$2" >"$STUBS/$1"
    chmod +x "$STUBS/$1"
}

# says TEXT: the output of the last `run` has TEXT in it.
says() {
    [[ $output == *"$1"* ]] || {
        printf 'not said: %s\nbut: %s\n' "$1" "$output"
        return 1
    }
}

# mirror VERSION [FILE]: a Debian mirror with mbedtls VERSION alone, whose tarball is FILE; without FILE the index names
# one that is not there. Signed by a key of its own, which becomes the trusted one.
mirror() {
    local dir=$BATS_TEST_TMPDIR/mirror version=$1 name sources sum size
    name=mbedtls_$version.orig.tar.bz2
    sources=$dir/dists/trixie/main/source/Sources
    mkdir -p "$dir/pool" "${sources%/*}"
    sum=$(sha256sum </dev/null | cut -d' ' -f1)
    size=0
    if [ -n "${2:-}" ]; then
        cp "$2" "$dir/pool/$name"
        sum=$(sha256sum <"$2" | cut -d' ' -f1)
        size=$(stat -c %s "$2")
    fi
    printf 'Format: 3.0 (quilt)\n' >"$dir/pool/mbedtls_$version-1.dsc"
    cat >"$sources" <<EOF
Package: mbedtls
Binary: libmbedtls-dev
Version: $version-1
Maintainer: Nobody <nobody@example.org>
Architecture: any
Format: 3.0 (quilt)
Directory: pool
Checksums-Sha256:
 $(sha256sum <"$dir/pool/mbedtls_$version-1.dsc" | cut -d' ' -f1) $(stat -c %s "$dir/pool/mbedtls_$version-1.dsc") mbedtls_$version-1.dsc
 $sum $size $name

EOF
    cat >"$dir/dists/trixie/Release" <<EOF
Origin: Test
Suite: stable
Codename: trixie
Date: $(date -Ru)
Architectures: amd64
Components: main
SHA256:
 $(sha256sum <"$sources" | cut -d' ' -f1) $(stat -c %s "$sources") main/source/Sources
EOF
    export GNUPGHOME=$BATS_TEST_TMPDIR/gpg TWINHSM_KEYRING=$BATS_TEST_TMPDIR/keyring.gpg
    mkdir -m 700 "$GNUPGHOME"
    gpg --batch --quiet --passphrase '' --quick-generate-key 'Test mirror' rsa2048 sign never
    gpg --batch --quiet --export >"$TWINHSM_KEYRING"
    gpg --batch --quiet --clearsign -o "$dir/dists/trixie/InRelease" "$dir/dists/trixie/Release"
    gpgconf --kill all
    export TWINHSM_DEBIAN_MIRROR=copy:$dir
}

# pinned: the release that this tree knows; its tarball, if some build has fetched it.
pinned() {
    VERSION=$(sed -n 's/^\([0-9.]*\) [0-9a-f]\{64\}$/\1/p' "$TREE/scripts/get-mbedtls" | head -n 1)
    TARBALL=$TREE/build/cache/mbedtls_$VERSION.orig.tar.bz2
}

@test "setup: quick and silent when nothing is missing" {
    local start=${EPOCHREALTIME/[.,]/}
    run "$TREE/scripts/setup" run
    [ "$status" = 0 ] && [ -z "$output" ]
    [ $((${EPOCHREALTIME/[.,]/} - start)) -lt 1000000 ] # 0.02 s when the machine has nothing else to do
}

@test "setup: without root and sudo it names the command to run" {
    stub dpkg-query 'exit 1'
    stub id 'echo 1000'
    mkdir "$BATS_TEST_TMPDIR/bin" # a PATH without sudo, whatever this machine has
    local program
    for program in sh awk sed head dirname cat apt-get env; do ln -s "$(command -v $program)" "$BATS_TEST_TMPDIR/bin"; done
    PATH=$STUBS:$BATS_TEST_TMPDIR/bin run "$TREE/scripts/setup" run
    [ "$status" = 3 ]
    says "apt-get install --no-install-recommends build-essential"
}

@test "setup: a failing apt is told from a missing network" {
    stub dpkg-query 'exit 1'
    stub id 'echo 0'
    stub apt-get 'case "$*" in *update*) exit 0 ;; esac; echo "E: Unable to locate package"; exit 100'
    PATH=$STUBS:$PATH run "$TREE/scripts/setup" run
    [ "$status" = 4 ]
    says "apt could not install"
    stub apt-get 'exit 100'
    PATH=$STUBS:$PATH run "$TREE/scripts/setup" run
    [ "$status" = 4 ]
    says "is the network up"
}

@test "setup: not on Debian, it lists what is needed" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    local program
    for program in sh dirname cat; do ln -s "$(command -v $program)" "$BATS_TEST_TMPDIR/bin"; done
    PATH=$BATS_TEST_TMPDIR/bin run "$TREE/scripts/setup" run
    [ "$status" = 3 ]
    says "no Debian system"
    says "libsqlite3-dev"
}

@test "get-mbedtls: no network" {
    TWINHSM_DEBIAN_MIRROR=http://127.0.0.1:9/debian run "$TREE/scripts/get-mbedtls"
    [ "$status" = 3 ]
    says "Is the network up?"
    says "http://127.0.0.1:9/debian"
    [ ! -e "$TWINHSM_BUILD/src/mbedtls" ]
}

@test "get-mbedtls: no keyring, so nothing is trusted" {
    TWINHSM_KEYRING=$BATS_TEST_TMPDIR/none run "$TREE/scripts/get-mbedtls"
    [ "$status" = 3 ]
    says "debian-archive-keyring"
}

@test "get-mbedtls: a mirror signed by a stranger" {
    mirror 3.6.6
    unset TWINHSM_KEYRING
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 3 ]
    says "cannot fetch the package index"
}

@test "get-mbedtls: Debian has moved on to a release that this tree does not know" {
    mirror 3.6.99
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 4 ]
    says "offers mbedTLS 3.6.99-1"
    says "TWINHSM_MBEDTLS_UNPINNED=1"
}

@test "get-mbedtls: the download fails" {
    pinned
    mirror "$VERSION"
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 4 ]
    says "cannot download mbedTLS $VERSION-1"
    [ ! -e "$TWINHSM_BUILD/cache/mbedtls_$VERSION.orig.tar.bz2" ]
}

@test "get-mbedtls: a mirror that signs another file under the known name" {
    pinned
    echo "something else" >"$BATS_TEST_TMPDIR/forged"
    mirror "$VERSION" "$BATS_TEST_TMPDIR/forged"
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 5 ]
    says "expected SHA-256"
    [ ! -e "$TWINHSM_BUILD/cache/mbedtls_$VERSION.orig.tar.bz2" ]
    [ ! -e "$TWINHSM_BUILD/src/mbedtls" ]
}

@test "get-mbedtls: a spoilt file in the cache" {
    pinned
    mkdir -p "$TWINHSM_BUILD/cache"
    echo "half a download" >"$TWINHSM_BUILD/cache/mbedtls_$VERSION.orig.tar.bz2"
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 5 ]
    says "Delete that file"
}

@test "get-mbedtls: fetched, checked, unpacked; the second time from the cache" {
    pinned
    [ -f "$TARBALL" ] || skip "this tree was built without fetching $TARBALL"
    mirror "$VERSION" "$TARBALL"
    run "$TREE/scripts/get-mbedtls"
    echo "$output"
    [ "$status" = 0 ]
    [ -f "$TWINHSM_BUILD/src/mbedtls/library/ecp.c" ]
    rm -r "$TWINHSM_BUILD/src" "$BATS_TEST_TMPDIR/mirror"
    run "$TREE/scripts/get-mbedtls"
    [ "$status" = 0 ] && [ -z "$output" ]
    [ -f "$TWINHSM_BUILD/src/mbedtls/library/ecp.c" ]
}

@test "get-mbedtls: a tarball given by hand must be the known one too" {
    pinned
    echo "no tarball" >"$BATS_TEST_TMPDIR/mbedtls_$VERSION.orig.tar.bz2"
    run "$TREE/scripts/get-mbedtls" "$BATS_TEST_TMPDIR/mbedtls_$VERSION.orig.tar.bz2"
    [ "$status" = 5 ]
    mv "$BATS_TEST_TMPDIR/mbedtls_$VERSION.orig.tar.bz2" "$BATS_TEST_TMPDIR/mbedtls_3.6.99.orig.tar.bz2"
    run "$TREE/scripts/get-mbedtls" "$BATS_TEST_TMPDIR/mbedtls_3.6.99.orig.tar.bz2"
    [ "$status" = 5 ]
    says "no SHA-256 is pinned for mbedTLS 3.6.99"
    TWINHSM_MBEDTLS_UNPINNED=1 run "$TREE/scripts/get-mbedtls" "$BATS_TEST_TMPDIR/mbedtls_3.6.99.orig.tar.bz2"
    [ "$status" = 1 ]
    says "cannot unpack"
    run "$TREE/scripts/get-mbedtls" /nowhere/mbedtls.tar.bz2
    [ "$status" = 2 ]
}

# private-pcscd, with the daemon of this build.

private() {
    "$TREE/scripts/private-pcscd" --daemon "${TWINHSM_DAEMON:-$TREE/build/release/bin/twinhsmd}" "$@"
}

@test "private-pcscd: the command's input, output and exit code are its own" {
    run private --cards 0 sh -c 'exit 7'
    [ "$status" = 7 ]
    run private --cards 0 sh -c 'kill -KILL $$'
    [ "$status" = 137 ]
    [ "$(echo hello | private --cards 0 cat)" = hello ]
    run private --cards 0 sh -c 'id -u; readlink /proc/self/ns/net'
    [ "$output" = "$(id -u)"$'\n'"$(readlink /proc/self/ns/net)" ]
}

@test "private-pcscd: as many cards as asked for, and nothing is left" {
    run --separate-stderr private --cards 3 sh -c 'opensc-tool --list-readers; echo $TWINHSM_ROOM'
    [ "$status" = 0 ]
    [ "$(grep -c ' Yes ' <<<"$output")" = 3 ]
    [ ! -e "$(tail -n 1 <<<"$output")" ]
}

@test "private-pcscd: a signal ends the command, the cards and pcscd" {
    "$TREE/scripts/private-pcscd" --daemon "${TWINHSM_DAEMON:-$TREE/build/release/bin/twinhsmd}" \
        sh -c 'echo "$TWINHSM_ROOM" >'"$BATS_TEST_TMPDIR"'/room; trap "exit 9" TERM; while :; do sleep 0.1; done' 3>&- &
    local pid=$! code=0 room=$BATS_TEST_TMPDIR/room
    until [ -s "$room" ]; do sleep 0.05; done
    kill "$pid"
    wait "$pid" || code=$?
    [ "$code" = 9 ]
    [ ! -e "$(cat "$room")" ]
}

@test "private-pcscd: killed itself, it leaves no process behind" {
    "$TREE/scripts/private-pcscd" --daemon "${TWINHSM_DAEMON:-$TREE/build/release/bin/twinhsmd}" \
        sh -c 'echo "$TWINHSM_ROOM" >'"$BATS_TEST_TMPDIR"'/room; exec sleep 30' 3>&- &
    local pid=$! room=$BATS_TEST_TMPDIR/room tries=0
    until [ -s "$room" ]; do sleep 0.05; done
    kill -KILL "$pid"
    wait "$pid" || :
    while [ -e "$(cat "$room")" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ]
        sleep 0.1
    done
    run ! grep -lqF "$(cat "$room")" /proc/[0-9]*/cmdline
}

@test "private-pcscd: --start, --control and --stop" {
    local lines
    lines=$(private --start --owner $$ --cards 2)
    eval "$lines"
    [ "$(opensc-tool --list-readers | grep -c ' Yes ')" = 2 ]
    private --control kill-cards
    private --control wait-empty
    private --control start-cards
    private --control restart-pcscd
    [ "$(opensc-tool --list-readers | grep -c ' Yes ')" = 2 ]
    private --stop
    [ ! -e "$TWINHSM_ROOM" ]
}

@test "private-pcscd: what cannot be done is said" {
    run private --no-such-option true
    [ "$status" = 2 ]
    run private --cards two true
    [ "$status" = 2 ]
    run private --cards 1 --direction listen true
    [ "$status" = 2 ]
    says "even number"
    run "$TREE/scripts/private-pcscd" --daemon /nowhere/twinhsmd true
    [ "$status" = 125 ]
    says "run 'make' first"
    run "$TREE/scripts/private-pcscd" --daemon /bin/false --timeout 5 true
    [ "$status" = 125 ]
    says "twinhsmd-0 ended"
    run -127 private --cards 0 /nowhere/command
}

@test "demo: the main job, without a terminal; its first card command comes within 2 seconds" {
    [ -x "$TREE/build/release/bin/twinhsmd" ] || skip "make all has not been run"
    local start=${EPOCHREALTIME/[.,]/} first=''
    TWINHSM_BUILD=$TREE/build "$TREE/scripts/demo" </dev/null >"$BATS_TEST_TMPDIR/demo" 2>&1 3>&- &
    local pid=$!
    until [ -n "$first" ]; do
        kill -0 $pid
        ! grep -q '^\$ sc-hsm-tool' "$BATS_TEST_TMPDIR/demo" || first=$((${EPOCHREALTIME/[.,]/} - start))
        sleep 0.02
    done
    wait $pid || {
        cat "$BATS_TEST_TMPDIR/demo"
        return 1
    }
    [ "$first" -lt 2000000 ]
    grep -q "ok: the restored keys are the first card's keys" "$BATS_TEST_TMPDIR/demo"
    [ "$(grep -c 'Verified OK' "$BATS_TEST_TMPDIR/demo")" = 4 ]
}
