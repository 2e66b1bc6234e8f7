#!/usr/bin/env bash
# A kubelet on each node, in a cgroup of the node's own.

node_cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d \( -name pt-a -o -name pt-b \) 2>/dev/null; }

# Each node's cgroup, in every controller (version 1) or in the one tree (version 2).
cgroups_up() {
  local node controller file
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | while read -r controller; do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
    done
    for node in "${NODES[@]}"; do mkdir -p "/sys/fs/cgroup/pt-$node"; done
    return
  fi
  # CRI-O sets a hugetlb limit when the kernel has that controller: its hierarchy must be mounted.
  if grep -q '^hugetlb' /proc/cgroups && ! mountpoint -q /sys/fs/cgroup/hugetlb; then
    touch "$LAB/mounted-hugetlb"
    mkdir -p /sys/fs/cgroup/hugetlb
    mount -t cgroup -o hugetlb cgroup /sys/fs/cgroup/hugetlb
  fi
  for node in "${NODES[@]}"; do
    for controller in /sys/fs/cgroup/*/; do mkdir -p "$controller/pt-$node"; done
    for file in cpus mems; do
      cat "/sys/fs/cgroup/cpuset/cpuset.$file" >"/sys/fs/cgroup/cpuset/pt-$node/cpuset.$file"
    done
  done
}

cgroups_down() {
  local deadline=$((SECONDS + 5))
  while [ -n "$(node_cgroups)" ]; do
    node_cgroups | xargs -r -I% find % -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ "$SECONDS" -lt "$deadline" ] || fail "cgroups remain: $(node_cgroups | tr '\n' ' ')"
  done
  [ -f "$LAB/mounted-hugetlb" ] || return 0
  ! mountpoint -q /sys/fs/cgroup/hugetlb || umount /sys/fs/cgroup/hugetlb
  [ ! -d /sys/fs/cgroup/hugetlb ] || rmdir /sys/fs/cgroup/hugetlb
  rm -f "$LAB/mounted-hugetlb"
}

kubelets_up() {
  local node
  for node in "${NODES[@]}"; do
    kubelet_config "$node"
    start "kubelet-$node" "pt-$node" kubelet --config "$RUN/$node/kubelet.yaml" \
      --kubeconfig "$RUN/kubelet-$node.kubeconfig" --root-dir "$RUN/$node/kubelet" --cert-dir "$RUN/pki" \
      --hostname-override "node-$node" --node-ip "${ADDRESS[$node]}"
  done
}

kubelet_config() {
  mkdir -p "$RUN/$1/podlogs" "$RUN/$1/plugins"
  cat >"$RUN/$1/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: $RUN/pki/ca.crt}
authorization: {mode: AlwaysAllow}
tlsCertFile: $RUN/pki/kubelet-$1.crt
tlsPrivateKeyFile: $RUN/pki/kubelet-$1.key
containerRuntimeEndpoint: unix://${SOCKET[$1]}
cgroupDriver: cgroupfs
cgroupRoot: /pt-$1
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
localStorageCapacityIsolation: false
evictionHard: {imagefs.available: "1%", nodefs.available: "1%", memory.available: "50Mi"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
healthzPort: 0
readOnlyPort: 0
podLogsDir: $RUN/$1/podlogs
volumePluginDir: $RUN/$1/plugins
YAML
}

nodes_ready() {
  [ "$(kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}')" = "True True" ]
}
