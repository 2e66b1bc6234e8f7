import { z } from 'zod';

/** A request to the API server, in the words of RBAC (Kubernetes, "Using RBAC Authorization"). */
const clusterPermission = z.object({
  kind: z.literal('cluster'),
  /** Empty: the core group. */
  apiGroup: z.literal(''),
  resource: z.enum(['events', 'namespaces', 'nodes', 'pods', 'pods/exec']),
  verb: z.enum(['create', 'get', 'list']),
});
export type ClusterPermission = z.output<typeof clusterPermission>;

/** A program that the login user of a node must be able to start as another one. */
const nodePermission = z.object({ kind: z.literal('node'), as: z.literal('root'), program: z.literal('/usr/bin/env') });

/** A request to an intelligence source; the path is relative to its address. */
const intelPermission = z.object({ kind: z.literal('intel'), source: z.literal('virustotal'), method: z.literal('GET'), path: z.string() });

/** A setting of the workers without which the step refuses to begin. */
const settingPermission = z.object({ kind: z.literal('setting'), variable: z.literal('PODTRIAGE_IN_CONTAINER'), value: z.literal('allowed') });

/** What a step needs to be allowed to do outside of podtriage. */
export const permissionSchema = z.discriminatedUnion('kind', [clusterPermission, nodePermission, intelPermission, settingPermission]);
export type Permission = z.output<typeof permissionSchema>;

/** Leave to do one thing with one kind of object of the cluster. */
export function onCluster(verb: ClusterPermission['verb'], resource: ClusterPermission['resource']): Permission {
  return { kind: 'cluster', apiGroup: '', resource, verb };
}

/** Root on the node. The node adapter starts every command by `env`, so that is what sudo has to allow. */
export const rootOnNode: Permission = { kind: 'node', as: 'root', program: '/usr/bin/env' };

/** Questions about hashes. */
export const fileLookups: Permission = { kind: 'intel', source: 'virustotal', method: 'GET', path: '/files/{sha256}' };

/**
 * Tar in the container through the API server. An exec by websocket is a GET, which API servers before Kubernetes 1.35 hold to `get`
 * alone; later ones want `create` as well (feature gate AuthorizePodWebsocketUpgradeCreatePermission).
 */
export const tarInContainer: readonly Permission[] = [
  onCluster('get', 'pods/exec'),
  onCluster('create', 'pods/exec'),
  { kind: 'setting', variable: 'PODTRIAGE_IN_CONTAINER', value: 'allowed' },
];

/** Each permission once, in a fixed order. */
export function unionOf(permissions: readonly Permission[]): Permission[] {
  const byText = new Map(permissions.map((permission) => [Object.values(permission).join('\0'), permission]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, permission]) => permission);
}
