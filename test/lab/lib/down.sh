#!/usr/bin/env bash
# Takes the lab down. One way for a healthy lab and for what a crash left: kill what is ours, unmount, remove.
# Nothing in $RUN is worth a graceful stop: it is all made anew by the next `up`.

# The lab's own processes: in one of its network namespaces, in a node's cgroup, or a daemon from its bin folder.
lab_pids() {
  local netns exe program
  {
    for netns in pt-control pt-a pt-b; do ip netns pids "$netns" 2>/dev/null || true; done
    node_cgroups | xargs -r -I% find % -name cgroup.procs -exec cat {} + 2>/dev/null || true
    for exe in /proc/[0-9]*/exe; do
      program=$(readlink "$exe" 2>/dev/null) || continue
      [[ $program != "$LAB"/bin/@(etcd|kube-apiserver|kubelet|containerd|containerd-shim-runc-v2|crio)* ]] ||
        cut -d/ -f3 <<<"$exe"
    done
  } | sort -un | grep -vx "$$" || true
}

kill_ours() {
  local pids pid name deadline=$((SECONDS + 10))
  # kubelets first, or they would start containers again
  for name in kubelet-a kubelet-b; do
    ! alive "$name" || kill -9 "$(cat "$RUN/pid/$name")" 2>/dev/null || true
  done
  while mapfile -t pids < <(lab_pids) && [ ${#pids[@]} -gt 0 ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "these processes did not end: ${pids[*]}"
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    sleep 0.1
  done
}

# Everything mounted below $RUN, the newest first; mountinfo writes spaces and the like as octal escapes.
unmount_ours() {
  local at
  awk -v run="$RUN/" 'index($5, run) == 1 { print $5 }' /proc/self/mountinfo | tac |
    while IFS= read -r at; do umount -l "$(printf '%b' "$at")" 2>/dev/null || true; done
}

lab_down() {
  kill_ours
  unmount_ours
  cgroups_down
  network_down
  users_down
  strays_down
  # the logs stay, to look at after a failed test
  [ ! -d "$RUN" ] || find "$RUN" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf --one-file-system {} +
}

# True when a former lab left anything.
leftovers() {
  [ -e "$RUN/pid" ] || [ -e "$SUDOERS" ] || [ -e "$HOMES" ] || [ -e /run/netns/pt-a ] || [ -e /run/netns/pt-b ] ||
    [ -e /run/netns/pt-control ] || [ -e "$LAB/mounted-hugetlb" ] || [ -n "$(lab_pids)" ]
}
