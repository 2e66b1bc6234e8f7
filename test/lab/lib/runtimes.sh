#!/usr/bin/env bash
# containerd on node a, CRI-O on node b, each with its state below $RUN/NODE.

runtimes_up() {
  local node
  for node in "${NODES[@]}"; do cni_config "$node"; done
  containerd_config
  crio_config
  start containerd pt-a containerd --config "$RUN/a/containerd.toml"
  start crio pt-b crio --config "$RUN/b/crio.conf" --config-dir ""
}

runtime_class() {
  kubectl create -f - >/dev/null <<YAML
{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: native}, handler: native}
YAML
}

runtimes_ready() { ctr -a "${SOCKET[a]}" version && crictl -r "unix://${SOCKET[b]}" version; }

cni_config() {
  mkdir -p "$RUN/$1/cni"
  cat >"$RUN/$1/cni/10-lab.conflist" <<JSON
{
  "cniVersion": "1.0.0",
  "name": "podtriage-lab-$1",
  "plugins": [{
    "type": "ptp",
    "ipam": {
      "type": "host-local",
      "dataDir": "$RUN/$1/ipam",
      "ranges": [[{"subnet": "${POD_SUBNET[$1]}"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
JSON
}

# restrict_oom_score_adj: lets pods start on machines without CAP_SYS_RESOURCE. The runtime `native` is for pods of the
# RuntimeClass of that name: their root is a plain copy, without an upper directory.
containerd_config() {
  cat >"$RUN/a/containerd.toml" <<TOML
version = 3
root = "$RUN/a/containerd"
state = "$RUN/a/state"
[grpc]
  address = "${SOCKET[a]}"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "localhost/lab/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$RUN/a/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "$LAB/bin/runc"
      Root = "$RUN/a/runc"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.native]
    runtime_type = "io.containerd.runc.v2"
    snapshotter = "native"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.native.options]
      BinaryName = "$LAB/bin/runc"
      Root = "$RUN/a/runc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$RUN/a/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
TOML
}

crio_config() {
  local root=$RUN/b
  mkdir -p "$root"/{exits,attach,hooks}
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$root/policy.json"
  cat >"$root/crio.conf" <<TOML
[crio]
root = "$root/storage"
runroot = "$root/runroot"
storage_driver = "overlay"
log_dir = "$root/crio-logs"
version_file = "$root/version"
version_file_persist = "$root/version-persist"
clean_shutdown_file = "$root/clean.shutdown"
internal_wipe = false
[crio.api]
listen = "${SOCKET[b]}"
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
default_runtime = "runc"
container_exits_dir = "$root/exits"
container_attach_socket_dir = "$root/attach"
namespaces_dir = "$root/ns"
pinns_path = "$LAB/bin/pinns"
hooks_dir = ["$root/hooks"]
apparmor_profile = ""
seccomp_profile = ""
selinux = false
enable_criu_support = false
[crio.runtime.runtimes.runc]
runtime_path = "$LAB/bin/runc"
runtime_root = "$root/runc"
monitor_path = "/usr/bin/conmon"
monitor_cgroup = "pod"
[crio.image]
pause_image = "localhost/lab/pause:1"
signature_policy = "$root/policy.json"
signature_policy_dir = "$root/policies"
[crio.network]
network_dir = "$root/cni"
plugin_dirs = ["/usr/lib/cni"]
[crio.nri]
enable_nri = false
TOML
}
