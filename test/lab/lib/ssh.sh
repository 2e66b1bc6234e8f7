#!/usr/bin/env bash
# What a responder logs in to: sshd on each node, two users, keys and host keys by node name.

ssh_up() {
  local node ssh=$RUN/ssh
  mkdir -p "$ssh" "$HOMES/home" /run/sshd
  ssh-keygen -q -t ed25519 -N '' -C podtriage-lab -f "$ssh/id"
  ssh-keygen -q -t ed25519 -N '' -C wrong -f "$ssh/host-wrong"
  install -m 644 "$ssh/id.pub" "$HOMES/authorized_keys"
  for node in "${NODES[@]}"; do
    ssh-keygen -q -t ed25519 -N '' -C "node-$node" -f "$ssh/host-$node"
    known_host "$node" "$ssh/host-$node.pub" >>"$ssh/known_hosts"
  done
  known_host a "$ssh/host-wrong.pub" >"$ssh/known_hosts.wrong"
  known_host b "$ssh/host-b.pub" >>"$ssh/known_hosts.wrong"
  users_up
  for node in "${NODES[@]}"; do sshd_start "$node"; done
}

known_host() { echo "node-$1 $(cut -d' ' -f1,2 "$2")"; }

sshd_start() {
  local config=$RUN/ssh/sshd-$1.conf
  cat >"$config" <<CONF
ListenAddress ${ADDRESS[$1]}
HostKey $RUN/ssh/host-$1
AuthorizedKeysFile $HOMES/authorized_keys
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxSessions 20
MaxStartups 50:30:100
LogLevel VERBOSE
PrintMotd no
CONF
  start "sshd-$1" "pt-$1" /usr/sbin/sshd -D -e -f "$config"
}

# Stops the listener and every session of that node, as a node that drops off the net does.
sshd_stop() {
  local pid
  for pid in $(ip netns pids "pt-$1" 2>/dev/null); do
    [ "$(readlink "/proc/$pid/exe" || true)" != /usr/sbin/sshd ] || kill "$pid" 2>/dev/null || true
  done
  rm -f "$RUN/pid/sshd-$1"
}

sshd_answers() { (exec 3<>"/dev/tcp/${ADDRESS[$1]}/22" && read -r -t 2 -u 3 line && [[ $line == SSH-2.0-* ]]); }

# The password '*' matches nothing; '!' would lock the account, and sshd would refuse its key too.
users_up() {
  local user
  for user in "$USER_SUDO" "$USER_NO_SUDO"; do
    useradd --system --home-dir "$HOMES/home/$user" --create-home --skel /dev/null --shell /bin/bash \
      --comment podtriage-lab --password '*' "$user"
  done
  cat >"$SUDOERS.new" <<CONF
# Made by test/lab/lab up, removed by test/lab/lab down.
Defaults:$USER_SUDO secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$LAB/bin"
$USER_SUDO ALL=(ALL) NOPASSWD: ALL
CONF
  chmod 440 "$SUDOERS.new"
  visudo -q -c -f "$SUDOERS.new"
  mv "$SUDOERS.new" "$SUDOERS"
}

# Removes the users only when they are the lab's own (their comment says so).
users_down() {
  local user
  rm -f "$SUDOERS" "$SUDOERS.new" "$SUDOERS-printed"
  for user in "$USER_SUDO" "$USER_NO_SUDO" "$USER_PRINTED"; do
    [ "$(getent passwd "$user" | cut -d: -f5)" != podtriage-lab ] || userdel "$user"
  done
  rm -rf "$HOMES"
}

sshd_restart() {
  sshd_stop "$1"
  sshd_start "$1"
  until_true 10 "sshd of node-$1" sshd_answers "$1"
}
