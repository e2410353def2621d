#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# DKEK shares and the key check value, with OpenSC 0.23: 1, 2 and 5 shares, typed and split passwords, and a key that
# moves between two cards by shares that OpenSC made itself.
#
# Making and reading a share file keeps sc-hsm-tool busy for seconds (with wrong passwords too, which is why they are
# not tried: the card never hears of them), so setup_file plays all ceremonies at once, in
# two lanes, and the tests judge what was printed.
# Cards: 0 and 3 get the share with the split password, by different custodians; 1 two shares; 2 five shares.

load lib

# custodian N: the lines with which custodian N presents a part of the split password.
custodian() {
    local value
    value=$(sed -n "/^Share ID    : $1/{n;s/^Share value : //p}" "$BATS_FILE_TMPDIR/split.out")
    printf '\n%s\n%s\n' "$1" "$value"
}

# prime: the public value that goes with the parts.
prime() {
    sed -n 's/^Prime       : //p' "$BATS_FILE_TMPDIR/split.out" | head -n 1
}

# lane_typed_and_split PID: PID is the other lane, whose first share of card 1 has to come before the one made here.
lane_typed_and_split() {
    # The password typed twice, on a terminal.
    on_terminal "sc-hsm-tool --reader 0 --create-dkek-share typed.pbe" 'encrypt DKEK share :' 'Ein langes Wort, 7!' \
        'retype password to confirm :' 'Ein langes Wort, 7!' >typed.out
    # The password as random number, 2 of 3 custodians.
    sc_hsm 0 --create-dkek-share split.pbe --pwd-shares-threshold 2 --pwd-shares-total 3 </dev/null |
        tr '\033' '\n' | sed 's/.*Share/Share/' >split.out

    card_init 0 --dkek-shares 1
    { prime; custodian 1; custodian 2; } | sc_hsm 0 --import-dkek-share split.pbe --pwd-shares-total 2 >card0.out
    card_init 3 --dkek-shares 1
    { prime; custodian 3; custodian 1; } | sc_hsm 3 --import-dkek-share split.pbe --pwd-shares-total 2 >card3.out
    until [ -e card1-first.status ]; do
        kill -0 "$1"
        sleep 0.1
    done
    sc_hsm 1 --import-dkek-share typed.pbe --password 'Ein langes Wort, 7!' >card1-second.out
}

lane_known() {
    local n
    for n in 1 2 3 4 5; do share_file $n known-$n.pbe; done
    card_init 1 --dkek-shares 2
    sc_hsm 1 >card1.status
    sc_hsm 1 --import-dkek-share known-1.pbe --password "$SHARE_PASSWORD" >card1-first.out
    sc_hsm 1 >card1-first.status
    card_init 2 --dkek-shares 5
    for n in 4 2 5 1 3; do
        sc_hsm 2 --import-dkek-share known-$n.pbe --password "$SHARE_PASSWORD" >card2-$n.out
        sc_hsm 2 >card2-$n.status
    done
}

setup_file() {
    local known
    room_open main 4
    cd "$BATS_FILE_TMPDIR" || return
    lane_known >known.log 2>&1 &
    known=$!
    lane_typed_and_split "$known" >typed.log 2>&1 || {
        tail -n 20 known.log typed.log card*.out
        return 1
    }
    wait "$known"
}

teardown_file() {
    room_close main
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

@test "share: made with a typed password, or with one split among custodians" {
    [[ $(<typed.out) == *'DKEK share created and saved to typed.pbe'* ]]
    [[ $(<split.out) == *'DKEK share created and saved to split.pbe'* ]]
    [ "$(stat -c %s typed.pbe)" = 64 ]
    [ "$(head -c 8 typed.pbe)" = Salted__ ]
    [ "$(stat -c %s split.pbe)" = 64 ]
    # The card's random numbers made salt, share and password: nothing is alike.
    [ "$(tail -c +9 typed.pbe | head -c 8 | hex)" != "$(tail -c +9 split.pbe | head -c 8 | hex)" ]
}

@test "one share: complete at once, key check value not zero" {
    [[ $(<card0.out) == *'DKEK share imported'* ]]
    [[ $(<card0.out) == *'DKEK shares          : 1'* ]]
    local value
    value=$(kcv_in <card0.out)
    [ ${#value} = 16 ]
    [ "$value" != 0000000000000000 ]
    [ "$(kcv 0)" = "$value" ]
}

@test "split password: other custodians decrypt the same share" {
    [[ $(<card3.out) == *'DKEK share imported'* ]]
    [ "$(kcv 3)" = "$(kcv 0)" ]
}

@test "two shares: the first leaves no key check value, the second does" {
    [[ $(<card1.status) == *'2 share(s) still missing'* ]]
    [[ $(<card1-first.out) == *'DKEK share imported'* ]]
    [[ $(<card1-first.status) == *'1 share(s) still missing'* ]]
    [[ $(<card1-first.status) != *'key check value'* ]]
    [[ $(<card1-second.out) == *'DKEK share imported'* ]]
    [ "$(kcv 1)" = "$(kcv_in <card1-second.out)" ]
    [[ $(kcv 1) =~ ^[0-9A-F]{16}$ ]]
    [ "$(kcv 1)" != 0000000000000000 ]
    [ "$(kcv 1)" != "$(shares_kcv 1)" ]
}

@test "five shares: counted down, and the key check value is that of their XOR" {
    local missing=4 n
    for n in 4 2 5 1; do
        [[ $(<card2-$n.out) == *'DKEK share imported'* ]]
        [[ $(<card2-$n.status) == *"$missing share(s) still missing"* ]]
        [[ $(<card2-$n.status) != *'key check value'* ]]
        missing=$((missing - 1))
    done
    [ "$(kcv_in <card2-3.out)" = "$(shares_kcv 1 2 3 4 5)" ]
    [ "$(kcv 2)" = "$(shares_kcv 1 2 3 4 5)" ]
}

@test "a share too many is refused and changes nothing" {
    [[ $(apdu 2 "8052000020$(share_hex 1)00") == :6985 ]]
    [ "$(kcv 2)" = "$(shares_kcv 1 2 3 4 5)" ]
}

@test "key check value: the same before and after login" {
    local answers
    mapfile -t answers < <(apdu 2 8052000000 "0020008106$(printf %s "$PIN" | hex)" 8052000000)
    [ "${answers[1]}" = :9000 ]
    [ "${answers[0]}" = "0500$(shares_kcv 1 2 3 4 5):9000" ]
    [ "${answers[2]}" = "${answers[0]}" ]
}

@test "key check value: the same after a restart of the cards, of pcscd, and a power cut" {
    local before
    before="$(kcv 0) $(kcv 1) $(kcv 2) $(kcv 3)"
    [[ $before =~ ^([0-9A-F]{16}\ ?){4}$ ]]
    cards_again stop-cards
    [ "$(kcv 0) $(kcv 1) $(kcv 2) $(kcv 3)" = "$before" ]
    room restart-pcscd
    [ "$(kcv 0) $(kcv 1) $(kcv 2) $(kcv 3)" = "$before" ]
    cards_again kill-cards
    [ "$(kcv 0) $(kcv 1) $(kcv 2) $(kcv 3)" = "$before" ]
}

@test "shares outstanding: the count survives a restart, a key is made but not wrapped" {
    card_init 1 --dkek-shares 2
    share_import_raw 1 1
    cards_again stop-cards
    [[ $(sc_hsm 1) == *'1 share(s) still missing'* ]]
    key_generate 1 EC:secp256r1 10 waiting
    local reference
    reference=$(key_reference 1 10)
    run sc_hsm 1 --wrap-key early.wrap --key-reference "$reference" --pin "$PIN"
    [ ! -s early.wrap ]
    share_import_raw 1 2
    [ "$(kcv 1)" = "$(shares_kcv 1 2)" ]
    rm -f early.wrap
    key_wrap 1 10 early.wrap
}

@test "a card without DKEK shows no shares and neither imports nor wraps" {
    card_init 1
    run sc_hsm 1
    [[ $output != *DKEK* ]]
    key_generate 1 EC:secp256r1 10 alone
    run sc_hsm 1 --wrap-key alone.wrap --key-reference "$(key_reference 1 10)" --pin "$PIN"
    [[ $output == *'Card not initialized for key wrap'* ]]
    [ ! -s alone.wrap ]
    [[ $(apdu 1 "8052000020$(share_hex 1)00") == :6D00 ]]
    public_key 1 10 alone.pem
    key_signs 1 10 alone.pem
}

@test "--dkek-shares 0: the card makes a DKEK of its own, never the same" {
    local first
    card_init 1 --dkek-shares 0
    first=$(apdu 1 8052000000)
    [[ $first =~ ^0000[0-9A-F]{16}:9000$ ]]
    [[ $first != 00000000000000000000:9000 ]]
    card_init 1 --dkek-shares 0
    [ "$(apdu 1 8052000000)" != "$first" ]
}

@test "backup: a key wrapped on one card signs on another with the same DKEK" {
    key_generate 0 EC:secp256r1 10 backup
    public_key 0 10 backup.pem
    key_wrap 0 10 backup.wrap
    key_unwrap 3 1 backup.wrap
    key_signs 3 10 backup.pem
}
