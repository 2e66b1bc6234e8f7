#!/usr/bin/env bash
# Debian packages that the lab and the tests need. Quick when all are there: no apt call at all.

PACKAGES=(
  busybox-static chromium conmon containernetworking-plugins curl gcc iproute2 iptables jq libpcre2-8-0 libseccomp-dev libssl3
  openssh-client openssh-server openssl p7zip-full pkg-config procps prometheus python3 python3-venv redis-server skopeo sudo util-linux zlib1g
)

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local missing policy=/usr/sbin/policy-rc.d made='' status=0
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  # The lab starts its own sshd and redis-server: keep the packages from starting theirs.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y "${missing[@]}"; } \
    >"$LAB/install.log" 2>&1 9>&- || status=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$status" = 0 ] || fail "could not install packages, see $LAB/install.log"
}
