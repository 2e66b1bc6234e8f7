import type { ClusterPermission, Permission } from '../../playbooks/permission.js';

/** The parts of what a playbook needs, each a file of its own: YAML for kubectl, and lines of sudoers(5). */
export const permissionParts = ['rbac', 'sudoers'] as const;
export type PermissionPart = (typeof permissionParts)[number];

/** Name and namespace of the service account, and of its role. */
const account = 'podtriage';

/** All that must be allowed for a playbook, for people to read. */
export function permissionsText(playbook: string, permissions: readonly Permission[], user: string): string {
  const others = permissions.flatMap(otherNeed).map((line) => `#   ${line}\n`);
  const rest = others.length === 0 ? [] : [`# Beside cluster and nodes, playbook ${playbook} needs:\n${others.join('')}`];
  return [rbacText(playbook, permissions), sudoersText(playbook, permissions, user), ...rest].join('\n');
}

/**
 * A service account, and a ClusterRole with exactly the verbs and resources that are needed, bound to it. What reaches into containers is
 * a role of its own, which is not bound: that is to be done where it is wanted.
 */
export function rbacText(playbook: string, permissions: readonly Permission[]): string {
  const cluster = permissions.filter((permission) => permission.kind === 'cluster');
  const reading = cluster.filter(({ resource }) => resource !== 'pods/exec');
  const exec = cluster.filter(({ resource }) => resource === 'pods/exec');
  const head = [
    `# What podtriage may do on the cluster for playbook ${playbook}: ${inWords(reading)}; for batches and alerts: list pods. Nothing else${exec.length === 0 ? ', and no exec' : ''}.`,
    `# Made by: podtriage playbooks ${playbook} --permissions --only rbac`,
    '# kubectl apply -f takes it; then make a kubeconfig for the service account (README.md says how).',
  ];
  const lists = `${listsHead}${role(listsRole, [{ kind: 'cluster', apiGroup: '', resource: 'pods', verb: 'list' }])}`;
  const text = `${head.join('\n')}\n${[accountDocuments, role(account, reading), bindingOf(account), lists, bindingOf(listsRole)].join('---\n')}`;
  return exec.length === 0 ? text : `${text}---\n${execHead}${role(`${account}-exec`, exec)}`;
}

/** The line that lets the login user of the nodes read as root, and why it is what it is. */
export function sudoersText(playbook: string, permissions: readonly Permission[], user: string): string {
  const programs = permissions.flatMap((permission) => (permission.kind === 'node' ? [permission.program] : []));
  if (programs.length === 0) return `# Playbook ${playbook} needs nothing of sudo on the nodes.\n`;
  const head = [
    `# What ${user} may do on each node for playbook ${playbook}. A file of its own in /etc/sudoers.d, mode 0440; visudo -cf FILE checks it.`,
    '# Each command is started as: sudo -n env LC_ALL=C PODTRIAGE_COMMAND=<uuid> timeout -k 5 SECONDS COMMAND, so it is env that sudo must allow.',
    '# env starts any program: this line makes the user root of the node. Keep its key as you would keep the one of root.',
  ];
  return `${head.join('\n')}\n${programs.map((program) => `${user} ALL=(root) NOPASSWD: ${program}\n`).join('')}`;
}

function otherNeed(permission: Permission): string[] {
  if (permission.kind === 'intel')
    return [`VirusTotal: ${permission.method} ${permission.path} below PODTRIAGE_VT_URL, with the key in PODTRIAGE_VT_KEY_FILE`];
  if (permission.kind === 'setting') return [`of the workers: ${permission.variable}=${permission.value}`];
  return [];
}

const accountDocuments = `apiVersion: v1
kind: Namespace
metadata:
  name: ${account}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${account}
  namespace: ${account}
`;

const listsRole = `${account}-lists`;

const listsHead = `# Beside playbooks: batches list the pods that they are about, and alerts that name only a container have its pod found. Leave it out where neither is used.
`;

const execHead = `# Runs programs in containers. Not bound by this file: do it for each namespace where that is wanted, by
# kubectl -n NAMESPACE create rolebinding ${account}-exec --clusterrole ${account}-exec --serviceaccount ${account}:${account}
# An exec by websocket is get before Kubernetes 1.35; from there on it is create as well.
`;

function role(name: string, permissions: readonly ClusterPermission[]): string {
  const resources = new Map<string, string[]>();
  for (const { verb, resource } of permissions) resources.set(verb, [...(resources.get(verb) ?? []), resource]);
  const rules = [...resources].map(([verb, of]) => `  - apiGroups: ['']\n    resources: [${of.join(', ')}]\n    verbs: [${verb}]\n`);
  return `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: ${name}\nrules:\n${rules.join('')}`;
}

const bindingOf = (name: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: ${name}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: ${name}
subjects:
  - kind: ServiceAccount
    name: ${account}
    namespace: ${account}
`;

function inWords(permissions: readonly ClusterPermission[]): string {
  return permissions.map(({ verb, resource }) => `${verb} ${resource}`).join(', ') || 'nothing';
}
