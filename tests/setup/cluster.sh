# shellcheck shell=bash
# The programs of a real Kubernetes, built from Go modules: no registry of images is asked, nothing prebuilt is run.
# Sourced by tests/run after tools.sh, which has `cached`. They serve tests/cluster/up.

modules=$PWD/tests/cluster/modules

# Go itself is a module too. These are the digests of its zip files.
go_release=1.26.8
declare -A go_digests=(
    [amd64]=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
    [arm64]=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99
)

fetch_go() {
    local arch=$1 folder=$2 name
    rm -rf "$folder.zip" # somebody was killed
    name=golang.org/toolchain@v0.0.1-go$go_release.linux-$arch
    python3 - "${name/@//@v/}.zip" "${go_digests[$arch]}" "$folder" "$name" <<'END'
import hashlib, io, os, sys, urllib.request, zipfile
path, digest, folder, inside = sys.argv[1:]
# What GOPROXY says first, if it is an address.
proxy = os.environ.get("GOPROXY", "").split(",")[0].split("|")[0].rstrip("/")
proxy = proxy if proxy.startswith("http") else "https://proxy.golang.org"
content = urllib.request.urlopen(f"{proxy}/{path}", timeout=60).read()
if hashlib.sha256(content).hexdigest() != digest:
    sys.exit(f"{proxy}/{path} is not what it was")
zipfile.ZipFile(io.BytesIO(content)).extractall(folder + ".zip")
os.rename(f"{folder}.zip/{inside}", folder)
END
    rm -rf "$folder.zip"
    chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/* # a module's files have no modes
}

# The machine's own if it is new enough, otherwise one in the cache.
go_toolchain() {
    local needed found arch
    needed=$(sed -n 's/^go //p' "$modules"/*/go.mod | sort -V | tail -n 1)
    # Where GOTOOLCHAIN allows it, Go brings the version that a module asks for by itself, and answers with that one.
    found=$(cd "$modules/containerd" && go env GOVERSION 2>/dev/null) || found=go0
    [[ $(printf '%s\n' "$needed" "${found#go}" | sort -V | head -n 1) != "$needed" ]] || return 0
    arch=$(uname -m)
    arch=${arch/x86_64/amd64} arch=${arch/aarch64/arm64}
    if [[ -z ${go_digests[$arch]-} ]]; then
        echo "missing on this machine: go $needed or newer. See https://go.dev/dl" >&2
        exit 1
    fi
    cached "go-$go_release-$arch" fetch_go "$arch"
    export PATH=$cache/go-$go_release-$arch/bin:$PATH GOTOOLCHAIN=local
}

# The version of a module's requirement.
go_version_of() {
    sed -n "s|^\(require\)\?[[:space:]]*$2 \(v[^ ]*\).*|\2|p" "$modules/$1/go.mod"
}

build_go_program() {
    local module=$1 program=$2 package=$3 linked=$4 tags=$5 folder=$6
    mkdir -p "$folder"
    # nice: this is minutes of work for all cores, and nobody waits for it alone
    (cd "$modules/$module" && GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
        nice go build -trimpath -tags "$tags" -ldflags "-s -w $linked" -o "$folder/$program" "$package")
}

programs=()

# go_program MODULE PROGRAM PACKAGE [LINKER FLAGS] [TAGS]
go_program() {
    local module=$1 program=$2 key
    key=$({ cat "$modules/$module"/go.{mod,sum} && (cd "$modules/$module" && go version) && echo "$@"; } |
        sha256sum | cut -c 1-16)
    cached "$program-$key" build_go_program "$module" "$program" "$3" "${4-}" "${5-}"
    programs+=("$cache/$program-$key/$program")
}

build_pause() {
    mkdir -p "$1"
    cc -static -Os -s -o "$1/pause" tests/cluster/pause.c
}

link_programs() {
    mkdir -p "$1"
    ln -s "${programs[@]}" "$1"
}

# All of them in one folder of links. What setup-envtest has brought is taken from there.
cluster_programs() {
    local kubernetes major minor reported key
    kubernetes=$(go_version_of kubernetes k8s.io/kubernetes)
    IFS=. read -r major minor _ <<<"${kubernetes#v}"
    reported="-X k8s.io/component-base/version.gitVersion=$kubernetes"
    reported+=" -X k8s.io/component-base/version.gitMajor=$major -X k8s.io/component-base/version.gitMinor=$minor"

    if [[ -n ${KUBEBUILDER_ASSETS-} ]]; then
        programs+=("$KUBEBUILDER_ASSETS"/{kube-apiserver,etcd,kubectl})
    else
        go_program kubernetes kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "$reported"
        go_program etcd etcd go.etcd.io/etcd/server/v3
        go_program kubernetes kubectl k8s.io/kubernetes/cmd/kubectl "$reported"
    fi
    go_program kubernetes kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "$reported"
    go_program kubernetes kubelet k8s.io/kubernetes/cmd/kubelet "$reported"
    go_program kubernetes kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler "$reported"
    go_program kubernetes kube-proxy k8s.io/kubernetes/cmd/kube-proxy "$reported"
    for key in containerd containerd-shim-runc-v2 ctr; do
        go_program containerd "$key" "github.com/containerd/containerd/v2/cmd/$key" "" no_btrfs,no_zfs,no_devmapper
    done
    go_program helm helm helm.sh/helm/v4/cmd/helm \
        "-X helm.sh/helm/v4/internal/version.version=$(go_version_of helm helm.sh/helm/v4)"

    key=pause-$(sha256sum tests/cluster/pause.c | cut -c 1-16)
    cached "$key" build_pause
    programs+=("$cache/$key/pause")

    key=cluster-$(printf '%s\n' "${programs[@]}" | sha256sum | cut -c 1-16)
    cached "$key" link_programs
    export RETENTION_OPERATOR_CLUSTER_BIN=$cache/$key
}

# What gcr.io/distroless/cc-debian12:nonroot has, from where that has it.
build_image_base() {
    local packages=$TMPDIR/image-base
    mkdir -p "$packages" "$1"/etc/ssl/certs "$1"/{tmp,home/nonroot}
    # apt's own user fetches them, or says that it cannot.
    (cd "$packages" && apt-get download -qq libc6 libgcc-s1 ca-certificates 2>/dev/null ||
        { apt-get update -qq && apt-get download -qq libc6 libgcc-s1 ca-certificates; }) >/dev/null
    for package in "$packages"/*.deb; do dpkg -x "$package" "$1"; done
    cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$packages" "$1"/usr/share/{doc,man,lintian} "$1"/usr/lib/*/gconv
    echo "root:x:0:0:root:/root:/sbin/nologin" >"$1/etc/passwd"
    echo "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin" >>"$1/etc/passwd"
    chmod 1777 "$1/tmp"
    chown 65532:65532 "$1/home/nonroot"
}

# Only a node needs it, and only root on Debian has one.
image_base() {
    local name
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 0
    name=image-base-$({ declare -f build_image_base && cat /etc/os-release; } | sha256sum | cut -c 1-16)
    cached "$name" build_image_base
    export RETENTION_OPERATOR_IMAGE_BASE=$cache/$name
}
