#!/usr/bin/env bash
# Brings the lab up: control plane, two nodes, sshd on each, images loaded.

lab_up() {
  local began=$SECONDS
  if healthy; then
    say "is up already"
    return
  fi
  if leftovers; then
    say "cleaning up what a former lab left"
    lab_down
  fi
  install_packages
  build_all
  images_build
  rm -rf --one-file-system "$RUN"
  mkdir -p "$RUN"/{log,pid,a,b}
  passable "$RUN"
  strays_note
  network_up
  cgroups_up
  pki_up
  control_plane_up
  runtimes_up
  ssh_up
  until_true 30 "the container runtimes" runtimes_ready
  # A kubelet that starts while images are written can find its runtime unable to tell how much they take, and ends.
  images_load
  kubelets_up
  until_true 60 "both nodes to be Ready" nodes_ready
  kubectl create namespace shop >/dev/null
  runtime_class
  describe_json >"$RUN/lab.json.new"
  mv "$RUN/lab.json.new" "$RUN/lab.json"
  until_true 30 "everything to answer" healthy
  say "is up after $((SECONDS - began)) s (for a shell: eval \"\$($LAB_COMMAND env)\")"
}

# A pod with users of its own (hostUsers: false) reaches its layers as nobody in particular: every folder above them has to let it pass.
passable() {
  local folder=$1
  while [ "$folder" != / ]; do
    chmod o+x "$folder"
    folder=$(dirname "$folder")
  done
}

# lab.json is written last by `up`, so with it and all daemons answering the lab is whole.
healthy() {
  local name
  [ -f "$RUN/lab.json" ] || return 1
  for name in "${DAEMONS[@]}"; do alive "$name" || return 1; done
  kubectl get --raw /readyz --request-timeout=3s >/dev/null 2>&1 || return 1
  { timeout 5 ctr -a "${SOCKET[a]}" version && timeout 5 crictl -r "unix://${SOCKET[b]}" version; } >/dev/null 2>&1 ||
    return 1
  sshd_answers a && sshd_answers b && nodes_ready 2>/dev/null
}

status() {
  local name
  for name in "${DAEMONS[@]}"; do
    if alive "$name"; then echo "$name running pid $(cat "$RUN/pid/$name")"; else echo "$name stopped"; fi
  done
  if healthy; then
    kubectl get nodes -o wide
    kubectl get pods -A -o wide
  else
    say "is not up"
    return 1
  fi
}
