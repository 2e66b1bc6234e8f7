/** The prefix of every key, BullMQ's included. Its braces put all into one slot of a Redis Cluster. */
export const defaultPrefix = '{podtriage}';

/** Names of all keys and channels of podtriage in Redis; BullMQ's own live beside them under the same prefix. */
export interface Keys {
  readonly prefix: string;
  /** HASH: state, request, playbook, times, summary. */
  run(run: string): string;
  /** HASH: step -> record, written once. */
  steps(run: string): string;
  /** HASH: step -> seq of the newest attempt's `step.started`. */
  fences(run: string): string;
  /** HASH: step -> attempt and time of the newest attempt, for views. */
  begun(run: string): string;
  /** HASH: step -> how often it has begun in a row without ending in any way. */
  begins(run: string): string;
  /** HASH: step -> seq of the signed entry that holds the digest of its record. */
  finished(run: string): string;
  /** LIST: the chain. */
  custody(run: string): string;
  /** STRING: hash of the chain's last entry. */
  head(run: string): string;
  /** HASH: artifact id -> artifact. */
  artifacts(run: string): string;
  /** HASH: sha256 -> lookup. */
  lookups(run: string): string;
  /** ZSET: run -> time of creation, until it is sealed. */
  readonly open: string;
  /** ZSET: all runs, score 0; ids sort by time. */
  readonly all: string;
  /** Channel that tells of any change of a run. */
  changes(run: string): string;
  /** Channel that tells workers of cancelled runs. */
  readonly cancels: string;
  /** ZSETs: leases, waiters in order, when each waiter was last seen, and since when it could have had a slot. */
  slots(name: string): { readonly held: string; readonly queue: string; readonly seen: string; readonly called: string };
  /** STRING with TTL: what the intelligence source said. */
  answer(sha256: string): string;
  /** SET: jobs that wait for the answer. */
  askers(sha256: string): string;
  /** SET: hashes that a job still waits for. */
  outstanding(job: string): string;
  /** HASH and ZSET: what has been spent of the quota. */
  readonly ledger: string;
  readonly recent: string;
}

/** Builds the key names under a prefix. Tests use prefixes of their own. */
export function keysOf(prefix: string = defaultPrefix): Keys {
  const of =
    (kind: string) =>
    (id: string): string =>
      `${prefix}:${kind}:${id}`;
  const part =
    (name: string) =>
    (run: string): string =>
      `${prefix}:run:${run}:${name}`;
  return {
    prefix,
    run: of('run'),
    steps: part('steps'),
    fences: part('fences'),
    begun: part('begun'),
    begins: part('begins'),
    finished: part('finished'),
    custody: part('custody'),
    head: part('head'),
    artifacts: part('artifacts'),
    lookups: part('lookups'),
    open: `${prefix}:runs:open`,
    all: `${prefix}:runs:all`,
    changes: of('changes'),
    cancels: `${prefix}:cancels`,
    slots: (name) => {
      const slot = (kind: string): string => `${prefix}:slots:${name}:${kind}`;
      return { held: slot('held'), queue: slot('queue'), seen: slot('seen'), called: slot('called') };
    },
    answer: of('answer'),
    askers: of('askers'),
    outstanding: of('outstanding'),
    ledger: `${prefix}:quota`,
    recent: `${prefix}:quota:recent`,
  };
}
