/** Names of what there is of batches in Redis. */
export interface BatchKeys {
  /** HASH: signed order, state, times, rounds and report of a batch. */
  batch(batch: string): string;
  /** HASH: `<round>`, `<round>.<page>` -> what a worker has found, signed. */
  batchPods(batch: string): string;
  /** HASH: number of a pod -> where it stands; absent while it waits. */
  batchTargets(batch: string): string;
  /** HASH: number of a pod whose run is open -> its node. */
  batchRunning(batch: string): string;
  /** HASH: state -> how many pods; and what runs have taken. */
  batchCounts(batch: string): string;
  /** LIST: signed wishes. */
  batchWishes(batch: string): string;
  /** STRING with TTL: who is going through a batch now. */
  batchLease(batch: string): string;
  /** ZSET: all batches, score 0; ids sort by time. */
  readonly batches: string;
  /** SET: batches that are not at an end. */
  readonly batchesOpen: string;
  /** Channel that tells of batches that something has happened to. */
  readonly batchHints: string;
}

/**
 * Builds the key names under a prefix.
 * @param of names of one kind, by id
 */
export function batchKeys(prefix: string, of: (kind: string) => (id: string) => string): BatchKeys {
  return {
    batch: of('batch'),
    batchPods: of('batch-pods'),
    batchTargets: of('batch-targets'),
    batchRunning: of('batch-running'),
    batchCounts: of('batch-counts'),
    batchWishes: of('batch-wishes'),
    batchLease: of('batch-lease'),
    batches: `${prefix}:batch-all`,
    batchesOpen: `${prefix}:batch-open`,
    batchHints: `${prefix}:batch-hints`,
  };
}
