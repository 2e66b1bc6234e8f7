import type { ApiKeys } from '../store/api-keys-record.js';
import type { BatchOffice } from '../store/batches-office.js';
import type { DeliveryOffice } from '../store/delivery-office.js';
import type { EvidenceActs } from '../store/evidence-acts.js';
import type { EvidenceLife } from '../store/evidence-life.js';
import type { RequestClaims } from '../store/idempotency.js';
import type { LookupOffice } from '../store/lookup-office.js';
import { within } from '../store/of-redis.js';
import type { RunCommander, RunReader } from '../store/run-view.js';

/** A reader whose methods answer in bounded time; `changed` has its own limit. */
export function boundedReader(runs: RunReader, ms: number): RunReader {
  return {
    get: (run) => within(ms, runs.get(run)),
    list: (page) => within(ms, runs.list(page)),
    records: (run) => within(ms, runs.records(run)),
    artifacts: (run) => within(ms, runs.artifacts(run)),
    lookups: (run) => within(ms, runs.lookups(run)),
    custody: (run, from, count) => within(ms, runs.custody(run, from, count)),
    changed: (run, wait, signal) => within(wait + ms, runs.changed(run, wait, signal)),
  };
}

/** A commander whose methods answer in bounded time. A late answer leaves open whether the act was done. */
export function boundedCommander(commander: RunCommander, ms: number): RunCommander {
  return {
    open: (request, by, how) => within(ms, commander.open(request, by, how)),
    openAndShow: (request, by, how) => within(ms, commander.openAndShow(request, by, how)),
    cancel: (run, by) => within(ms, commander.cancel(run, by)),
  };
}

/** Claims that are made and settled in bounded time. */
export function boundedClaims(claims: RequestClaims, ms: number): RequestClaims {
  return {
    claim: (request, newId) => within(ms, claims.claim(request, newId)),
    settle: (request, owner, done) => within(ms, claims.settle(request, owner, done)),
  };
}

/** Keys that are checked in bounded time. */
export function boundedKeys(keys: ApiKeys, ms: number): ApiKeys {
  return { verify: (secret) => within(ms, keys.verify(secret)) };
}

/** A lookup desk that answers in bounded time. */
export function boundedOffice(office: LookupOffice, ms: number): LookupOffice {
  return {
    quota: () => within(ms, office.quota()),
    lookup: (sha256) => within(ms, office.lookup(sha256)),
    ask: (sha256) => within(ms, office.ask(sha256)),
  };
}

/** Batches that answer in bounded time; `changed` has its own limit. */
export function boundedBatches(office: BatchOffice, ms: number): BatchOffice {
  return {
    open: (request, by, id) => within(ms, office.open(request, by, id)),
    get: (batch, reader) => within(ms, office.get(batch, reader)),
    list: (page, reader) => within(ms, office.list(page, reader)),
    targets: (batch, page) => within(ms, office.targets(batch, page)),
    wish: (batch, wish, by) => within(ms, office.wish(batch, wish, by)),
    changed: (batch, wait, signal) => within(wait + ms, office.changed(batch, wait, signal)),
  };
}

/** Deliveries that are listed and sent again in bounded time. */
export function boundedDeliveries(office: DeliveryOffice, ms: number): DeliveryOffice {
  return {
    list: (query) => within(ms, office.list(query)),
    resend: (id, by, reach) => within(ms, office.resend(id, by, reach)),
    tellBatch: (told) => within(ms, office.tellBatch(told)),
  };
}

/** Custody that is written in bounded time; what is late may be recorded all the same, and nothing is given away for it. */
export function boundedActs(acts: EvidenceActs, ms: number): EvidenceActs {
  return {
    read: (...read) => within(ms, acts.read(...read)),
    seal: (run, by, contents) => within(ms, acts.seal(run, by, contents)),
  };
}

/** What becomes of evidence, in bounded time; before it is destroyed its report is read. A late answer leaves open whether the act was done. */
export function boundedLife(life: EvidenceLife, ms: number): EvidenceLife {
  return {
    hold: (run, by, reason) => within(ms, life.hold(run, by, reason)),
    release: (run, by, reason) => within(ms, life.release(run, by, reason)),
    destroy: (run, by, reason) => within(ms * 6, life.destroy(run, by, reason)),
  };
}
