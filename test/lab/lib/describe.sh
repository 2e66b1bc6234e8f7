#!/usr/bin/env bash
# What tests and people need to know about the running lab: as JSON (run/lab.json) and as shell exports.

node_json() { # NODE state-folders...
  local node=$1
  shift
  jq -n --arg name "node-$node" --arg address "${ADDRESS[$node]}" --arg runtime "${RUNTIME[$node]}" \
    --arg socket "${SOCKET[$node]}" --arg root "$RUN/$node" --arg sshdLog "$RUN/log/sshd-$node" \
    --arg kubeletRoot "$RUN/$node/kubelet" --arg podLogs "$RUN/$node/podlogs" '$ARGS.named + $ARGS.positional[0]' \
    --jsonargs "$(jq -n '$ARGS.named' "$@")"
}

describe_json() {
  jq -n --arg run "$RUN" --arg kubeconfig "$KUBECONFIG" --arg auditLog "$RUN/log/audit.ndjson" \
    --arg namespace shop --arg image localhost/lab/web:1 --arg expected "$RUN/expected" \
    --arg key "$RUN/ssh/id" --arg known "$RUN/ssh/known_hosts" --arg wrong "$RUN/ssh/known_hosts.wrong" \
    --arg sudo "$USER_SUDO" --arg noSudo "$USER_NO_SUDO" --arg bin "$LAB/bin" --arg lab "$LAB_COMMAND" \
    --argjson a "$(node_json a --arg containerdRoot "$RUN/a/containerd" --arg containerdState "$RUN/a/state" \
      --arg tasks "$RUN/a/state/io.containerd.runtime.v2.task/k8s.io")" \
    --argjson b "$(node_json b --arg storage "$RUN/b/storage" --arg runroot "$RUN/b/runroot")" '{
      run: $run, command: $lab, kubeconfig: $kubeconfig, auditLog: $auditLog, namespace: $namespace, image: $image,
      expected: $expected, nodes: [$a, $b],
      ssh: {key: $key, knownHosts: $known, wrongKnownHosts: $wrong, users: {root: "root", sudo: $sudo, noSudo: $noSudo}},
      programs: ([["kubectl", "nerdctl", "crictl", "ctr", "runc"][] | {key: ., value: "\($bin)/\(.)"}] | from_entries)
    }'
}

describe_shell() {
  [ -f "$RUN/lab.json" ] || fail "is not up"
  jq -r '
    { KUBECONFIG: .kubeconfig, PODTRIAGE_LAB_RUN: .run, PODTRIAGE_LAB_JSON: "\(.run)/lab.json",
      PODTRIAGE_LAB_AUDIT_LOG: .auditLog, PODTRIAGE_LAB_NAMESPACE: .namespace, PODTRIAGE_LAB_IMAGE: .image,
      PODTRIAGE_LAB_EXPECTED: .expected,
      PODTRIAGE_LAB_NODE_A: .nodes[0].name, PODTRIAGE_LAB_NODE_A_ADDRESS: .nodes[0].address,
      PODTRIAGE_LAB_NODE_B: .nodes[1].name, PODTRIAGE_LAB_NODE_B_ADDRESS: .nodes[1].address,
      PODTRIAGE_LAB_CONTAINERD_SOCKET: .nodes[0].socket, PODTRIAGE_LAB_CRIO_SOCKET: .nodes[1].socket,
      PODTRIAGE_LAB_SSH_KEY: .ssh.key, PODTRIAGE_LAB_KNOWN_HOSTS: .ssh.knownHosts,
      PODTRIAGE_LAB_WRONG_KNOWN_HOSTS: .ssh.wrongKnownHosts,
      PODTRIAGE_LAB_USER_SUDO: .ssh.users.sudo, PODTRIAGE_LAB_USER_NO_SUDO: .ssh.users.noSudo,
      PODTRIAGE_LAB_KUBECTL: .programs.kubectl, PODTRIAGE_LAB_NERDCTL: .programs.nerdctl,
      PODTRIAGE_LAB_CRICTL: .programs.crictl, PODTRIAGE_LAB_CTR: .programs.ctr
    } | to_entries[] | "export \(.key)=\(.value | @sh)"' "$RUN/lab.json"
}
