#!/usr/bin/env bash
# The container images: built once into the cache, loaded into both runtimes: `pause` and `web` at every start, those of the
# corpus and of the bench (images_more.py) when they are asked for.

# Images depend on the scripts that make them and the versions of what they pack.
images_key() {
  { cat "$LAB_SOURCE"/lib/{images,image_archive,image_files}.py && dpkg-query -W busybox-static libc6 libpcre2-8-0 libssl3 zlib1g; } |
    sha256sum | cut -c1-16
}

images_more_key() {
  { cat "$LAB_SOURCE"/lib/{images_more,image_archive}.py "$HOSTILE" && dpkg-query -W busybox-static libc6; } |
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
    image_load_a "$IMAGES/$name.tar" &
    waiting+=($!)
  done
  for name in pause web; do image_load_b "$IMAGES/$name.tar" "$name"; done
  for name in "${waiting[@]}"; do wait "$name"; done
}

image_load_a() { ctr -a "${SOCKET[a]}" -n k8s.io images import "$1" >>"$RUN/log/images" 2>&1 9>&-; }

image_load_b() {
  skopeo --insecure-policy copy -q "docker-archive:$1" \
    "containers-storage:[overlay@$RUN/b/storage+$RUN/b/runroot]localhost/lab/$2:1" 2>>"$RUN/log/images" 9>&-
}

# load NAME...: images of images_more.py. Those that are loaded already are left as they are.
load() {
  local name key folder missing=()
  [ -f "$RUN/lab.json" ] || fail "is not up"
  key=$(images_more_key)
  folder=$LAB/images-more/$key
  mkdir -p "$RUN/loaded"
  for name in "$@"; do [ "$(cat "$RUN/loaded/$name" 2>/dev/null)" = "$key" ] || missing+=("$name"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  images_more_build "$folder" "${missing[@]}"
  for name in "${missing[@]}"; do
    image_load_a "$folder/$name.tar" &
    image_load_b "$folder/$name.tar" "$name"
    wait "$!"
    echo "$key" >"$RUN/loaded/$name"
  done
  say "loaded ${missing[*]}"
}

images_more_build() {
  local folder=$1 name missing=()
  shift
  [ -d "$folder" ] || rm -rf "$LAB/images-more"
  mkdir -p "$folder"
  for name in "$@"; do [ -f "$folder/$name.tar" ] || missing+=("$name"); done
  [ ${#missing[@]} -eq 0 ] || python3 -B "$LAB_SOURCE/lib/images_more.py" "$folder" "$HOSTILE" "${missing[@]}"
}
