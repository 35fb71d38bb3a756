# Shared by the scripts beside it; sourced, not run.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# How to be root without asking anybody: empty when that cannot be.
root_prefix() {
    if [ "$(id -u)" = 0 ]; then
        echo env
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        echo sudo -n env
    fi
}

# apt_install REASON PACKAGE...: install what is not there yet, or say clearly what somebody has to install.
apt_install() {
    local reason=$1 root
    shift
    [ $# -gt 0 ] || return 0
    root=$(root_prefix)
    if ! command -v apt-get >/dev/null; then
        say "$reason: please install what Debian calls: $*"
        return 1
    fi
    if [ -z "$root" ]; then
        say "$reason. This account may not install packages; please run:"
        say "    sudo apt install $*"
        return 1
    fi
    say "$reason: installing $*"
    # shellcheck disable=SC2086  # the prefix is several words
    if ! $root DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2; then
        # The lists of packages may be missing, as in a container, or older than the mirror.
        $root apt-get update -q >&2 &&
            $root DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
    fi
}

# Whether this is a Raspberry Pi, by the device tree.
is_pi() { grep -qs 'Raspberry Pi' /proc/device-tree/model; }
