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
  /** HASH with TTL: step -> the hashes that it may ask about, chosen once. */
  asking(run: string): string;
  /** HASH with TTL: sha256 -> the answer as this run first saw it. */
  seen(run: string): string;
  /** HASH with TTL: what the run has settled about its uploads; sha256 -> what has become of the file. */
  uploads(run: string): string;
  /** HASH: version of the report -> its amendment. */
  amendments(run: string): string;
  /** HASH: version of the report -> seq of the signed entry that holds the digest of its amendment. */
  amended(run: string): string;
  /** SET with TTL: hashes that were pending when the run was sealed. The listing in the evidence store is the truth. */
  pending(run: string): string;
  /** ZSET: run -> time of creation, until it is sealed. */
  readonly open: string;
  /** ZSET: sealed run that answers are still to come for -> when to look after it next, in ms. */
  readonly amending: string;
  /** ZSET: sealed run whose evidence is still here -> until when it is kept, in ms. */
  readonly retained: string;
  /** SET: contents (sha256) that a run refers to. Some may never have come. */
  refers(run: string): string;
  /** SET: runs that refer to a content: while there is one, its bytes stay. */
  refs(sha256: string): string;
  /** STRING with TTL: who is removing this content from the evidence store now. */
  doomed(sha256: string): string;
  /** ZSET: contents that may have lost their last reference -> since when, in ms. */
  readonly unreferenced: string;
  /** ZSET: contents that were removed -> when to look once more, in ms. */
  readonly collected: string;
  /** ZSET: whose references are to be released -> from when on, in ms. */
  readonly releasing: string;
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
  /** STRINGs with TTL: the run that sends a file to a source, and what the source has accepted, by mode and sha256. */
  uploadClaim(id: string): string;
  upload(id: string): string;
  /** SET with TTL: jobs that wait for the answer. */
  askers(sha256: string): string;
  /** SET with TTL: sealed or soon to be sealed runs whose report the answer will amend. */
  watchers(sha256: string): string;
  /** STRING with TTL: when the lookup of this id that has been granted its request was handed out. */
  granted(lookup: string): string;
  /** SET with TTL: hashes that a job still waits for. */
  outstanding(job: string): string;
  /** HASH and ZSET, both with TTL: what has been spent of the quota of one key of the source, by the key's id. */
  ledger(id: string): string;
  recent(id: string): string;
  /** HASH: id of a key -> its limits, for those who do not have it. */
  readonly quotaKeys: string;
  /** STRING with TTL: the source has been asked about this key's quota. */
  quotaAsked(id: string): string;
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
    asking: part('asking'),
    seen: part('seen'),
    uploads: part('uploads'),
    amendments: part('amendments'),
    amended: part('amended'),
    pending: part('pending'),
    refers: part('refers'),
    refs: of('refs'),
    doomed: of('doomed'),
    unreferenced: `${prefix}:evidence:unreferenced`,
    collected: `${prefix}:evidence:collected`,
    releasing: `${prefix}:evidence:releasing`,
    open: `${prefix}:runs:open`,
    amending: `${prefix}:runs:amending`,
    retained: `${prefix}:runs:retained`,
    all: `${prefix}:runs:all`,
    changes: of('changes'),
    cancels: `${prefix}:cancels`,
    slots: (name) => {
      const slot = (kind: string): string => `${prefix}:slots:${name}:${kind}`;
      return { held: slot('held'), queue: slot('queue'), seen: slot('seen'), called: slot('called') };
    },
    answer: of('answer'),
    uploadClaim: of('upload-claim'),
    upload: of('upload'),
    askers: of('askers'),
    watchers: of('watchers'),
    granted: of('granted'),
    outstanding: of('outstanding'),
    ledger: of('quota'),
    recent: of('quota-recent'),
    quotaKeys: `${prefix}:quota-keys`,
    quotaAsked: of('quota-asked'),
  };
}
