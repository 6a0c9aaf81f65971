# shellcheck shell=bash
# The control plane's programs, for both beds. Sourced; needs $dir and $bin.

# start NAME PROGRAM ARGUMENTS...
start() {
    local name=$1
    shift
    setpriv --pdeathsig KILL "$@" >"$dir/log/$name" 2>&1 </dev/null &
    echo $! >"$dir/pid/$name"
}

running() {
    kill -0 "$(<"$dir/pid/$1")" 2>/dev/null
}

# A port that nobody listens on now. Somebody may a moment later: who uses it tries again.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

# until_ready PROGRAM CONDITION...: fails when the program ends before the condition holds, or after two minutes.
until_ready() {
    local program=$1 deadline=$((SECONDS + 120))
    shift
    until "$@" >/dev/null 2>&1; do
        running "$program" && ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

kubectl() {
    "$bin/kubectl" --kubeconfig "$dir/kubeconfig" "$@"
}

# Sets $etcd_port.
start_etcd() {
    local attempt peer
    for attempt in {1..10}; do
        etcd_port=$(free_port) peer=$(free_port)
        rm -rf "$dir/etcd"
        start etcd "$bin/etcd" --data-dir "$dir/etcd" --unsafe-no-fsync --log-level info \
            --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
            --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
            --initial-cluster "default=http://127.0.0.1:$peer"
        # Its own word, for a stranger may answer on that port.
        until_ready etcd grep -q "ready to serve client requests" "$dir/log/etcd" && return
        grep -q "address already in use" "$dir/log/etcd" || break
    done
    return 1
}

# start_kube_apiserver ADDRESS ARGUMENTS...: sets $server.
start_kube_apiserver() {
    local address=$1 attempt port certificates=$dir/certificates
    shift
    certificate apiserver "/CN=kube-apiserver" \
        "IP:127.0.0.1,IP:$address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
    certificate admin "/O=system:masters/CN=admin"
    certificate apiserver-to-kubelet "/O=system:masters/CN=kube-apiserver"
    for attempt in {1..10}; do
        port=$(free_port)
        server=https://$address:$port
        kubeconfig "$dir/kubeconfig" admin "$server"
        start kube-apiserver "$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
            --bind-address "$address" --advertise-address "$address" --secure-port "$port" \
            --tls-cert-file "$certificates/apiserver.crt" --tls-private-key-file "$certificates/apiserver.key" \
            --client-ca-file "$certificates/authority.crt" \
            --kubelet-certificate-authority "$certificates/authority.crt" \
            --kubelet-client-certificate "$certificates/apiserver-to-kubelet.crt" \
            --kubelet-client-key "$certificates/apiserver-to-kubelet.key" \
            --service-account-issuer https://kubernetes.default.svc \
            --service-account-key-file "$certificates/service-accounts.pub" \
            --service-account-signing-key-file "$certificates/service-accounts.key" \
            --service-cluster-ip-range 10.96.0.0/16 --authorization-mode Node,RBAC --allow-privileged "$@"
        until_ready kube-apiserver kubectl get --raw /readyz && return
        grep -q "address already in use" "$dir/log/kube-apiserver" || break
    done
    return 1
}

start_kube_controller_manager() {
    local certificates=$dir/certificates
    certificate kube-controller-manager "/CN=system:kube-controller-manager"
    kubeconfig "$certificates/kube-controller-manager.kubeconfig" kube-controller-manager "$server"
    start kube-controller-manager "$bin/kube-controller-manager" --leader-elect=false --secure-port 0 \
        --kubeconfig "$certificates/kube-controller-manager.kubeconfig" --use-service-account-credentials \
        --service-account-private-key-file "$certificates/service-accounts.key" --root-ca-file "$certificates/authority.crt"
    # Without these two no pod is admitted.
    until_ready kube-controller-manager kubectl --namespace default get serviceaccount/default configmap/kube-root-ca.crt
}
