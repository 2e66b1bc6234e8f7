#!/usr/bin/env bash
# The lab's network: one bridge in pt-control, a veth from it to each node and one to this machine.

network_up() {
  local node
  # `ip netns add` makes this folder a mount of its own
  mountpoint -q /run/netns || touch "$LAB/mounted-netns"
  ip netns add pt-control
  ip -n pt-control link set lo up
  ip -n pt-control link add br0 type bridge
  ip -n pt-control addr add "$CONTROL_ADDRESS/24" dev br0
  ip -n pt-control link set br0 up
  ip link add pt-host type veth peer name host netns pt-control
  ip -n pt-control link set host master br0 up
  ip addr add "$HOST_ADDRESS/24" dev pt-host
  ip link set pt-host up
  for node in "${NODES[@]}"; do
    ip netns add "pt-$node"
    ip -n "pt-$node" link set lo up
    ip link add eth0 netns "pt-$node" type veth peer name "node-$node" netns pt-control
    ip -n pt-control link set "node-$node" master br0 up
    ip -n "pt-$node" addr add "${ADDRESS[$node]}/24" dev eth0
    ip -n "pt-$node" link set eth0 up
    ip -n "pt-$node" route add default via "$CONTROL_ADDRESS"
  done
}

network_down() {
  local netns
  ip link del pt-host 2>/dev/null || true
  for netns in pt-control pt-a pt-b; do
    [ ! -e "/run/netns/$netns" ] || ip netns del "$netns"
  done
  [ -f "$LAB/mounted-netns" ] || return 0
  rm -f "$LAB/mounted-netns"
  [ -z "$(ls -A /run/netns 2>/dev/null)" ] || return 0
  ! mountpoint -q /run/netns || umount /run/netns
  [ ! -d /run/netns ] || rmdir /run/netns
}
