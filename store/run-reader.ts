import type { Redis } from 'ioredis';
import { z } from 'zod';
import { afterMs } from '../playbooks/domain/abort.js';
import type { Amendment } from '../playbooks/domain/amendment.js';
import { type Artifact, artifactSchema } from '../playbooks/domain/artifact.js';
import { type Lookup, lookupSchema } from '../playbooks/domain/lookup.js';
import type { StepRecord } from '../playbooks/domain/run.js';
import { chainHead } from './chain-head.js';
import type { ChangeFeed } from './change-feed.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { jsonOf, parsed } from './parsed.js';
import { cursorOf, fits, rangeOf } from './run-list.js';
import { amendmentsSchema, begunsSchema, defined, type RunRecord, recordsSchema, rowOf, runRecordSchema, viewOf } from './run-record.js';
import type { RunQuery, RunReader, RunRow, RunView } from './run-view.js';
import { countedOf } from './triggers-counted.js';

const artifactsSchema = z.array(jsonOf(artifactSchema));
const lookupsSchema = z.array(jsonOf(lookupSchema));
/** How many runs one page of a list looks at, and how many of them at once. */
const maxScan = 1_000;
const chunk = 100;

/** Reads runs out of Redis; all of it is parsed. */
export class RedisRunReader implements RunReader {
  /** @param feed where {@link changed} hears of changes; without it, it only waits for the time to pass */
  constructor(
    protected readonly redis: Redis,
    protected readonly keys: Keys,
    private readonly feed?: ChangeFeed,
  ) {}

  async get(run: string): Promise<RunView | undefined> {
    const record = await this.record(run);
    if (record === undefined) return undefined;
    const [records, begun, amendments, triggers] = await Promise.all([
      this.read((redis) => redis.hgetall(this.keys.steps(run))),
      this.read((redis) => redis.hgetall(this.keys.begun(run))),
      this.amendments(run, record),
      this.read((redis) => redis.hgetall(this.keys.triggers(run))),
    ]);
    const begins = parsed(begunsSchema, begun, `the attempts of run ${run}`);
    const view = viewOf(run, record, parsed(recordsSchema, records, `the steps of run ${run}`), begins, amendments);
    return { ...view, ...defined({ triggers: countedOf(triggers) }) };
  }

  /** The run's own HASH, without its steps. */
  async record(run: string): Promise<RunRecord | undefined> {
    const hash = await this.read((redis) => redis.hgetall(this.keys.run(run)));
    return Object.keys(hash).length === 0 ? undefined : parsed(runRecordSchema, hash, `run ${run}`);
  }

  async list({ limit, cursor, ...filter }: RunQuery): Promise<{ runs: readonly RunRow[]; next?: string }> {
    const rows: RunRow[] = [];
    const [newest, oldest] = rangeOf(filter, cursor);
    let before = newest;
    for (let scanned = 0; scanned < maxScan; scanned += chunk) {
      const ids = await this.read((redis) => redis.zrange(this.keys.all, before, oldest, 'BYLEX', 'REV', 'LIMIT', 0, chunk));
      const records = await Promise.all(ids.map((id) => this.record(id)));
      for (const [at, id] of ids.entries()) {
        const record = records[at];
        if (record !== undefined && fits(record, filter)) {
          const shown = rows.at(-1);
          // Where it goes on: not at the run that was looked at last, as the caller may not reach that one.
          if (shown !== undefined && rows.length === limit) return { runs: rows, next: cursorOf(`(${shown.id}`) };
          rows.push(rowOf(id, record, await this.amendments(id, record)));
        }
        before = `(${id}`;
      }
      if (ids.length < chunk) return { runs: rows };
    }
    return { runs: rows, next: cursorOf(before) };
  }

  private async amendments(run: string, { reportVersion = 1 }: RunRecord): Promise<readonly Amendment[]> {
    if (reportVersion === 1) return [];
    const values = await this.read((redis) => redis.hvals(this.keys.amendments(run)));
    return parsed(amendmentsSchema, values, `the amendments of run ${run}`).sort((a, b) => a.version - b.version);
  }

  async records(run: string): Promise<ReadonlyMap<string, StepRecord>> {
    const [hash, seqs] = await Promise.all([
      this.read((redis) => redis.hgetall(this.keys.steps(run))),
      this.read((redis) => redis.hgetall(this.keys.finished(run))),
    ]);
    const records = Object.entries(parsed(recordsSchema, hash, `the steps of run ${run}`));
    // What a later step says of a fact stands.
    return new Map(records.sort(([a], [b]) => Number(seqs[a]) - Number(seqs[b])));
  }

  async artifacts(run: string): Promise<readonly Artifact[]> {
    const values = await this.read((redis) => redis.hvals(this.keys.artifacts(run)));
    return parsed(artifactsSchema, values, `the artifacts of run ${run}`).sort(byAcquisition);
  }

  async lookups(run: string): Promise<readonly Lookup[]> {
    const values = await this.read((redis) => redis.hvals(this.keys.lookups(run)));
    return parsed(lookupsSchema, values, `the lookups of run ${run}`).sort(byHash);
  }

  custody(run: string, from: number, count: number): Promise<readonly string[]> {
    return count <= 0 ? Promise.resolve([]) : this.read((redis) => redis.lrange(this.keys.custody(run), from, from + count - 1));
  }

  /** Length of the chain and the hash of its last entry, which fit each other. */
  async chainHead(run: string): Promise<{ entries: number; head: string }> {
    const { seq, hash } = await chainHead(this.redis, this.keys, run);
    return { entries: seq, head: hash };
  }

  async changed(run: string, ms: number, signal: AbortSignal): Promise<void> {
    const revision = (): Promise<string | null> => this.read((redis) => redis.hget(this.keys.run(run), 'rev'));
    const before = revision();
    const waiter = new AbortController();
    const wake = (): void => waiter.abort();
    const over = AbortSignal.any([signal, afterMs(ms), waiter.signal]);
    const stop = await this.feed?.listen(this.keys.changes(run), wake);
    try {
      // What changed before the subscription stood shows in the revision.
      if ((await before) !== (await revision()) || over.aborted) return;
      await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      stop?.();
    }
  }

  /** Asks Redis. Throws `redis-unavailable`. */
  private read<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    return ofRedis(() => ask(this.redis));
  }
}

/** The order in which artifacts are listed. */
export function byAcquisition(a: Artifact, b: Artifact): number {
  return compare(a.acquiredAt, b.acquiredAt) || compare(a.id, b.id);
}

/** The order in which answers are listed. */
export function byHash(a: Lookup, b: Lookup): number {
  return compare(a.sha256, b.sha256);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
