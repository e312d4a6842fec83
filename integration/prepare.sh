# What demo, test and benchmarks need before they can start. Sourced, not run.

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "must be run as root: $1 (try: sudo $0)"
}

# rustc of at least `rust-version` in Cargo.toml.
need_rust() {
    local need have how
    need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    how="install it with rustup (https://rustup.rs):
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
or with the distribution's package where that is new enough (apt-get install rustc cargo)"
    # rustup's own place, where a login shell would find it.
    PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin"
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        fail "cargo and rustc are missing, Rust $need or newer is needed; $how"
    fi
    have=$(rustc --version | cut -d' ' -f2) || fail "rustc does not run; $how"
    if [ "$(printf '%s\n' "$need" "${have%%-*}" | sort -V | head -n1)" != "$need" ]; then
        fail "rustc $have is too old, Rust $need or newer is needed; $how"
    fi
}

# install_missing COMMAND=PACKAGE … : installs the packages whose command is missing. The packages'
# services are not started: policy-rc.d says no while apt-get runs, and is put back afterwards.
install_missing() {
    local pair missing=()
    for pair; do
        command -v "${pair%%=*}" >/dev/null || [ -x "/usr/sbin/${pair%%=*}" ] || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null ||
        fail "missing: ${missing[*]} (this script installs with apt-get only; install them by hand)"
    say "installing ${missing[*]}"
    (
        policy=/usr/sbin/policy-rc.d
        kept=
        if [ -e "$policy" ]; then
            kept=$(mktemp)
            cp -p "$policy" "$kept"
        fi
        trap 'if [ -n "$kept" ]; then cp -p "$kept" "$policy"; rm -f "$kept"; else rm -f "$policy"; fi' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q || echo "apt-get update failed, trying with the lists there are" >&2
        apt-get install -q -y --no-install-recommends "${missing[@]}"
    ) || fail "apt-get could not install ${missing[*]}"
}

# Says why where the kernel or the container forbids network namespaces.
need_namespaces() {
    local name="hfprobe-$$" reason
    reason=$(ip netns add "$name" 2>&1) ||
        fail "cannot make network namespaces here: $reason (CAP_SYS_ADMIN and CAP_NET_ADMIN are needed)"
    ip netns del "$name"
}
