# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
# shellcheck shell=bash
#
# What the end-to-end tests with OpenSC's tools share: rooms (a private pcscd with its cards), the tools run inside
# them, DKEK shares, and checks by openssl. sc-hsm-tool exits 0 when it fails, so nothing here trusts exit codes
# alone. Loaded by "load lib".

TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
PIN=648219
SO_PIN=3537363231383830
export LC_ALL=C

# Rooms

# room_open NAME CARDS [OPTION]...: start a private pcscd with CARDS fresh cards, and make it the current room.
# Few PIN iterations, because hundreds of processes log in; what they cost by default is another test's subject.
room_open() {
    local name=$1 cards=$2
    shift 2
    "$TREE/scripts/private-pcscd" --start --owner $$ --cards "$cards" \
        --daemon "${TWINHSM_DAEMON:-$TREE/build/release/bin/twinhsmd}" \
        --daemon-option --pin-iterations --daemon-option 2000 "$@" >"$BATS_FILE_TMPDIR/$name.room" || return 1
    room_use "$name"
}

# room_use NAME: make an opened room the current one.
room_use() {
    local name
    for name in "${!TWINHSM_CARD_@}"; do unset "$name"; done
    # shellcheck disable=SC1090 # export lines written by room_open
    . "$BATS_FILE_TMPDIR/$1.room"
}

# room_close NAME...: end rooms, also ones that never came up.
room_close() {
    local name
    for name in "$@"; do
        [ -s "$BATS_FILE_TMPDIR/$name.room" ] || continue
        room_use "$name"
        "$TREE/scripts/private-pcscd" --stop
    done
}

# room WORD [N]: what scripts/private-pcscd --control can do to the current room.
room() {
    "$TREE/scripts/private-pcscd" --control "$@"
}

# cards_again WORD: end all cards by stop-cards or kill-cards, start them again. pcscd must have seen them go: only
# then do cards that answer mean new ones.
cards_again() {
    room "$1"
    room wait-empty
    room start-cards
}

# tool COMMAND...: in the current room's own root directory, if it has one: there it is the other OpenSC.
tool() {
    if [ -z "${TWINHSM_ROOM_ROOT:-}" ]; then
        "$@"
        return
    fi
    (
        export TWINHSM_TREE=$TREE
        # shellcheck source=../../scripts/lib/chroot.sh
        . "$TREE/scripts/lib/chroot.sh"
        chroot_run "$TWINHSM_ROOM_ROOT" "$@"
    )
}

# The tools on the card in reader R. Messages about the reader come on standard error: kept, for a failure's sake.

# sc_hsm R ARGUMENT...
sc_hsm() {
    tool sc-hsm-tool --reader "$@"
}

# p11 R ARGUMENT...
p11() {
    tool pkcs11-tool --slot-index "$@"
}

# p11_in R ARGUMENT...: the same, logged in.
p11_in() {
    tool pkcs11-tool --slot-index "$1" --login --pin "$PIN" "${@:2}"
}

# p15 R ARGUMENT...
p15() {
    tool pkcs15-tool --reader "$@"
}

# apdu R HEX...: APDUs in one session; prints each response's data (hex, no spaces) and status word, "data:SW".
apdu() {
    local reader=$1 hex words=()
    shift
    for hex in "$@"; do words+=(--send-apdu "$hex"); done
    tool opensc-tool --reader "$reader" "${words[@]}" | awk '
        /^Received/ {
            if (seen++) print data ":" sw
            data = ""
            match($0, /SW1=0x[0-9A-F]+, SW2=0x[0-9A-F]+/)
            split(substr($0, RSTART, RLENGTH), part, /0x/)
            sw = substr(part[2], 1, 2) substr(part[3], 1, 2)
            next
        }
        # Bytes in hex, each with a blank, then the same bytes as text: a quarter of the line is their number.
        seen && /^[0-9A-F][0-9A-F] / {
            line = substr($0, 1, int(length($0) / 4) * 3)
            gsub(/ /, "", line)
            data = data line
        }
        END { if (seen) print data ":" sw }'
}

# Cards

# card_init R [ARGUMENT]...: initialise with the usual PINs, and look whether it was done.
card_init() {
    sc_hsm "$1" --initialize --so-pin "$SO_PIN" --pin "$PIN" "${@:2}"
    [[ $(sc_hsm "$1" 2>/dev/null) == *"User PIN tries left  : 3"* ]]
}

# kcv R: the DKEK's key check value, as sc-hsm-tool shows it; nothing while shares are missing.
kcv() {
    sc_hsm "$1" 2>/dev/null | kcv_in
}

# kcv_in: the key check value in a tool's output.
kcv_in() {
    sed -n 's/^DKEK key check value : \([0-9A-F]\{16\}\)$/\1/p'
}

# tries R WHO: tries left of the "User PIN" or "SO-PIN", as sc-hsm-tool shows them.
tries() {
    sc_hsm "$1" 2>/dev/null | sed -n "s/^$2 tries left *: //p"
}

# DKEK shares
#
# sc-hsm-tool spends seconds of MD5 on each share file it makes or reads. Known shares are files whose key, of the
# password "password" and one salt, is computed once: they cost nothing to make, and the DKEK they give is known here.

SHARE_SALT=0102030405060708
SHARE_KEY=3C48180BEAEABA6A00F6EEE478BF9F67BE7B807B760429D50242C755F19DD783
SHARE_IV=82E1D378A8F56D027C9D15FBBCD6DE00
# shellcheck disable=SC2034 # the tests give it to sc-hsm-tool
SHARE_PASSWORD=password

# unhex: hex digits on standard input to bytes.
unhex() {
    local hex
    hex=$(tr -d '[:space:]' | sed 's/../\\x&/g')
    printf '%b' "$hex"
}

# hex: bytes on standard input to hex digits, in capitals, one line.
hex() {
    od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
}

# share_hex N: known share N, in hex.
share_hex() {
    printf 'known share %s' "$1" | openssl dgst -sha256 -binary | hex
}

# share_file N FILE: known share N as sc-hsm-tool reads it.
share_file() {
    {
        printf 'Salted__'
        unhex <<<"$SHARE_SALT"
        share_hex "$1" | unhex | openssl enc -aes-256-cbc -K "$SHARE_KEY" -iv "$SHARE_IV"
    } >"$2"
}

# shares_kcv N...: the key check value of the DKEK that known shares N... make: SHA-256 of their XOR, 8 bytes.
shares_kcv() {
    local n i hex dkek=()
    for ((i = 0; i < 32; i++)); do dkek[i]=0; done
    for n in "$@"; do
        hex=$(share_hex "$n")
        for ((i = 0; i < 32; i++)); do dkek[i]=$((dkek[i] ^ 16#${hex:2*i:2})); done
    done
    printf '%02X' "${dkek[@]}" | unhex | openssl dgst -sha256 -binary | head -c 8 | hex
}

# share_import_raw R N: known share N as a bare APDU, for tests whose subject is not the import.
share_import_raw() {
    [[ $(apdu "$1" "8052000020$(share_hex "$2")00") == *:9000 ]]
}

# Keys

# key_generate R TYPE ID LABEL [ARGUMENT]...
key_generate() {
    p11_in "$1" --keypairgen --key-type "$2" --id "$3" --label "$4" "${@:5}"
}

# key_reference R ID: the number by which sc-hsm-tool knows the key of that ID; nothing when there is none.
key_reference() {
    p15 "$1" --list-keys 2>/dev/null | awk -v id="$2" '
        /Key ref/ { ref = $4 }
        $1 == "ID" && $3 == id { print ref }'
}

# public_key R ID FILE: as PEM.
public_key() {
    p15 "$1" --read-public-key "$2" >"$3"
    openssl pkey -pubin -in "$3" -noout
}

# key_signs R ID FILE: does the key sign, so that openssl accepts it under the public key in FILE?
key_signs() {
    local dir
    dir=$(mktemp -d "$BATS_TEST_TMPDIR/sign.XXXXXX")
    openssl rand 100 >"$dir/message"
    if grep -q 'RSA Public-Key\|Modulus' <(openssl pkey -pubin -in "$3" -noout -text); then
        p11_in "$1" --sign --id "$2" -m SHA256-RSA-PKCS -i "$dir/message" -o "$dir/signature"
    else
        p11_in "$1" --sign --id "$2" -m ECDSA-SHA256 --signature-format openssl \
            -i "$dir/message" -o "$dir/signature"
    fi
    openssl dgst -sha256 -verify "$3" -signature "$dir/signature" "$dir/message"
}

# key_wrap R ID FILE: back up to a file of sc-hsm-tool, which must be new.
key_wrap() {
    local reference
    reference=$(key_reference "$1" "$2")
    [ -n "$reference" ] && [ ! -e "$3" ]
    sc_hsm "$1" --wrap-key "$3" --key-reference "$reference" --pin "$PIN"
    [ -s "$3" ]
}

# key_unwrap R REFERENCE FILE [ARGUMENT]...: restore; the tool says so in the end.
key_unwrap() {
    sc_hsm "$1" --unwrap-key "$3" --key-reference "$2" --pin "$PIN" "${@:4}" 2>&1 |
        tee "$BATS_TEST_TMPDIR/unwrap.out"
    grep -q 'Key successfully imported' "$BATS_TEST_TMPDIR/unwrap.out"
}

# key_delete R ID: private key and what describes it.
key_delete() {
    p11_in "$1" --delete-object --type privkey --id "$2"
}

# key_count R: private keys on the card.
key_count() {
    p11_in "$1" --list-objects --type privkey 2>/dev/null | grep -c '^Private Key Object' || :
}

# on_terminal COMMAND PROMPT ANSWER [PROMPT ANSWER]...: on a terminal, wait for each prompt, type the answer.
# Without a terminal OpenSC's question for a DKEK password ends in a crash; typed too early, it is thrown away.
on_terminal() {
    local command=$1 seen='' char input output pid status=0
    shift
    coproc TERMINAL { script --quiet --return --command "$command" /dev/null; }
    # shellcheck disable=SC2153 # made by coproc, and gone when it ends
    pid=$TERMINAL_PID
    exec {input}>&"${TERMINAL[1]}" {output}<&"${TERMINAL[0]}"
    while [ $# -gt 0 ] && IFS= read -r -d '' -n 1 -t 60 -u "$output" char; do
        seen+=$char
        if [[ $seen == *"$1"* ]]; then
            sleep 0.1 # the prompt is printed before the terminal is set to no echo
            printf '%s\n' "$2" >&"$input"
            printf '%s' "$seen"
            seen=''
            shift 2
        fi
    done
    printf '%s' "$seen"
    cat <&"$output"
    exec {input}>&- {output}<&-
    wait "$pid" || status=$?
    return "$status"
}
