# shellcheck shell=bash
# What the tests need beside the checkout's own build. Sourced by tests/run.

cache=${RETENTION_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/retention-operator}

# cached NAME BUILD...: sees to it that the folder $cache/NAME is there, made by `BUILD... FOLDER`. It appears whole or
# not at all, whoever else is making it at the same time, and whenever one of them is killed.
cached() {
    local name=$1
    shift
    mkdir -p "$cache"
    (
        flock 9
        [[ ! -d $cache/$name ]] || exit 0
        say "building $name, kept in $cache"
        rm -rf "$cache/$name.partial"
        "$@" "$cache/$name.partial"
        mv "$cache/$name.partial" "$cache/$name"
    ) 9>"$cache/$name.lock"
}

cargo_deny_version=0.20.2

# Runs for a second, so it is built for building fast: 1 minute on 2 cores instead of 3.
build_cargo_deny() {
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked cargo-deny --version "=$cargo_deny_version" \
        --root "$1" --target-dir "$TMPDIR/cargo-deny"
    rm -rf "$TMPDIR/cargo-deny"
}

cargo_deny() {
    local name
    name=cargo-deny-$cargo_deny_version-rust-$(rustc -vV | sed -n 's/^release: //p; s/^host: //p' | paste -s -d -)
    cached "$name" build_cargo_deny
    PATH=$cache/$name/bin:$PATH
}

build_openai_agents() {
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/openai-agents/requirements.txt
}

openai_agents() {
    local name
    name=openai-agents-$({ cat tests/openai-agents/requirements.txt && python3 -VV; } | sha256sum | cut -c 1-16)
    cached "$name" build_openai_agents
    export RETENTION_OPERATOR_PYTHON=$cache/$name/bin/python
}
