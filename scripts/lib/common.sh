# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
# shellcheck shell=sh
#
# What every script of this directory shares: where the tree is, and how to say that something went wrong.
# Sourced, never run; the caller has set -eu already.

# Absolute path of the tree, whatever directory the caller stands in. CDPATH could make cd print or go elsewhere.
TWINHSM_TREE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
TWINHSM_BUILD=${TWINHSM_BUILD:-$TWINHSM_TREE/build}

# say TEXT...: one line for the user, on standard error, so that it never mixes with results.
say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die CODE TEXT...: the same, then leave with exit code CODE.
die() {
    die_code=$1
    shift
    say "$*"
    exit "$die_code"
}

# have COMMAND: is there such a command?
have() {
    command -v "$1" >/dev/null 2>&1
}

# with_lock NAME COMMAND...: run COMMAND while holding build/NAME.lock, so that two makes at once do not work on
# the same download.
with_lock() {
    lock_name=$1
    shift
    mkdir -p "$TWINHSM_BUILD"
    flock "$TWINHSM_BUILD/$lock_name.lock" "$@"
}
