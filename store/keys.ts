import { type AccessKeys, accessKeys } from './keys-access.js';
import { type BatchKeys, batchKeys } from './keys-batches.js';

/** The prefix of every key, BullMQ's included. Its braces put all into one slot of a Redis Cluster. */
export const defaultPrefix = '{podtriage}';

/** A pod by its name; a pod that takes its place has the same one. */
export interface PodName {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
}

/** `cluster/namespace/pod`: none of them has a slash. */
export function podText({ cluster, namespace, pod }: PodName): string {
  return `${cluster}/${namespace}/${pod}`;
}

/** Names of all keys and channels of podtriage in Redis; BullMQ's own live beside them under the same prefix. */
export interface Keys extends AccessKeys, BatchKeys {
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
  /** STRING with TTL: who is awaited has come too late for the register, and goes first. */
  readonly registering: string;
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
  /** HASH: end state -> how many runs have ended so. For metrics: nothing rests on it. */
  readonly ended: string;
  /** ZSET: sealed run that answers are still to come for -> when to look after it next, in ms. */
  readonly amending: string;
  /** ZSET: sealed run whose evidence is still here -> until when it is kept, in ms. */
  readonly retained: string;
  /** ZSET: run that somebody is to be told of -> when to look at it next, in ms; until it is sealed and all has been handed to the outbox. */
  readonly telling: string;
  /** HASH: what is to be told to one endpoint, and how it stands. */
  delivery(id: string): string;
  /** ZSETs, score 0, ids sort by time: deliveries of a run or a batch, all of them, and by state. */
  deliveriesOf(about: string): string;
  deliveries(state: 'all' | 'pending' | 'delivered' | 'dead'): string;
  /** ZSET: pending delivery -> when to try it next, in ms. */
  readonly delivering: string;
  /** SET: contents (sha256) that a run refers to. Some may never have come. */
  refers(run: string): string;
  /** SET: runs that refer to a content: while there is one, its bytes stay. */
  refs(sha256: string): string;
  /** STRING with TTL: who is removing this content from the evidence store now. */
  doomed(sha256: string): string;
  /** STRING with TTL: token of who moves a content from a node at this moment. */
  moving(sha256: string): string;
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
  /** HASH with TTL: what an Idempotency-Key of a caller stands for, and who does that request now. */
  requestClaim(about: string): string;
  /** HASH and ZSET, both with TTL: what has been spent of the quota of one key of the source, by the key's id. */
  ledger(id: string): string;
  recent(id: string): string;
  /** HASH: id of a key -> its limits, for those who do not have it. */
  readonly quotaKeys: string;
  /** STRING with TTL: the source has been asked about this key's quota. */
  quotaAsked(id: string): string;
  /** HASH: how many alerts were about the pod of a run, when, and by which rules. */
  triggers(run: string): string;
  /** HASH with TTL: open runs of a pod and the last one that has ended -> `<time in ms>|<container that it is limited to>`. */
  podRuns(pod: PodName): string;
  /** STRING with TTL: the run that somebody is about to open for a pod, because of an alert. */
  podClaim(pod: PodName): string;
  /** STRING with TTL: what an alert of this fingerprint about a pod has led to: who tells it can claim any fingerprint. */
  told(pod: PodName, fingerprint: string): string;
  /** ZSET with TTL: runs that alerts have opened in a namespace -> when, in ms. */
  triggered(place: Omit<PodName, 'pod'>): string;
  /** ZSET: what alerts were about that have led to no run -> when the last one came, in ms; and a HASH with TTL of each. */
  readonly left: string;
  leftAbout(subject: string): string;
  /** STRING with TTL: the pod of a container, as a worker has signed it. */
  containerPod(about: string): string;
  /** STRING with TTL, of `<run>/<endpoint>`: what was told in one message, signed; the sealed address of a reply, signed; who tells it now. */
  chat(about: string): string;
  chatReply(about: string): string;
  chatLease(about: string): string;
}

/** What there is of each run, beside its own HASH. */
type RunPart =
  | 'steps'
  | 'fences'
  | 'begun'
  | 'begins'
  | 'finished'
  | 'custody'
  | 'head'
  | 'artifacts'
  | 'lookups'
  | 'asking'
  | 'seen'
  | 'uploads'
  | 'amendments'
  | 'amended'
  | 'pending'
  | 'refers'
  | 'triggers';

/** Builds the key names under a prefix. Tests use prefixes of their own. */
export function keysOf(prefix: string = defaultPrefix): Keys {
  const of =
    (kind: string) =>
    (id: string): string =>
      `${prefix}:${kind}:${id}`;
  return {
    prefix,
    run: of('run'),
    ...runKeys(prefix),
    registering: `${prefix}:registering`,
    refs: of('refs'),
    doomed: of('doomed'),
    moving: of('moving'),
    unreferenced: `${prefix}:evidence:unreferenced`,
    collected: `${prefix}:evidence:collected`,
    releasing: `${prefix}:evidence:releasing`,
    open: `${prefix}:runs:open`,
    ended: `${prefix}:runs:ended`,
    amending: `${prefix}:runs:amending`,
    retained: `${prefix}:runs:retained`,
    telling: `${prefix}:runs:telling`,
    // Not `delivery`: BullMQ's own keys of that queue begin so.
    delivery: of('outbox'),
    deliveriesOf: of('outbox-of'),
    deliveries: of('outbox-state'),
    delivering: `${prefix}:outbox-due`,
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
    requestClaim: of('request-claim'),
    ledger: of('quota'),
    recent: of('quota-recent'),
    quotaKeys: `${prefix}:quota-keys`,
    quotaAsked: of('quota-asked'),
    ...alertKeys(prefix),
    chat: of('chat'),
    chatReply: of('chat-reply'),
    chatLease: of('chat-lease'),
    ...batchKeys(prefix, of),
    ...accessKeys(prefix),
  };
}

function runKeys(prefix: string): Record<RunPart, (run: string) => string> {
  const part =
    (name: string) =>
    (run: string): string =>
      `${prefix}:run:${run}:${name}`;
  return {
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
    triggers: part('triggers'),
  };
}

function alertKeys(prefix: string): Pick<Keys, 'podRuns' | 'podClaim' | 'told' | 'triggered' | 'left' | 'leftAbout' | 'containerPod'> {
  return {
    podRuns: (pod) => `${prefix}:pod-runs:${podText(pod)}`,
    podClaim: (pod) => `${prefix}:pod-claim:${podText(pod)}`,
    told: (pod, fingerprint) => `${prefix}:told:${podText(pod)}:${fingerprint}`,
    triggered: ({ cluster, namespace }) => `${prefix}:triggered:${cluster}/${namespace}`,
    left: `${prefix}:alerts:left`,
    leftAbout: (subject) => `${prefix}:alerts:left:${subject}`,
    containerPod: (about) => `${prefix}:container-pod:${about}`,
  };
}
