#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# twinhsmd as a program: its errors, its signals, its files, and its way into pcscd's reader in both directions.

bats_require_minimum_version 1.5.0
load lib

setup() {
    DAEMON=${TWINHSM_DAEMON:-$TREE/build/release/bin/twinhsmd}
    CARD=$BATS_TEST_TMPDIR/card.db
    PORT=$((20000 + RANDOM % 10000))
    LOG=$BATS_TEST_TMPDIR/log
    daemon=
}

teardown() {
    [ -z "$daemon" ] || daemon_end KILL 137 || :
    room_close room
    rm -f /tmp/twinhsmd-$$
}

# daemon_start [OPTION]...: in the background, listening at PORT, until the ports listen and the cards are open.
daemon_start() {
    rm -f "$BATS_TEST_TMPDIR/ready"
    "$DAEMON" --listen "127.0.0.1:$PORT" --pin-iterations 100 --ready-when serving \
        --ready-file "$BATS_TEST_TMPDIR/ready" "$@" >>"$LOG" 2>&1 3>&- &
    daemon=$!
    local tries=0
    until [ -e "$BATS_TEST_TMPDIR/ready" ]; do
        kill -0 "$daemon" || { cat "$LOG"; return 1; }
        tries=$((tries + 1))
        [ "$tries" -lt 500 ]
        sleep 0.01
    done
}

# daemon_end SIGNAL CODE: it ends by that signal, with that exit code.
daemon_end() {
    local status=0
    kill "-$1" "$daemon"
    wait "$daemon" 2>/dev/null || status=$?
    daemon=
    [ "$status" = "$2" ]
}

# raw HEX: these bytes to slot 0 on a connection of their own.
raw() {
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    unhex <<<"$1" >&9
    exec 9>&-
}

# talk PORT HEX BYTES: these bytes, and as many BYTES back, in hex.
talk() {
    exec 9<>"/dev/tcp/127.0.0.1/$1"
    unhex <<<"$2" >&9
    timeout 10 head -c "$3" <&9 | hex
    exec 9>&-
}

# command_answer HEX: powers the card on, and gives its answer to this command, in hex.
command_answer() {
    local len
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    unhex <<<"000101$(printf %04X $((${#1} / 2)))$1" >&9
    len=$(timeout 10 head -c 2 <&9 | hex)
    timeout 10 head -c $((16#$len)) <&9 | hex
    exec 9>&-
}

# answers: does the card in slot 0 give its ATR?
answers() {
    [[ $(talk "$PORT" 000104 26) == 00183BFE1800008131FE458031815448534D31738021408107FA ]]
}

# refused CODE PART [OPTION]...: the daemon says one line with PART in it, and exits with CODE.
refused() {
    local code=$1 part=$2 status=0
    shift 2
    timeout 20 "$DAEMON" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 || status=$?
    cat "$BATS_TEST_TMPDIR/out"
    [ "$status" = "$code" ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 1 ]
    grep -qF -- "$part" "$BATS_TEST_TMPDIR/out"
}

# card_make: a card file and its secret, closed.
card_make() {
    daemon_start --card "$CARD"
    daemon_end TERM 0
    rm -f "$LOG"
}

# fingerprint: of all files of the card, names and permissions included.
fingerprint() {
    (cd "$(dirname "$CARD")" && stat -c '%n %a %s' card.db* && sha256sum card.db*)
}

sanitized() {
    grep -qa __asan_init "$DAEMON"
}

# identity R: the certificate of the device, which holds its id; never empty.
identity() {
    local answer
    answer=$(apdu "$1" 00B12F02045402000000)
    [[ $answer == 7F21*:9000 ]] && echo "$answer"
}

@test "--help names every option, on lines of at most 100 characters; --version is one line" {
    local option
    run -0 "$DAEMON" --help
    for option in card memory secret state connect listen pin-iterations precompute ready-when ready-file log-level \
        no-sandbox config help version; do
        [[ $output == *"--$option"* ]]
    done
    [ -z "$(awk 'length > 100' <<<"$output")" ]
    run -0 "$DAEMON" --version
    [[ $output == "twinhsmd "[0-9]* ]]
    [ "${#lines[@]}" = 1 ]
}

@test "wrong options: one line, exit code 2" {
    refused 2 "--help" --frobnicate
    refused 2 "HOST:PORT" --listen 40000
    refused 2 "not both" --memory 1 --card "$CARD"
    refused 2 "1 to 16" --memory 0
    refused 2 "needs FILE" --card
    printf 'memory = 1\ncolour = red\n' >"$BATS_TEST_TMPDIR/conf"
    refused 2 "line 2" --config "$BATS_TEST_TMPDIR/conf"
    [ ! -e "$CARD" ]
}

@test "a taken port: one line, and no card file is made" {
    daemon_start --memory 1
    refused 1 "127.0.0.1:$PORT is taken" --card "$CARD" --listen "127.0.0.1:$PORT"
    refused 1 "127.0.0.1:$PORT is taken" --card "$CARD" --listen "127.0.0.1:$((PORT - 1))" # the second slot's
    [ ! -e "$CARD" ]
    [ ! -e "$CARD.secret" ]
    answers
}

@test "a new card: file and secret are there, for the owner alone, and open again" {
    daemon_start --card "$CARD"
    answers
    [ "$(stat -c %a "$CARD")" = 600 ]
    [ "$(stat -c '%a %s' "$CARD.secret")" = "600 32" ]
    daemon_end TERM 0
    daemon_start --card "$CARD"
    answers
    daemon_end TERM 0
    [ "$(ls "$BATS_TEST_TMPDIR")" = "$(printf '%s\n' card.db card.db.secret log)" ]
}

@test "a second daemon on the same card is refused, the first goes on" {
    daemon_start --card "$CARD"
    refused 1 "$CARD" --card "$CARD" --connect 127.0.0.1:1
    answers
}

@test "a missing secret is not replaced by a new one" {
    card_make
    mv "$CARD.secret" "$BATS_TEST_TMPDIR/aside"
    fingerprint >"$BATS_TEST_TMPDIR/before"
    refused 1 "--secret" --card "$CARD" --connect 127.0.0.1:1
    [ ! -e "$CARD.secret" ]
    [ "$(fingerprint)" = "$(cat "$BATS_TEST_TMPDIR/before")" ]
    daemon_start --card "$CARD" --secret "$BATS_TEST_TMPDIR/aside"
    answers
}

@test "a wrong or open secret is refused, and the card is left as it was" {
    card_make
    cp "$CARD.secret" "$BATS_TEST_TMPDIR/good"
    head -c 32 /dev/urandom >"$CARD.secret"
    fingerprint >"$BATS_TEST_TMPDIR/before"
    refused 1 "do not belong together" --card "$CARD" --connect 127.0.0.1:1
    [ "$(fingerprint)" = "$(cat "$BATS_TEST_TMPDIR/before")" ]
    cp "$BATS_TEST_TMPDIR/good" "$CARD.secret"
    chmod 640 "$CARD.secret"
    refused 1 "chmod 600 $CARD.secret" --card "$CARD" --connect 127.0.0.1:1
    chmod 600 "$CARD.secret"
    head -c 31 "$BATS_TEST_TMPDIR/good" >"$CARD.secret"
    refused 1 "32 bytes" --card "$CARD" --connect 127.0.0.1:1
    cp "$BATS_TEST_TMPDIR/good" "$CARD.secret"
    daemon_start --card "$CARD"
    answers
}

@test "a systemd credential opens the card" {
    mkdir "$BATS_TEST_TMPDIR/credentials"
    head -c 32 /dev/urandom >"$BATS_TEST_TMPDIR/credentials/twinhsm-secret"
    export CREDENTIALS_DIRECTORY=$BATS_TEST_TMPDIR/credentials
    daemon_start --card "$CARD"
    answers
    [ ! -e "$CARD.secret" ]
    daemon_end TERM 0
    daemon_start --card "$CARD"
    answers
    unset CREDENTIALS_DIRECTORY
}

@test "foreign and damaged files are refused, and left as they were" {
    local damage
    for damage in text png sqlite truncated overwritten; do
        rm -f "$CARD"*
        case $damage in
        text) echo "this is a letter to my aunt" >"$CARD" ;;
        png) head -c 20000 /dev/urandom >"$CARD" ;;
        sqlite) sqlite3 "$CARD" 'CREATE TABLE aunt (letter TEXT); INSERT INTO aunt VALUES (1)' ;;
        truncated)
            card_make
            truncate -s 4500 "$CARD"
            ;;
        overwritten)
            card_make
            head -c 3000 /dev/urandom | dd of="$CARD" bs=1 seek=4500 conv=notrunc status=none
            ;;
        esac
        echo "# $damage"
        fingerprint >"$BATS_TEST_TMPDIR/before"
        refused 1 "card.db" --card "$CARD" --connect 127.0.0.1:1
        fingerprint >"$BATS_TEST_TMPDIR/after"
        diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
    done
}

@test "a directory that is missing, or may not be written" {
    refused 1 "$BATS_TEST_TMPDIR/none" --card "$BATS_TEST_TMPDIR/none/card.db" --connect 127.0.0.1:1
    refused 1 "$BATS_TEST_TMPDIR" --card "$BATS_TEST_TMPDIR" --connect 127.0.0.1:1
    refused 1 "/proc/none" --state /proc/none --connect 127.0.0.1:1
}

@test "a file that may not be read or written, as an ordinary user" {
    local as=()
    card_make
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
        chmod 755 "$BATS_TEST_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")" "$(dirname "$(dirname "$BATS_TEST_TMPDIR")")"
        cp "$DAEMON" /tmp/twinhsmd-$$ # the tree may be out of the user's reach
        as+=(/tmp/twinhsmd-$$)
    else
        chmod 000 "$CARD"
        as=("$DAEMON")
    fi
    fingerprint >"$BATS_TEST_TMPDIR/before" || :
    run "${as[@]}" --card "$CARD" --connect 127.0.0.1:1
    echo "$output"
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"$CARD"* ]]
    [ "$(fingerprint)" = "$(cat "$BATS_TEST_TMPDIR/before")" ]
}

@test "a full disk: one line, and nothing is left of the new card" {
    unshare -rm true 2>/dev/null || skip "no user namespaces here"
    mkdir "$BATS_TEST_TMPDIR/small"
    # shellcheck disable=SC2016 # the inner shell expands it
    run unshare -rm bash -c '
        mount -t tmpfs -o size=12k none "$1" && cd "$1" && head -c 4096 /dev/zero >filler || exit 99
        "$2" --card card.db --connect 127.0.0.1:1; echo "code $?"; ls' - "$BATS_TEST_TMPDIR/small" "$DAEMON"
    echo "$output"
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[0]} == *"disk is full"* ]]
    [ "${lines[1]}" = "code 1" ]
    [ "${lines[2]}" = filler ]
}

@test "the state directory of an ordinary user, and that of systemd" {
    export STATE_DIRECTORY=$BATS_TEST_TMPDIR/systemd
    daemon_start
    answers
    daemon_end TERM 0
    [ -s "$BATS_TEST_TMPDIR/systemd/card.db" ]
    [ -s "$BATS_TEST_TMPDIR/systemd/card.db.secret" ]
    unset STATE_DIRECTORY
    daemon_start --state "$BATS_TEST_TMPDIR/a/b"
    [ -s "$BATS_TEST_TMPDIR/a/b/card.db" ]
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/a")" = 700 ]
}

@test "a configuration file, overruled by flags" {
    printf '# a card\ncard = %s\nready-when = serving\nlog-level = debug\n' "$CARD" >"$BATS_TEST_TMPDIR/conf"
    daemon_start --config "$BATS_TEST_TMPDIR/conf" --log-level error
    answers
    [ -s "$CARD" ]
    daemon_end TERM 0
    [ ! -s "$LOG" ]
}

@test "TERM and INT end it with 0, HUP does nothing" {
    local signal
    for signal in TERM INT; do
        daemon_start --card "$CARD"
        answers
        kill -HUP "$daemon"
        sleep 0.1
        answers
        daemon_end "$signal" 0
        [ ! -e "$BATS_TEST_TMPDIR/ready" ]
    done
}

@test "TERM while a long key generation is under way: out within 3 seconds, nothing half-made" {
    local began
    daemon_start --card "$CARD" --log-level debug
    exec 8<>"/dev/tcp/127.0.0.1/$PORT"
    # Power on; INITIALIZE; VERIFY; 6 x RSA-4096 in a row
    {
        unhex <<<000101
        unhex <<<001E805000001980020001810636343832313982083537363231383830910103
        unhex <<<"000B0020008106363438323139"
    } >&8
    local key
    for key in 1 2 3 4 5 6 7 8 9 10 11 12; do
        printf -v key %02X "$key"
        rsa4096 "$key" >&8
    done
    local tries=0
    until grep -q ' 46 01 00, .* -> 9000' "$LOG"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ]
        sleep 0.1
    done
    began=$EPOCHREALTIME
    daemon_end TERM 0
    echo "ended after $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) ms"
    [ $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) -lt 3000 ]
    exec 8>&-
    cat "$LOG"
    run ! grep -q ' 46 0C' "$LOG" # the last was not made
    # As many private keys as were acknowledged, besides the device's own.
    local made files
    made=$(grep -c ' 46 .* -> 9000' "$LOG")
    daemon_start --card "$CARD"
    files=$(command_answer 8058000000)
    echo "$made made, files $files"
    [ "$(grep -o 'CC[0-9A-F][0-9A-F]' <<<"$(fold -w4 <<<"$files")" | grep -vc CC00)" = "$made" ]
}

# rsa4096 KID: the framed command that generates an RSA-4096 key.
rsa4096() {
    # 7F49 { OID id-TA-RSA-v1-5-SHA-256, e = 65537, 4096 bits } with CPI and CAR
    local body=5F290100420A55544341303030303031
    body+=7F4915060A04007F00070202020102820301000102021000
    body+=5F200A55544341303030303031
    local len=$((${#body} / 2))
    printf -v len %02X "$len"
    unhex <<<"$(printf '%04X' $((5 + ${#body} / 2 + 1)))0046${1}00${len}${body}00"
}

@test "malformed frames, floods and hang-ups do not end it" {
    daemon_start --memory 1
    raw 0000
    raw 0001FF
    raw 000103
    raw FFFF
    raw FF
    raw 000200
    raw 0004000000
    raw "$(head -c 5000 /dev/zero | hex)"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        raw "$(head -c 3000 /dev/urandom | hex)"
    done
    for _ in $(seq 100); do raw 000104; done
    # Short commands are answered, unknown control bytes are not.
    [ "$(talk "$PORT" 0000000103000200A4000104 34)" = \
        000267000002670000183BFE1800008131FE458031815448534D31738021408107FA ]
    answers
    daemon_end TERM 0
}

@test "the slot without a card shows one of no use, as pcscd needs it" {
    daemon_start --memory 1
    [ "$(talk $((PORT + 1)) 000104 13)" = 000B3B87016E6F2063617264B3 ]
    [ "$(talk $((PORT + 1)) 000400A40400 4)" = 00026A82 ]
    answers
}

@test "the debug log names commands and never their data" {
    daemon_start --card "$CARD" --log-level debug
    talk "$PORT" 000101000B0020008106363438323139 4
    daemon_end TERM 0
    cat "$LOG"
    grep -q '00 20 00 81, 11 bytes -> ' "$LOG"
    run ! grep -qiE '648219|363438323139|36 34 38' "$LOG"
}

@test "it is confined, not dumpable, and small" {
    sanitized && skip "a build with sanitizers is large, and needs its freedom"
    daemon_start --card "$CARD" --card "$CARD-2"
    answers
    talk "$PORT" 000101000400840000 4
    cat "/proc/$daemon/status"
    [ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$daemon/status")" = 2 ]
    [ "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$daemon/status")" = 1 ]
    [ "$(awk '/^VmRSS:/ { print $2 }' "/proc/$daemon/status")" -lt 8192 ]
    grep -q 'Max core file size *0 *0' "/proc/$daemon/limits"
    [ "$(id -u)" = 0 ] || ! cat "/proc/$daemon/environ" # a process that may not be dumped belongs to root
}

@test "dialling: pcscd first or card first, restarts of either, kills" {
    local before
    room_open room 2 --direction connect
    before=$(identity 0)
    [ "$(identity 1)" != "$before" ]
    for _ in 1 2 3; do
        room restart-pcscd
        [ "$(identity 0)" = "$before" ]
        room stop-cards
        room wait-empty # pcscd notices at its next poll
        room start-cards
        [ "$(identity 0)" = "$before" ]
    done
    room kill-cards
    room wait-empty
    room start-cards
    [ "$(identity 0)" = "$before" ]
    room stop-pcscd
    sleep 4 # longer than it dials eagerly
    room start-pcscd
    [ "$(identity 0)" = "$before" ]
}

@test "listening: restarts of pcscd, and of both" {
    local before
    room_open room 2 --direction listen
    before=$(identity 0)
    for _ in 1 2 3; do
        room restart-pcscd
        [ "$(identity 0)" = "$before" ]
    done
}

@test "listening with a single card: pcscd lives, and sees it at once" {
    # The room counts the slot without a card as a card, too.
    cat >"$BATS_TEST_TMPDIR/single" <<EOF
#!/bin/bash
words=()
seen=
while [ \$# -gt 0 ]; do
    if [ "\$1" = --card ] && [ -n "\$seen" ]; then shift 2; continue; fi
    [ "\$1" != --card ] || seen=1
    words+=("\$1")
    shift
done
exec $DAEMON "\${words[@]}"
EOF
    chmod +x "$BATS_TEST_TMPDIR/single"
    TWINHSM_DAEMON=$BATS_TEST_TMPDIR/single room_open room 2 --direction listen
    sleep 2 # several polls
    identity 0
    run tool opensc-tool --reader 1 --atr
    [[ $output == *"3b:87:01:6e:6f:20:63:61:72:64:b3"* ]]
    card_init 0
    [[ $(p11_in 0 --keypairgen --key-type EC:prime256v1 --id 01 2>&1) == *"Key pair generated"* ]]
}

@test "a hundred connections one after the other" {
    local before
    room_open room 1
    before=$(identity 0)
    for _ in $(seq 100); do
        [ "$(identity 0)" = "$before" ]
    done
}

@test "RSA keys found ahead of time work as others do" {
    room_open room 1 --daemon-option --precompute --daemon-option --log-level --daemon-option debug
    card_init 0
    local tries=0
    until grep -q 'RSA key of 2048 bits is ready' "$TWINHSM_ROOM"/twinhsmd-0.log; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ]
        sleep 0.1
    done
    key_generate 0 rsa:2048 01 first
    key_generate 0 rsa:2048 02 second
    public_key 0 01 "$BATS_TEST_TMPDIR/1.pem"
    public_key 0 02 "$BATS_TEST_TMPDIR/2.pem"
    run ! cmp "$BATS_TEST_TMPDIR/1.pem" "$BATS_TEST_TMPDIR/2.pem"
    key_signs 0 01 "$BATS_TEST_TMPDIR/1.pem"
    key_signs 0 02 "$BATS_TEST_TMPDIR/2.pem"
}
