#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# The daemon under violence, and what it leaves lying about. Programs from tests/tools, built by the Makefile.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    bin=build/release/bin
    work=$(mktemp -d)
}

teardown() {
    if [ -n "${daemon:-}" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    rm -rf "$work"
}

@test "a thousand kills under load lose nothing that was acknowledged" {
    run "$bin/kill_storm" "$bin/twinhsmd" "$work/card.db" "${TWINHSM_KILLS:-1000}" "${TWINHSM_SEED:-$RANDOM}" "$bin/kill_shim.so"
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -eq 0 ]
    [ "$(sqlite3 "$work/card.db" 'PRAGMA integrity_check')" = ok ]
}

@test "no secret is left in the daemon's memory after logout, nor in the card's files" {
    port=$((20000 + RANDOM % 10000))
    "$bin/twinhsmd" --card "$work/card.db" --listen "127.0.0.1:$port" --log-level error --ready-when serving \
        --ready-file "$work/ready" &
    daemon=$!
    for _ in $(seq 100); do
        [ -e "$work/ready" ] && break
        sleep 0.05
    done
    run "$bin/secret_probe" "$port" "$daemon" "$work"/card.db*
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -eq 0 ]
}

@test "the search for secrets finds them where they are" {
    port=$((20000 + RANDOM % 10000))
    "$bin/twinhsmd" --card "$work/card.db" --listen "127.0.0.1:$port" --log-level error --ready-when serving \
        --ready-file "$work/ready" &
    daemon=$!
    for _ in $(seq 100); do
        [ -e "$work/ready" ] && break
        sleep 0.05
    done
    printf 'xx Qx7!mR2#vK9@pT4$ yy' >"$work/leak"
    run "$bin/secret_probe" "$port" "$daemon" "$work/leak"
    [ "$status" -eq 1 ]
    [[ "$output" == *"FOUND in"*"user PIN"* ]]
}
