#!/usr/bin/env bash
# Certificates of the cluster and a kubeconfig for each of its users, new at every start.

new_key() { openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

# certificate NAME SUBJECT ALTERNATIVE-NAMES
certificate() {
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3")
}

pki_up() (
  local node
  mkdir -p "$RUN/pki"
  cd "$RUN/pki" || exit
  exec 2>"$RUN/log/pki"
  new_key ca
  openssl req -x509 -new -key ca.key -days 30 -subj /CN=lab-ca -out ca.crt
  certificate apiserver /CN=kube-apiserver "IP:$CONTROL_ADDRESS,IP:127.0.0.1,DNS:kubernetes"
  certificate admin /O=system:masters/CN=admin DNS:admin
  certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet DNS:apiserver-kubelet
  for node in "${NODES[@]}"; do
    certificate "kubelet-$node" "/O=system:nodes/CN=system:node:node-$node" "IP:${ADDRESS[$node]},DNS:node-$node"
  done
  openssl genrsa -out sa.key 2048
  openssl rsa -in sa.key -pubout -out sa.pub
  kubeconfig admin
  for node in "${NODES[@]}"; do kubeconfig "kubelet-$node"; done
)

# Keys are inside the file: a copy of it is enough to use the cluster.
kubeconfig() {
  cat >"$RUN/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: lab
    cluster: {server: "https://$CONTROL_ADDRESS:6443", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
  - name: $1
    user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts: [{name: lab, context: {cluster: lab, user: $1}}]
current-context: lab
YAML
  chmod 600 "$RUN/$1.kubeconfig"
}
