#!/usr/bin/env bash
# Names, paths and small helpers that every part of the lab shares.
# shellcheck disable=SC2034  # read by the scripts that source this file

LAB=${PODTRIAGE_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/podtriage-lab}
RUN=$LAB/run
# Logged-in users cannot read root's cache folder: their keys and home folders are here.
HOMES=/run/podtriage-lab
# What the image `corpus` has as /bin/hostile.
HOSTILE=$LAB_SOURCE/../corpus/hostile.c
SUDOERS=/etc/sudoers.d/podtriage-lab
PATH=$LAB/bin:$PATH
export KUBECONFIG=$RUN/admin.kubeconfig KUBECACHEDIR=$RUN/kubectl-cache

CONTROL_ADDRESS=10.99.0.1
HOST_ADDRESS=10.99.0.254
# node a runs containerd (with nerdctl), node b runs CRI-O.
NODES=(a b)
declare -A ADDRESS=([a]=10.99.0.11 [b]=10.99.0.12)
declare -A POD_SUBNET=([a]=10.98.1.0/24 [b]=10.98.2.0/24)
declare -A RUNTIME=([a]=containerd [b]=cri-o)
declare -A SOCKET=([a]=$RUN/a/containerd.sock [b]=$RUN/b/crio.sock)
DAEMONS=(etcd kube-apiserver containerd crio sshd-a sshd-b kubelet-a kubelet-b)
USER_SUDO=pt-triage
USER_NO_SUDO=pt-nosudo
# Made by test/e2e/permissions.test.ts, with the line of sudoers that podtriage prints; here so that down removes what a crash left.
USER_PRINTED=pt-printed

say() { echo "lab: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

need_root() { [ "$(id -u)" = 0 ] || fail "needs root: it makes network namespaces, mounts and users"; }

# One up, down or plant at a time. Daemons are started without this descriptor, or they would keep the lock.
lock() {
  mkdir -p "$LAB"
  exec 9>"$LAB/lock"
  flock -n 9 || {
    say "another lab command is running, waiting for it"
    flock 9
  }
}

# start NAME NETNS command...: a daemon in a network namespace; nsenter becomes the command, so $! is its pid.
# (nsenter, not `ip netns exec`: that one remounts /sys and hides the cgroups.)
start() {
  local name=$1 netns=$2
  shift 2
  setsid nsenter --net="/run/netns/$netns" "$@" >>"$RUN/log/$name" 2>&1 </dev/null 9>&- &
  echo $! >"$RUN/pid/$name"
}

netns_of() {
  case $1 in
  etcd | kube-apiserver) echo pt-control ;;
  containerd | *-a) echo pt-a ;;
  *) echo pt-b ;;
  esac
}

# True when the daemon's recorded pid lives and is really ours: it is in the network namespace that we gave it.
alive() {
  local pid
  pid=$(cat "$RUN/pid/$1" 2>/dev/null) || return 1
  [ "/run/netns/$(netns_of "$1")" -ef "/proc/$pid/ns/net" ]
}

# until_true SECONDS WHAT command...
until_true() {
  local what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "timed out waiting for $what (logs: $RUN/log)"
    sleep 0.1
  done
}
