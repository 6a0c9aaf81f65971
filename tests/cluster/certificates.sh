# shellcheck shell=bash
# The cluster's certificates, and a kubeconfig for each who talks to it. Sourced by the beds; needs $dir.

authority() {
    mkdir -p "$dir/certificates"
    (
        cd "$dir/certificates"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj "/CN=tests" \
            -addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign,digitalSignature" \
            -keyout authority.key -out authority.crt
        openssl ecparam -name prime256v1 -genkey -noout -out service-accounts.key
        openssl ec -in service-accounts.key -pubout -out service-accounts.pub
    ) 2>"$dir/log/openssl"
}

# certificate FILE SUBJECT [SUBJECT ALTERNATIVE NAMES]
certificate() {
    (
        cd "$dir/certificates"
        openssl req -x509 -CA authority.crt -CAkey authority.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
            -days 30 -subj "$2" -addext "basicConstraints=critical,CA:false" -addext "keyUsage=critical,digitalSignature" \
            -addext "extendedKeyUsage=serverAuth,clientAuth" ${3:+-addext "subjectAltName=$3"} \
            -keyout "$1.key" -out "$1.crt"
    ) 2>>"$dir/log/openssl"
}

# kubeconfig FILE CERTIFICATE SERVER: with everything inside, so that it can be handed on.
kubeconfig() {
    local certificates=$dir/certificates
    cat >"$1" <<EOF
apiVersion: v1
kind: Config
current-context: tests
contexts:
- {name: tests, context: {cluster: tests, user: $2}}
clusters:
- name: tests
  cluster:
    server: $3
    certificate-authority-data: $(base64 -w 0 "$certificates/authority.crt")
users:
- name: $2
  user:
    client-certificate-data: $(base64 -w 0 "$certificates/$2.crt")
    client-key-data: $(base64 -w 0 "$certificates/$2.key")
EOF
    chmod 600 "$1"
}
