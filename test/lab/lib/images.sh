#!/usr/bin/env bash
# The container images: built once into the cache (by images.py), loaded into both runtimes at every start.

# Images depend on the script, its table of files and the versions of what it packs.
images_key() {
  { cat "$LAB_SOURCE"/lib/{images.py,image_files.py} && dpkg-query -W busybox-static libc6 libpcre2-8-0 libssl3 zlib1g; } |
    sha256sum | cut -c1-16
}

images_build() {
  local began=$SECONDS
  IMAGES=$LAB/images/$(images_key)
  [ ! -f "$IMAGES/web.tar" ] || return 0
  printf 'making the images ... ' >&2
  rm -rf "$LAB/images"
  mkdir -p "$LAB/images/new/nginx"
  (
    cd "$LAB/images/new/nginx"
    apt-get download nginx || { apt-get update -q && apt-get download nginx; }
    dpkg-deb -x nginx_*.deb .
  ) >"$LAB/images/log" 2>&1 9>&- || fail "could not fetch nginx, see $LAB/images/log"
  python3 -B "$LAB_SOURCE/lib/images.py" "$LAB/images/new" "$LAB/images/new/nginx/usr/sbin/nginx"
  rm -rf "$LAB/images/new/nginx"
  mv "$LAB/images/new" "$IMAGES"
  echo "$((SECONDS - began)) s" >&2
}

images_load() {
  local name waiting=()
  for name in pause web; do
    ctr -a "${SOCKET[a]}" -n k8s.io images import "$IMAGES/$name.tar" >>"$RUN/log/images" 2>&1 9>&- &
    waiting+=($!)
  done
  for name in pause web; do
    skopeo --insecure-policy copy -q "docker-archive:$IMAGES/$name.tar" \
      "containers-storage:[overlay@$RUN/b/storage+$RUN/b/runroot]localhost/lab/$name:1" 2>>"$RUN/log/images" 9>&-
  done
  for name in "${waiting[@]}"; do wait "$name"; done
}
