#!/usr/bin/env bash
# etcd and kube-apiserver. No scheduler and no controller-manager: pods name their node, namespaces are not deleted.

# What tests look at: who reached into a pod. Everything else stays out of the log.
audit_policy() {
  cat >"$RUN/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    resources: [{group: "", resources: [pods/exec, pods/attach, pods/ephemeralcontainers, pods/log]}]
  - level: None
YAML
}

control_plane_up() {
  local pki=$RUN/pki
  audit_policy
  mkdir -p "$RUN/etcd"
  chmod 700 "$RUN/etcd"
  start etcd pt-control etcd --data-dir "$RUN/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
  start kube-apiserver pt-control kube-apiserver \
    --etcd-servers=http://127.0.0.1:2379 \
    --bind-address="$CONTROL_ADDRESS" --advertise-address="$CONTROL_ADDRESS" --secure-port=6443 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --client-ca-file="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://lab --service-account-key-file="$pki/sa.pub" \
    --service-account-signing-key-file="$pki/sa.key" \
    --service-cluster-ip-range=10.97.0.0/16 --authorization-mode=Node,RBAC \
    --disable-admission-plugins=ServiceAccount --endpoint-reconciler-type=none \
    --audit-policy-file="$RUN/audit-policy.yaml" --audit-log-path="$RUN/log/audit.ndjson" --audit-log-mode=blocking
}
