import type { Redis } from 'ioredis';
import { z } from 'zod';
import { artifactSchema } from '../playbooks/domain/artifact.js';
import { type Act, registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { EvidencePort } from '../playbooks/ports.js';
import type { Alert } from './alert.js';
import type { CustodyWriter } from './custody.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { jsonOf, parsed } from './parsed.js';
import { readSkeleton } from './report-skeleton.js';
import type { Destroyed, Held } from './run-evidence.js';
import type { RedisRunReader } from './run-reader.js';
import type { RunRecord } from './run-record.js';
import { evidenceDestroy, evidenceHold, evidenceRelease } from './scripts/evidence-life.js';
import type { SignedRuns } from './signed-run.js';

const contentSchema = z.array(jsonOf(artifactSchema.pick({ sha256: true, size: true, left: true })));
/** Artifacts that are read at once. */
const chunk = 1_000;
/** How often a report may be amended while it is boiled down. */
const tries = 5;

/**
 * What becomes of a run's evidence. Each act is in custody in the same breath. Methods throw `not-found`, `redis-unavailable`, and `conflict`
 * where the evidence is held, or destroyed already.
 */
export interface EvidenceLife {
  /** Holds it: until it is released nobody destroys it, neither on request nor as its time is over. There is one hold at a time. */
  hold(run: string, by: string, reason: string): Promise<void>;
  /** Ends the hold, whoever has it. Throws `conflict` where there is none. */
  release(run: string, by: string, reason: string): Promise<void>;
  /**
   * Destroys it: what no other run refers to is removed soon after. Throws `conflict` for a run that has not ended, and `custody-broken` for one
   * whose chain does not hold: nobody can say whether it is held.
   */
  destroy(run: string, by: string, reason: string): Promise<void>;
}

/** What {@link RedisEvidenceLife} works with. */
export interface EvidenceLifeParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly custody: CustodyWriter;
  readonly reader: RedisRunReader;
  readonly signed: Pick<SignedRuns, 'held'>;
  readonly evidence: Pick<EvidencePort, 'open'>;
  readonly alert: Alert;
  readonly clock?: () => Date;
}

/** Writes it into Redis; the reconciler of the workers does what follows. */
export class RedisEvidenceLife implements EvidenceLife {
  private readonly redis: Redis;
  private readonly keys: Keys;
  private readonly custody: CustodyWriter;
  private readonly reader: RedisRunReader;
  private readonly clock: () => Date;

  constructor(private readonly parts: EvidenceLifeParts) {
    const { redis, keys, custody, reader, clock = (): Date => new Date() } = parts;
    this.redis = redis;
    this.keys = keys;
    this.custody = custody;
    this.reader = reader;
    this.clock = clock;
  }

  async hold(run: string, by: string, reason: string): Promise<void> {
    const held: Held = { by, since: this.clock().toISOString(), reason };
    const command = { script: evidenceHold, keys: [this.keys.retained], rest: [run, JSON.stringify(held)] };
    const [what] = await this.custody.write(run, [{ act: 'evidence.held', subject: run, detail: { reason } }], command, by);
    if (what === 'held' && !(await this.parts.signed.held(run)))
      throw this.forged(run, `Redis says that the evidence of run ${run} is held, and its chain does not; release it and hold it anew`);
    if (what !== 'ok') throw await this.refusal(run, what);
  }

  async release(run: string, by: string, reason: string): Promise<void> {
    const command = { script: evidenceRelease, keys: [this.keys.retained], rest: [run] };
    const [what] = await this.custody.write(run, [{ act: 'evidence.released', subject: run, detail: { reason } }], command, by);
    if (what !== 'ok') throw await this.refusal(run, what);
  }

  async destroy(run: string, by: string, reason: string): Promise<void> {
    for (let number = 1; number <= tries; number += 1) {
      const what = await this.tryToDestroy(run, by, reason);
      if (what === 'ok') return;
      if (what !== 'amended') throw await this.refusal(run, what);
    }
    throw new TriageError('conflict', `the report of run ${run} is being amended; try again`);
  }

  private async tryToDestroy(run: string, by: string, reason: string): Promise<string | number> {
    const { keys } = this;
    const now = this.clock();
    const version = (await this.reader.record(run))?.reportVersion;
    const skeleton = version === undefined ? undefined : await readSkeleton(this.reader, this.parts.evidence, run);
    const destroyed: Destroyed = { by, at: now.toISOString(), reason };
    // Counted anew for each head that it is built upon: whatever is recorded moves the head.
    const act = async (): Promise<Act> => {
      await this.assertFree(run);
      return { act: 'evidence.destroyed', subject: run, detail: { reason, ...(await this.contents(run)) } };
    };
    const [what] = await this.custody.write(
      run,
      [act],
      {
        script: evidenceDestroy,
        keys: [keys.retained, keys.amending, keys.releasing],
        rest: [run, now.getTime(), JSON.stringify(destroyed), skeleton === undefined ? '' : JSON.stringify(skeleton), version ?? ''],
        register: ({ seq, hash }) => ({ act: 'evidence.destroyed', subject: run, detail: { run, seq: seq - 1, head: hash, reason } }),
      },
      by,
    );
    return what;
  }

  /** What is held custody says, not Redis alone: nothing is signed that somebody who writes to Redis could put into the chain himself. */
  private async assertFree(run: string): Promise<void> {
    if (!(await this.parts.signed.held(run))) return;
    const record = await this.reader.record(run);
    if (record?.held !== undefined) throw new TriageError('conflict', why(run, 'held', record));
    // It may have been released since.
    if (!(await this.parts.signed.held(run))) return;
    throw this.forged(run, `the chain of run ${run} says that its evidence is held, and Redis does not; hold it anew and release it, if it is to go`);
  }

  /** Tells the operator, and who has asked. */
  private forged(run: string, what: string): TriageError {
    this.parts.alert(new TriageError('custody-broken', `somebody has written into Redis: ${what}`), { run, what: 'a hold' });
    return new TriageError('conflict', what);
  }

  /** How many contents a run has recorded, and their bytes: each once, those that were left on the node not. */
  private async contents(run: string): Promise<{ artifacts: number; bytes: number }> {
    const sizes = new Map<string, number>();
    for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
      const [next, found] = await this.ask((redis) => redis.hscan(this.keys.artifacts(run), cursor, 'COUNT', chunk));
      const values = found.filter((_each, index) => index % 2 === 1);
      for (const { sha256, size, left } of parsed(contentSchema, values, `the artifacts of run ${run}`)) if (left !== true) sizes.set(sha256, size);
      cursor = next;
    }
    return { artifacts: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
  }

  private async refusal(run: string, what: string | number): Promise<TriageError> {
    const record = what === 'gone' ? undefined : await this.reader.record(run);
    if (record === undefined || run === registerChain) return new TriageError('not-found', `there is no run ${run}`);
    return new TriageError('conflict', why(run, what, record));
  }

  private ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    return ofRedis(() => question(this.redis));
  }
}

function why(run: string, what: string | number, { held, destroyed, state }: Pick<RunRecord, 'held' | 'destroyed' | 'state'>): string {
  if (what === 'held' && held !== undefined) return `the evidence of run ${run} is held by ${held.by} since ${held.since}: ${held.reason}`;
  if (what === 'destroyed' && destroyed !== undefined)
    return `the evidence of run ${run} was destroyed by ${destroyed.by} at ${destroyed.at}: ${destroyed.reason}`;
  if (what === 'open') return `run ${run} is ${state}; only the evidence of a run that has ended can be destroyed`;
  if (what === 'free') return `the evidence of run ${run} is not held`;
  return `the evidence of run ${run} was held, released or destroyed by somebody else just now; look at the run and try again`;
}
