import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type BatchTargetState, batchTargetStates } from '../playbooks/domain/batch.js';
import { endStateNames, openStates } from '../playbooks/domain/run.js';
import { type TargetStanding, targetStandingSchema } from './batches-view.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { jsonOf, parsed } from './parsed.js';
import { runRecordSchema } from './run-record.js';
import { batchLease, batchMove } from './scripts/batch.js';
import { releaseLease } from './scripts/lease.js';
import { runScript } from './scripts/script.js';

/** What a batch wants to know of a run that has ended. */
const { state, error, cutShort, verdict, completeness, createdAt, finishedAt } = runRecordSchema.shape;
const endedShape = z.object({ state: state.extract(endStateNames), error, cutShort, verdict, completeness, createdAt, finishedAt });
const endedFields = Object.keys(endedShape.shape);
export type EndedRun = z.output<typeof endedShape>;

const valuesSchema = z.array(z.string().nullable());
const standingsSchema = z.record(z.string(), jsonOf(targetStandingSchema));
const durationSchema = z.object({ createdAt: z.iso.datetime(), finishedAt: z.iso.datetime(), playbook: jsonOf(z.object({ name: z.string() })) });
/** Runs that are looked at to say how long one takes. */
const sample = 100;

/** One step of a pod of a batch. */
export interface TargetMove {
  /** The pod's number. */
  readonly number: number;
  /** As it was read; undefined where nothing was there. */
  readonly from: TargetStanding | undefined;
  readonly to: TargetStanding;
  readonly node: string;
  /** How long its run took, in milliseconds, where it has ended now. */
  readonly ms?: number;
}

/** How the pods of a batch stand. Nothing of it is signed: what it decides is which run is opened or looked at next. Methods throw `redis-unavailable`. */
export class BatchTargets {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  /** Of all pods that something is known of, by their numbers. */
  async standings(batch: string): Promise<ReadonlyMap<number, TargetStanding>> {
    const hash = await ofRedis(() => this.redis.hgetall(this.keys.batchTargets(batch)));
    const all = Object.entries(parsed(standingsSchema, hash, `the pods of batch ${batch}`));
    return new Map(all.map(([number, standing]) => [Number(number), standing]));
  }

  /** Of the pods whose runs are open. */
  async running(batch: string): Promise<ReadonlyMap<number, { readonly node: string; readonly standing: TargetStanding }>> {
    const nodes = Object.entries(await ofRedis(() => this.redis.hgetall(this.keys.batchRunning(batch))));
    if (nodes.length === 0) return new Map();
    const texts = await ofRedis(() => this.redis.hmget(this.keys.batchTargets(batch), ...nodes.map(([number]) => number)));
    const known = nodes.flatMap(([number, node], at) => (texts[at] == null ? [] : [[number, { node, text: texts[at] }] as const]));
    return new Map(
      known.map(([number, { node, text }]) => [
        Number(number),
        { node, standing: parsed(jsonOf(targetStandingSchema), text, `pod ${number} of batch ${batch}`) },
      ]),
    );
  }

  /** Moves a pod on, if it is still as it was read, and if there is room where its run is to be opened. */
  async move(
    batch: string,
    { number, from, to, node, ms }: TargetMove,
    most: { total: number; perNode: number },
  ): Promise<'ok' | 'moved' | 'full' | 'node-full'> {
    const { keys } = this;
    const all = [keys.batch(batch), keys.batchTargets(batch), keys.batchRunning(batch), keys.batchCounts(batch)];
    const before = from === undefined ? '' : textOf(from);
    const states = [from?.state ?? 'pending', to.state];
    const args = [batch, keys.changes(batch), keys.batchHints, number, before, textOf(to), ...states, node, most.total, most.perNode, ms ?? ''];
    const [what] = await runScript(this.redis, batchMove, all, args);
    return what as 'ok' | 'moved' | 'full' | 'node-full';
  }

  /** How many pods are in which state, those that wait aside; and what their runs have taken on average, in milliseconds. */
  async counts(batch: string): Promise<{ readonly states: ReadonlyMap<BatchTargetState, number>; readonly meanMs?: number }> {
    const hash = await ofRedis(() => this.redis.hgetall(this.keys.batchCounts(batch)));
    const states = new Map(batchTargetStates.map((state) => [state, Math.max(0, Number(hash[state] ?? 0))]));
    const ended = Number(hash['ended'] ?? 0);
    return { states, ...(ended > 0 ? { meanMs: Number(hash['ms'] ?? 0) / ended } : {}) };
  }

  /** What became of runs: `open` for those that have not ended, undefined for those that there are not. */
  async runs(ids: readonly string[]): Promise<readonly (EndedRun | 'open' | undefined)[]> {
    const reading = this.redis.pipeline();
    for (const id of ids) reading.hmget(this.keys.run(id), ...endedFields);
    const replies = (await ofRedis(() => reading.exec())) ?? [];
    return ids.map((id, at) => {
      const values = valuesSchema.parse(replies[at]?.[1]);
      const fields = Object.fromEntries(endedFields.flatMap((name, index) => (values[index] == null ? [] : [[name, values[index]]])));
      // There are hundreds that are open, and they are asked about again and again: nothing else of them is looked at.
      if (openStates.some((open) => open === fields['state'])) return 'open';
      return Object.keys(fields).length === 0 ? undefined : parsed(endedShape, fields, `run ${id}`);
    });
  }

  /** What the last runs of a playbook have taken on average, in milliseconds. */
  async recentMs(playbook: string): Promise<number | undefined> {
    const ids = await ofRedis(() => this.redis.zrange(this.keys.all, '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, sample));
    const reading = this.redis.pipeline();
    for (const id of ids) reading.hmget(this.keys.run(id), 'createdAt', 'finishedAt', 'playbook');
    const replies = (await ofRedis(() => reading.exec())) ?? [];
    const times = replies.flatMap(([, value]) => {
      const [createdAt, finishedAt, name] = valuesSchema.parse(value);
      const run = durationSchema.safeParse({ createdAt, finishedAt, playbook: name });
      return run.success && run.data.playbook.name === playbook ? [Date.parse(run.data.finishedAt) - Date.parse(run.data.createdAt)] : [];
    });
    return times.length === 0 ? undefined : times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }

  /** Takes or prolongs the right to go through a batch. */
  async lease(batch: string, holder: string, ms: number): Promise<boolean> {
    const [what] = await runScript(this.redis, batchLease, [this.keys.batchLease(batch)], [holder, ms]);
    return what === 'ok';
  }

  async release(batch: string, holder: string): Promise<void> {
    await runScript(this.redis, releaseLease, [this.keys.batchLease(batch)], [holder]);
  }
}

/** The same text for the same standing, whoever has made it. */
function textOf(standing: TargetStanding): string {
  return JSON.stringify(targetStandingSchema.parse(standing));
}
