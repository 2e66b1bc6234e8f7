#!/usr/bin/env bash
# Builds the lab's programs from their Go modules into $LAB/bin: about nine minutes on two cores, once.
# Each program has a stamp file with its version beside it (bin/.NAME), so a clean checkout builds nothing again.

# Cold build times on two cores, in seconds: shown to whoever waits.
declare -A BUILD_SECONDS=([runc]=20 [etcd]=30 [crictl]=60 [nerdctl]=40 [containerd]=70 [crio]=120 [kubernetes]=240 [versitygw]=70 [python]=20 [schemathesis]=40)

# True when every named program is there in the wanted version. built STAMP VERSION program...
built() {
  local stamp=$1 version=$2 program
  shift 2
  [ "$(cat "$LAB/bin/.$stamp" 2>/dev/null)" = "$version" ] || return 1
  for program in "$@"; do [ -x "$LAB/bin/$program" ] || return 1; done
}

# ensure NAME VERSION "program..." builder: runs the builder when needed and tells how long it takes.
ensure() {
  local name=$1 version=$2 programs=$3 builder=$4 start=$SECONDS expected log
  # shellcheck disable=SC2086  # a list of program names
  if built "$name" "$version" $programs; then return; fi
  command -v go >/dev/null || fail "go is missing: install Go 1.24 or newer first (https://go.dev/dl)"
  expected=${BUILD_SECONDS[$name]}
  log=$LAB/build-$name.log
  printf 'building %s %s (about %s) ... ' "$name" "$version" "$(human_seconds "$expected")" >&2
  if ! (set -e; "$builder" "$version") >"$log" 2>&1; then
    echo "failed after $((SECONDS - start)) s, see $log" >&2
    tail -n 20 "$log" >&2
    return 1
  fi
  echo "$version" >"$LAB/bin/.$name"
  rm -f "$log"
  echo "$((SECONDS - start)) s" >&2
}

human_seconds() { if [ "$1" -ge 90 ]; then echo "$((($1 + 30) / 60)) min"; else echo "$1 s"; fi; }

# Builds packages of a module that `go install package@version` refuses (it has replace directives, or no version
# list): a module of our own requires it at one exact version. own_module NAME MODULE VERSION package...
own_module() {
  local name=$1 module=$2 version=$3 cache dir package
  shift 3
  cache=$(go env GOMODCACHE)
  dir=$LAB/mod/$name
  rm -rf "$dir"
  mkdir -p "$dir"
  cd "$dir" || exit
  printf 'module lab/%s\n\ngo 1.24.0\n\nrequire %s v%s\n' "$name" "$module" "$version" >go.mod
  GOFLAGS=-mod=mod go mod download "$module@v$version"
  [ "$name" != kubernetes ] || kubernetes_staging "$cache/$module@v$version/go.mod" "$version" >>go.mod
  printf '//go:build tools\n\npackage tools\n\n' >tools.go
  for package in "$@"; do printf 'import _ "%s"\n' "$package" >>tools.go; done
  cp "$cache/$module@v$version/go.sum" go.sum
  chmod u+w go.sum
  GOFLAGS=-mod=mod go build ${TAGS:+-tags "$TAGS"} -ldflags "-s -w ${LDFLAGS:-}" -o "$LAB/bin/" "$@"
}

# The staging modules of k8s.io/kubernetes 1.MINOR.PATCH are published as v0.MINOR.PATCH.
kubernetes_staging() {
  printf '\nreplace (\n'
  sed -nE "s#^\s*(k8s\.io/[^ ]+) => \./staging/.*#\t\1 => \1 v0.${2#1.}#p" "$1"
  printf ')\n'
}

build_runc() { CGO_ENABLED=1 TAGS=seccomp own_module runc github.com/opencontainers/runc "$1" github.com/opencontainers/runc; }

build_etcd() {
  CGO_ENABLED=0 own_module etcd go.etcd.io/etcd/server/v3 "$1" go.etcd.io/etcd/server/v3
  local made
  for made in v3 server; do [ ! -f "$LAB/bin/$made" ] || mv "$LAB/bin/$made" "$LAB/bin/etcd"; done
}

build_crictl() { GOBIN=$LAB/bin CGO_ENABLED=0 go install "sigs.k8s.io/cri-tools/cmd/crictl@v$1"; }

build_nerdctl() {
  local module=github.com/containerd/nerdctl
  CGO_ENABLED=0 LDFLAGS="-X $module/pkg/version.Version=v$1" own_module nerdctl "$module" "$1" "$module/cmd/nerdctl"
}

build_containerd() {
  local module=github.com/containerd/containerd/v2
  GOBIN=$LAB/bin CGO_ENABLED=0 go install -tags no_btrfs -ldflags "-s -w -X $module/version.Version=v$1" \
    "$module"/cmd/{containerd,containerd-shim-runc-v2,ctr}"@v$1"
}

build_crio() {
  local module=github.com/cri-o/cri-o
  CGO_ENABLED=1 TAGS='containers_image_openpgp exclude_graphdriver_btrfs' own_module crio "$module" "$1" "$module/cmd/crio"
  gcc -O2 -o "$LAB/bin/pinns" "$(go env GOMODCACHE)/$module@v$1"/pinns/src/{pinns,sysctl}.c
}

build_kubernetes() {
  local version=k8s.io/component-base/version module=k8s.io/kubernetes minor=${1#1.}
  CGO_ENABLED=0 LDFLAGS="-X $version.gitVersion=v$1 -X $version.gitMajor=1 -X $version.gitMinor=${minor%.*}" \
    own_module kubernetes "$module" "$1" "$module"/cmd/{kube-apiserver,kubelet,kubectl}
}

build_versitygw() { GOBIN=$LAB/bin CGO_ENABLED=0 go install -ldflags "-s -w" "github.com/versity/versitygw/cmd/versitygw@v$1"; }

# A Python of its own with the libraries that check bags; bin/bag-python runs it. The argument is "BAGIT CRYPTOGRAPHY".
build_python() {
  python3 -m venv --clear "$LAB/python"
  "$LAB/python/bin/pip" install --quiet --disable-pip-version-check "bagit==${1% *}" "cryptography==${1#* }"
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$LAB/python/bin/python" >"$LAB/bin/bag-python"
  chmod 755 "$LAB/bin/bag-python"
}

# A Python of its own with the program that tries an API by its contract.
build_schemathesis() {
  python3 -m venv --clear "$LAB/schemathesis"
  "$LAB/schemathesis/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$1"
  ln -sfn ../schemathesis/bin/schemathesis "$LAB/bin/schemathesis"
}

# What integration tests need of these; see test/run.
build_for_tests() {
  mkdir -p "$LAB/bin"
  ensure versitygw "$VERSITYGW_VERSION" versitygw build_versitygw
  ensure python "$BAGIT_VERSION $CRYPTOGRAPHY_VERSION" bag-python build_python
  ensure schemathesis "$SCHEMATHESIS_VERSION" schemathesis build_schemathesis
}

build_all() {
  mkdir -p "$LAB/bin" "$LAB/mod"
  ensure runc "$RUNC_VERSION" runc build_runc
  ensure etcd "$ETCD_VERSION" etcd build_etcd
  ensure nerdctl "$NERDCTL_VERSION" nerdctl build_nerdctl
  ensure containerd "$CONTAINERD_VERSION" "containerd containerd-shim-runc-v2 ctr" build_containerd
  ensure crictl "$CRICTL_VERSION" crictl build_crictl
  ensure crio "$CRIO_VERSION" "crio pinns" build_crio
  ensure kubernetes "$KUBERNETES_VERSION" "kube-apiserver kubelet kubectl" build_kubernetes
}
