#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# The daemon under violence, and what it leaves lying about. The programs are those of tests/tools.

setup() {
    pid='' work=''
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    # A sanitizer takes no preloaded library before itself, and maps more memory than can be searched.
    [ -z "${TWINHSM_DAEMON:-}" ] || skip "made for the daemon as it is installed, not for one with sanitizers"
    daemon=build/release/bin/twinhsmd
    tools=build/test/bin
    work=$(mktemp -d)
}

teardown() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    [ -z "$work" ] || rm -rf "$work"
}

# start_daemon: one blank card; sets pid and port.
start_daemon() {
    port=$((20000 + RANDOM % 10000))
    "$daemon" --card "$work/card.db" --listen "127.0.0.1:$port" --log-level error --ready-when serving \
        --ready-file "$work/ready" 3>&- &
    pid=$!
    for _ in {1..200}; do
        [ ! -e "$work/ready" ] || return 0
        sleep 0.05
    done
    return 1
}

@test "a thousand kills under load lose nothing that was acknowledged" {
    run "$tools/kill_storm" "$daemon" "$work/card.db" "${TWINHSM_KILLS:-1000}" "${TWINHSM_SEED:-$RANDOM}" \
        "$PWD/build/test/lib/kill_shim.so"
    echo "$output"
    [ "$status" -eq 0 ]
    echo "# ${lines[-1]}" >&3
    [ "$(sqlite3 "$work/card.db" 'PRAGMA integrity_check')" = ok ]
}

@test "no secret is left in the daemon's memory after logout, nor in the card's files" {
    start_daemon
    run "$tools/secret_probe" "$port" "$pid" "$work"/card.db*
    echo "$output"
    [ "$status" -eq 0 ]
    echo "# ${lines[-1]}" >&3
}

@test "the search for secrets finds them where they are" {
    start_daemon
    printf 'xx Qx7!mR2#vK9@pT4$ yy' >"$work/leak"
    run "$tools/secret_probe" "$port" "$pid" "$work/leak"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"FOUND in"*"user PIN"* ]]
}
