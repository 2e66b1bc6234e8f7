#!/usr/bin/env bash
# What the programs write outside of $RUN, at places that cannot be configured: removed one by one, never a folder
# with content, as another program on this machine may use the same folder.

STRAY_FOLDERS=(
  /etc/crio /opt/containerd /run/containerd /run/nri /run/sshd /var/lib/cni /var/lib/containers /var/lib/kubelet
  /var/log/containers
)

# Remembers which of these folders are not there before the lab starts.
strays_note() {
  local folder
  for folder in "${STRAY_FOLDERS[@]}"; do [ -e "$folder" ] || echo "$folder"; done >"$LAB/made-folders"
}

strays_down() {
  local file folder
  # sockets of containerd's shims
  for file in "$RUN"/a/state/io.containerd.runtime.v2.task/*/*/bootstrap.json; do
    [ ! -f "$file" ] || rm -f "$(jq -r '.address | ltrimstr("unix://")' "$file" || true)"
  done
  # results of the network plugins: they name a network of the lab, or a namespace below its folder
  for file in /var/lib/cni/results/*; do
    if [ -f "$file" ] && grep -qF -e "$RUN/" -e '"podtriage-lab-' "$file"; then rm -f "$file"; fi
  done
  # the kubelets' links to their container logs
  for file in /var/log/containers/*.log; do
    [[ $(readlink "$file") != "$RUN"/* ]] || rm -f "$file"
  done
  rm -f /run/sudo/ts/{"$USER_SUDO","$USER_NO_SUDO","$USER_PRINTED"}
  [ -f "$LAB/made-folders" ] || return 0
  while read -r folder; do
    [ -d "$folder" ] || continue
    rm -f "$folder"/{cache/blob-info-cache-v1.boltdb,device-plugins/kubelet.sock}
    find "$folder" -depth -type d -empty -delete
  done <"$LAB/made-folders"
  rm -f "$LAB/made-folders"
}
