import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Amendment } from '../playbooks/domain/amendment.js';
import { type Artifact, artifactSchema } from '../playbooks/domain/artifact.js';
import { byText } from '../playbooks/domain/by-text.js';
import { type Lookup, lookupSchema } from '../playbooks/domain/lookup.js';
import type { StepRecord } from '../playbooks/domain/run.js';
import { chainHead } from './chain-head.js';
import type { ChangeFeed } from './change-feed.js';
import { idPage } from './id-page.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { jsonOf, parsed } from './parsed.js';
import { fits, rangeOf } from './run-list.js';
import { amendmentsSchema, begunsSchema, defined, type RunRecord, recordsSchema, rowOf, runRecordSchema, viewOf } from './run-record.js';
import type { RunQuery, RunReader, RunRow, RunView } from './run-view.js';
import { countedOf } from './triggers-counted.js';
import { untilChanged } from './until-changed.js';

const artifactsSchema = z.array(jsonOf(artifactSchema));
const lookupsSchema = z.array(jsonOf(lookupSchema));

/** Reads runs out of Redis; all of it is parsed. */
export class RedisRunReader implements RunReader {
  /** @param feed where {@link changed} hears of changes; without it, it only waits for the time to pass */
  constructor(
    protected readonly redis: Redis,
    protected readonly keys: Keys,
    private readonly feed?: ChangeFeed,
  ) {}

  async get(run: string): Promise<RunView | undefined> {
    const [record, records, begun, triggers] = await Promise.all([
      this.record(run),
      this.read((redis) => redis.hgetall(this.keys.steps(run))),
      this.read((redis) => redis.hgetall(this.keys.begun(run))),
      this.read((redis) => redis.hgetall(this.keys.triggers(run))),
    ]);
    if (record === undefined) return undefined;
    const amendments = await this.amendments(run, record);
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
    const [newest, oldest] = rangeOf(filter, cursor);
    const { rows, next } = await idPage(this.redis, {
      key: this.keys.all,
      newest,
      oldest,
      limit,
      read: (id) => this.record(id),
      fits: (record) => fits(record, filter),
      row: async (id, record) => rowOf(id, record, await this.amendments(id, record)),
    });
    return { runs: rows, ...defined({ next }) };
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

  changed(run: string, ms: number, signal: AbortSignal): Promise<void> {
    return untilChanged(this.redis, this.feed, { key: this.keys.run(run), channel: this.keys.changes(run) }, ms, signal);
  }

  /** Asks Redis. Throws `redis-unavailable`. */
  private read<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    return ofRedis(() => ask(this.redis));
  }
}

/** The order in which artifacts are listed. */
export function byAcquisition(a: Artifact, b: Artifact): number {
  return byText(a.acquiredAt, b.acquiredAt) || byText(a.id, b.id);
}

/** The order in which answers are listed. */
export function byHash(a: Lookup, b: Lookup): number {
  return byText(a.sha256, b.sha256);
}
