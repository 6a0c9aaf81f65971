# shellcheck shell=bash
# What a node has beside the control plane. Sourced inside its namespaces; needs $dir, $bin, $address and $machine.

# Programs that write to fixed places write into the node's own copies of them.
own_folders() {
    mount -t tmpfs tmpfs /run
    mkdir -p /run/lock "$dir/var/log" "$dir/var/work"
    mount -t overlay overlay -o "lowerdir=/var/log,upperdir=$dir/var/log,workdir=$dir/var/work" /var/log
    mkdir -p /var/lib/{cni,kubelet}
    mount -t tmpfs tmpfs /var/lib/cni
    mount -t tmpfs tmpfs /var/lib/kubelet
}

# The kubelet insists on settings that are the machine's, not the namespace's: it finds them as it wants them, and the
# machine keeps its own.
own_settings() {
    local setting
    mkdir -p "$dir/settings"
    for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
        kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
        echo "${setting#*=}" >"$dir/settings/${setting//[\/=]/-}"
        mount --bind "$dir/settings/${setting//[\/=]/-}" "/proc/sys/${setting%=*}"
    done
}

network() {
    ip link set lo up
    # With an address of its own. Otherwise it has the lowest of its ports', which changes as pods come and go, and who
    # knows the old one reaches nobody for half a minute.
    ip link add cluster0 address 02:00:0a:f4:00:01 type bridge
    ip address add "$address/24" dev cluster0
    ip link set cluster0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward

    # A cable to the machine: descriptor 7 is its network.
    ip link add cable type veth peer name retention-node
    ip link set cable master cluster0 up
    ip link set retention-node netns /proc/self/fd/7
    nsenter --net=/proc/self/fd/7 ip address add "$machine/24" dev retention-node
    nsenter --net=/proc/self/fd/7 ip link set retention-node up
    exec 7<&-

    mkdir -p "$dir/cni"
    cat >"$dir/cni/10-bridge.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "tests", "plugins": [{
  "type": "bridge", "bridge": "cluster0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$dir/cni/addresses", "routes": [{"dst": "0.0.0.0/0"}],
    "ranges": [[{"subnet": "10.244.0.0/24", "rangeStart": "10.244.0.10", "gateway": "$address"}]]}
}]}
EOF
}

cgroups() {
    local hierarchy
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        for hierarchy in cpu cpuset memory pids io hugetlb; do
            echo "+$hierarchy" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
        done
        mkdir -p /sys/fs/cgroup/retention-operator-node
    else
        for hierarchy in /sys/fs/cgroup/*/; do
            mkdir -p "$hierarchy/retention-operator-node" 2>/dev/null || true
        done
    fi
}

# An image is a few files: this one needs no builder.
pause_image() {
    local folder=$dir/pause
    mkdir -p "$folder"
    tar -C "$bin" -h --owner 0 --group 0 -cf "$folder/layer.tar" pause
    printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"],"User":"65535:65535"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" "$(sha256sum "$folder/layer.tar" | cut -d ' ' -f 1)" >"$folder/config.json"
    echo '[{"Config":"config.json","RepoTags":["localhost/pause:test"],"Layers":["layer.tar"]}]' >"$folder/manifest.json"
    tar -C "$folder" -cf "$dir/pause.tar" manifest.json config.json layer.tar
}

# restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox would start otherwise.
start_containerd() {
    cat >"$dir/containerd.toml" <<EOF
version = 3
root = "$dir/containerd"
state = "$dir/containerd.state"
[grpc]
address = "$dir/containerd.sock"
[plugins.'io.containerd.internal.v1.opt']
path = "$dir/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "localhost/pause:test"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "$dir/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
EOF
    PATH=$bin:$PATH start containerd "$bin/containerd" --config "$dir/containerd.toml"
    until_ready containerd "$bin/ctr" --address "$dir/containerd.sock" version
    "$bin/ctr" --address "$dir/containerd.sock" --namespace k8s.io images import "$dir/pause.tar" >"$dir/log/pause" 2>&1
}

start_kube_scheduler() {
    certificate kube-scheduler "/CN=system:kube-scheduler"
    kubeconfig "$dir/certificates/kube-scheduler.kubeconfig" kube-scheduler "$server"
    start kube-scheduler "$bin/kube-scheduler" --kubeconfig "$dir/certificates/kube-scheduler.kubeconfig" \
        --leader-elect=false --secure-port 0
}

# masqueradeAll: a pod that calls a service on its own bridge would get its answers from the wrong address.
start_kube_proxy() {
    certificate kube-proxy "/CN=system:kube-proxy"
    kubeconfig "$dir/certificates/kube-proxy.kubeconfig" kube-proxy "$server"
    cat >"$dir/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: node
clientConnection: {kubeconfig: "$dir/certificates/kube-proxy.kubeconfig"}
clusterCIDR: 10.244.0.0/24
conntrack: {maxPerCore: 0, min: 0}
iptables: {masqueradeAll: true, minSyncPeriod: 0s}
EOF
    start kube-proxy "$bin/kube-proxy" --config "$dir/kube-proxy.yaml"
}

# Nothing is evicted or collected for want of disk: the machine's disk is none of the node's business.
start_kubelet() {
    certificate kubelet "/O=system:nodes/CN=system:node:node" "IP:$address,DNS:node"
    kubeconfig "$dir/certificates/kubelet.kubeconfig" kubelet "$server"
    : >"$dir/resolv.conf"
    cat >"$dir/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$dir/certificates/authority.crt"}
authorization: {mode: Webhook}
tlsCertFile: "$dir/certificates/kubelet.crt"
tlsPrivateKeyFile: "$dir/certificates/kubelet.key"
containerRuntimeEndpoint: "unix://$dir/containerd.sock"
cgroupDriver: cgroupfs
cgroupRoot: /retention-operator-node
failCgroupV1: false
failSwapOn: false
resolvConf: "$dir/resolv.conf"
podLogsDir: "$dir/log/pods"
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
EOF
    start kubelet "$bin/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$dir/certificates/kubelet.kubeconfig" \
        --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet/certificates" --node-ip $address --hostname-override node
    until_ready kubelet kubectl wait --for=condition=Ready node/node --timeout=1s
}
