#!/usr/bin/env bash
# Measure A-F-02 by hand, as a script: find the node, nerdctl ps, nerdctl diff, kubectl cp each changed file, sha256sum, one lookup each.
# Environment: KUBECONFIG KUBECTL NERDCTL CONTAINERD SSH_KEY KNOWN_HOSTS SSH_USER NAMESPACE POD VT_URL VT_KEY
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
node=$("$KUBECTL" -n "$NAMESPACE" get pod "$POD" -o 'jsonpath={.spec.nodeName}')
address=$("$KUBECTL" get node "$node" -o 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}')
on_node() { ssh -n -o BatchMode=yes -o HostKeyAlias="$node" -o UserKnownHostsFile="$KNOWN_HOSTS" -i "$SSH_KEY" "$SSH_USER@$address" "$@"; }
id=$(on_node sudo -n "$NERDCTL" --address "$CONTAINERD" -n k8s.io ps --no-trunc --format "'{{.ID}} {{.Names}}'" | awk -v name="k8s://$NAMESPACE/$POD/" 'index($2, name) && $2 != name { print $1; exit }')
on_node sudo -n "$NERDCTL" --address "$CONTAINERD" -n k8s.io diff "$id" | sed -n 's/^[AC] //p' >"$out/paths"
while IFS= read -r path; do
  # Directories on the way to a change, and what the runtime mounts, are no files that anybody would copy.
  case $path in / | /dev | /proc | /sys) continue ;; esac
  grep -qF "$path/" "$out/paths" && continue
  rm -rf "$out/file"
  "$KUBECTL" -n "$NAMESPACE" cp "$POD:$path" "$out/file" >/dev/null 2>&1 </dev/null || continue
  [ -f "$out/file" ] || continue
  hash=$(sha256sum "$out/file" | cut -d' ' -f1)
  curl -s -o /dev/null -w "%{http_code} $hash $path\n" -H "x-apikey: $VT_KEY" "$VT_URL/api/v3/files/$hash"
done <"$out/paths"
