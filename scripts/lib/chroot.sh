# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
# shellcheck shell=bash
#
# Running programs of another Debian's root directory. Sourced after common.sh.

# The words that give a process mounts of its own: plain as root, with a user namespace otherwise.
# Empty when the system allows neither.
private_mounts() {
    if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
        echo "unshare -m --propagation private"
    elif unshare -Urm true 2>/dev/null; then
        echo "unshare -Urm --propagation private"
    fi
}

# chroot_bind ROOT: in a mount namespace of one's own, make ROOT usable: kernel file systems, this tree, /tmp, $HOME.
chroot_bind() {
    local dir
    for dir in /proc /sys /dev /tmp "$TWINHSM_TREE" "${HOME:-}"; do
        [ -d "$dir" ] || continue
        if [ ! -d "$1$dir" ] && ! mkdir -p "$1$dir" 2>/dev/null; then
            [ "$dir" = "${HOME:-}" ] && continue
            say "there is no $1$dir and I may not make it; run scripts/debian-root again."
            return 1
        fi
        mount --rbind "$dir" "$1$dir"
    done
}

# chroot_run ROOT COMMAND...: become COMMAND inside ROOT, in the same directory if ROOT shows it.
chroot_run() {
    local root=$1 words
    shift
    words=$(private_mounts)
    [ -n "$words" ] || die 125 "--root needs root, or user namespaces, which this system does not allow."
    export TWINHSM_TREE
    # shellcheck disable=SC2086,SC2016 # words are words; the inner shell expands its own
    exec $words bash -c '
        . "$TWINHSM_TREE/scripts/lib/chroot.sh"
        say() { echo "$*" >&2; }
        root=$1 dir=$2
        shift 2
        chroot_bind "$root" || exit 125
        [ -d "$root$dir" ] || dir=/
        exec chroot "$root" env -C "$dir" -- "$@"' bash "$root" "$PWD" "$@"
}
