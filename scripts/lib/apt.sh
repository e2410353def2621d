# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
# shellcheck shell=sh
#
# Packages of another Debian suite than the machine's own, without touching the machine's apt: a private list,
# state and cache under build/apt/SUITE, an empty dpkg status, and the machine's own mirror and apt.conf (proxies).
# Signatures are checked against the Debian archive keyring; no check is ever switched off.
# Sourced after common.sh.

APT_KEYRING=${TWINHSM_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# apt_mirrors: the archive URIs of this machine, likeliest Debian main archive first, one per line.
# apt itself is asked, so every form of sources file (one-line, deb822) is understood. TWINHSM_DEBIAN_MIRROR overrides.
apt_mirrors() {
    if [ -n "${TWINHSM_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "${TWINHSM_DEBIAN_MIRROR%/}"
        return
    fi
    apt-get --print-uris update 2>/dev/null |
        sed -n "s,^'\(.*\)/dists/\([^/']*\)/InRelease'.*,\2 \1,p" |
        awk '$1 ~ /-security$/ || seen[$2]++ { next }
             { rank = ($2 ~ /\/debian$/) ? 0 : 1; print rank, NR, $2 }' |
        sort -n -k1,1 -k2,2 | cut -d' ' -f3-
}

# apt_private SUITE COMMAND ARGUMENT...: apt-get or apt-cache (COMMAND) inside the private directory of SUITE.
apt_private() {
    apt_dir=$TWINHSM_BUILD/apt/$1
    apt_command=$2
    shift 2
    "$apt_command" -q \
        -o Dir::Etc::sourcelist="$apt_dir/suite.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State="$apt_dir/state" -o Dir::State::status="$apt_dir/status" -o Dir::Cache="$apt_dir/cache" \
        -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Languages=none \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

# apt_private_update SUITE TYPES: make the private directory of SUITE for TYPES ("deb" or "deb-src") and fetch its
# index from the first mirror that has it. Sets APT_MIRROR. Returns 1 after explaining when none has.
apt_private_update() {
    apt_dir=$TWINHSM_BUILD/apt/$1
    if [ ! -r "$APT_KEYRING" ]; then
        say "the Debian archive keyring $APT_KEYRING is missing, so nothing downloaded could be trusted."
        say "Install the package debian-archive-keyring, then run this again."
        return 1
    fi
    apt_candidates=$(apt_mirrors)
    if [ -z "$apt_candidates" ]; then
        say "this machine's apt sources name no Debian mirror. Set TWINHSM_DEBIAN_MIRROR=URI, then run this again."
        return 1
    fi
    mkdir -p "$apt_dir/state/lists/partial" "$apt_dir/cache/archives/partial"
    : >"$apt_dir/status"
    apt_log=$apt_dir/update.log
    : >"$apt_log"
    for APT_MIRROR in $apt_candidates; do
        printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
            "$2" "$APT_MIRROR" "$1" "$APT_KEYRING" >"$apt_dir/suite.sources"
        if apt_private "$1" apt-get update >>"$apt_log" 2>&1; then
            return 0
        fi
    done
    say "cannot fetch the package index of Debian $1. Tried:"
    # shellcheck disable=SC2086 # one line for each mirror
    printf '    %s\n' $apt_candidates >&2
    grep -E '^(E|W|Err)' "$apt_log" | sort -u | head -n 5 | sed 's/^/    /' >&2 || :
    say "Is the network up? Another mirror: TWINHSM_DEBIAN_MIRROR=URI. Whole log: $apt_log"
    return 1
}
