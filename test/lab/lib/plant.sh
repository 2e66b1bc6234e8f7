#!/usr/bin/env bash
# Pods to triage: on each node one that was broken into (web-a, web-b) and one that was not (clean-a, clean-b).

PODS=(web-a web-b clean-a clean-b)

pod_manifest() { # POD NODE
  cat <<YAML
---
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: shop, labels: {app: ${1%-*}}}
spec:
  nodeName: node-$2
  automountServiceAccountToken: false
  dnsPolicy: Default
  terminationGracePeriodSeconds: 1
  tolerations: [{operator: Exists}]
  containers:
    - name: web
      image: localhost/lab/web:1
      imagePullPolicy: Never
      volumeMounts: [{name: cache, mountPath: /cache}, {name: mem, mountPath: /mem}]
  volumes:
    - {name: cache, emptyDir: {}}
    - {name: mem, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
YAML
}

plant() {
  local began=$SECONDS pod script
  healthy || fail "is not up"
  unplant
  for pod in "${PODS[@]}"; do pod_manifest "$pod" "${pod##*-}"; done | kubectl apply -f - >/dev/null
  kubectl -n shop wait --for=jsonpath='{.status.phase}'=Running "${PODS[@]/#/pod/}" --timeout=60s >/dev/null
  script=$(python3 -B "$LAB_SOURCE/lib/plant.py" script)
  # in the command, not on its standard input: `kubectl exec -i` can lose data that it is fed
  for pod in web-a web-b; do kubectl -n shop exec "$pod" -- sh -c "$script" 9>&-; done
  mkdir -p "$RUN/expected.new"
  python3 -B "$LAB_SOURCE/lib/plant.py" expected "$RUN/expected.new"
  mv "$RUN/expected.new" "$RUN/expected"
  say "planted after $((SECONDS - began)) s: web-a and web-b in namespace shop (clean-a, clean-b: untouched)"
}

unplant() {
  rm -rf "$RUN/expected" "$RUN/expected.new"
  kubectl -n shop delete pod "${PODS[@]}" --ignore-not-found --wait >/dev/null
}
