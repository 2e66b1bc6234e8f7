/** Queues of which each cluster has one, taken by workers with credentials for it. */
const perCluster = ['cluster', 'node', 'resolve', 'expand'] as const;

/** The others. */
const shared = ['intel', 'evidence', 'lookups', 'amendments', 'reconcile', 'resolved', 'fleet', 'delivery'] as const;

/** Every queue of an installation with these clusters, for those who only look at them: what is in none of them is in no metric. */
export function queueNames(clusters: readonly string[]): readonly string[] {
  return [...clusters.flatMap((cluster) => perCluster.map((kind) => `${kind}.${cluster}`)), ...shared];
}
