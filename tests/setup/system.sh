# shellcheck shell=bash
# What the machine itself must have. Sourced by tests/run, benches/run and examples/*/run.

# As root on Debian, installs what is missing; otherwise names it and stops.
system_packages() {
    local missing=()
    cc -x c -o "$TMPDIR/probe" - <<<$'#include <stdio.h>\nint main(void) { return 0; }' 2>/dev/null ||
        missing+=(gcc libc6-dev)                                            # SQLite is compiled in
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv) # rows written by the real application
    command -v git >/dev/null || missing+=(git)                             # cargo-deny fetches the advisories with it
    command -v openssl >/dev/null || missing+=(openssl)                     # a cluster's certificates
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
    # The tests start servers of their own, whatever the machine may run.
    has_postgresql || missing+=(postgresql)
    command -v pgbouncer >/dev/null || [[ -x /usr/sbin/pgbouncer ]] || missing+=(pgbouncer)
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        # A node, which only root can have: tests/cluster/node-possible names what else it asks for.
        command -v runc >/dev/null || missing+=(runc)
        command -v iptables >/dev/null || missing+=(iptables)
        command -v conntrack >/dev/null || missing+=(conntrack)
        command -v ip >/dev/null || missing+=(iproute2)
        [[ -x /usr/lib/cni/bridge ]] || missing+=(containernetworking-plugins)
        command -v buildah >/dev/null || missing+=(buildah) # the image
    fi
    install_packages "${missing[@]}"
}

# What examples/superplane/run asks for.
superplane_packages() {
    local missing=()
    cc --version >/dev/null 2>&1 || missing+=(gcc libc6-dev)
    command -v openssl >/dev/null || missing+=(openssl)
    has_postgresql || missing+=(postgresql)
    install_packages "${missing[@]}"
}

# What benches/run asks for.
benches_packages() {
    local missing=()
    cc --version >/dev/null 2>&1 || missing+=(gcc libc6-dev)
    has_postgresql || missing+=(postgresql)
    install_packages "${missing[@]}"
}

has_postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null
}

install_packages() {
    local missing=("$@")
    ((${#missing[@]})) || return 0

    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "missing on this machine: ${missing[*]} (Debian's names). As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    say "system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    without_services apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian's packages start what they bring, and fail where no service manager runs; nobody here wants those services.
without_services() {
    local policy=/usr/sbin/policy-rc.d
    [[ ! -e $policy ]] || { # the machine has one of its own
        "$@"
        return
    }
    # If we are killed here, what stays behind forbids nothing any more.
    printf '#!/bin/sh\n# Services are not started while tests/run installs packages.\n[ -d /proc/%s ] || exit 0\nexit 101\n' $$ >$policy
    chmod +x $policy
    local status=0
    "$@" || status=$?
    rm $policy
    return $status
}

rust_toolchain() {
    local needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if ! command -v cargo >/dev/null; then
        echo "missing on this machine: cargo $needed or newer. See https://rustup.rs" >&2
        exit 1
    fi
    found=$(rustc --version | cut -d ' ' -f 2)
    if [[ $(printf '%s\n' "$needed" "$found" | sort -V | head -n 1) != "$needed" ]]; then
        echo "rust $found is too old, $needed is needed: rustup update stable" >&2
        exit 1
    fi
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        rustup component add rustfmt clippy || {
            echo "missing on this machine: rustfmt and clippy for rust $found" >&2
            exit 1
        }
    fi
}
