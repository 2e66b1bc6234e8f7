import type { KeyObject } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Amendment, amendmentSchema } from '../playbooks/domain/amendment.js';
import { ChainCheck, type ChainVerdict, type CustodyEntry, sha256Hex } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import { runRequestSchema } from '../playbooks/domain/request.js';
import { type StepRecord, stepRecordSchema } from '../playbooks/domain/run.js';
import type { RunInfo } from '../playbooks/ports.js';
import type { Keys } from './keys.js';
import { jsonOf, parsed } from './parsed.js';
import { finishAct } from './run-log.js';
import { type ExpectedEntry, readSigned, type TrustedKeys } from './signed-entry.js';

const requestedSchema = z.object({
  request: runRequestSchema,
  playbook: z.object({ name: z.string(), title: z.string(), sha256: z.string() }),
  createdAt: z.iso.datetime(),
});

const signerSchema = z.object({ by: z.string() });
/** Entries of a chain that are read at once. */
const chunk = 250;

/** How many checked entries are remembered: a parked step looks at the same ones each time it wakes. */
const maxRemembered = 5_000;

/** What a worker believes of a run: only what custody has signed. */
export class SignedRuns {
  private readonly checked = new Map<string, CustodyEntry>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly trusted: TrustedKeys,
  ) {}

  /** The request with target, parameters and pinned playbook, from custody entry 0. Throws `custody-broken`. */
  async info(run: string): Promise<RunInfo> {
    const entry = await this.entry({ run, seq: 0, act: 'run.requested' });
    const { request, playbook, createdAt } = parsed(requestedSchema, entry.detail, `the request of run ${run}`);
    return { id: run, createdAt, requestedBy: entry.actor, request, playbook, limits: request.options.limits };
  }

  /** The steps' records in the order in which they finished, each checked against the digest in its signed entry. Throws `custody-broken`. */
  async records(run: string): Promise<ReadonlyMap<string, StepRecord>> {
    const [records, seqs] = await Promise.all([this.redis.hgetall(this.keys.steps(run)), this.redis.hgetall(this.keys.finished(run))]);
    const checked = await Promise.all(
      Object.entries(records).map(async ([step, text]) => [step, await this.check(run, step, text, Number(seqs[step]))] as const),
    );
    return new Map(checked.sort(([a], [b]) => Number(seqs[a]) - Number(seqs[b])));
  }

  /** The newest amendment of a run, checked against the digest in its signed entry; undefined when there is none. Throws `custody-broken`. */
  async amendment(run: string): Promise<Amendment | undefined> {
    const version = Number((await this.redis.hget(this.keys.run(run), 'reportVersion')) ?? 1);
    if (version <= 1) return undefined;
    const [text, seq] = await Promise.all([
      this.redis.hget(this.keys.amendments(run), String(version)),
      this.redis.hget(this.keys.amended(run), String(version)),
    ]);
    const entry = await this.entry({ run, seq: Number(seq ?? NaN), act: 'run.amended', subject: run });
    if (text === null || entry.detail['record'] !== sha256Hex(text))
      throw new TriageError('custody-broken', `version ${version} of the report of run ${run} is not the one that was signed; it is not amended`);
    return parsed(jsonOf(amendmentSchema), text, `an amendment of run ${run}`);
  }

  /** The entries of a run's chain as it is now, each checked with all that stand before it. Throws `custody-broken`. */
  async *chain(run: string): AsyncGenerator<CustodyEntry> {
    const keys = new Map<string, KeyObject>();
    const check = new ChainCheck(run, keys);
    for (let from = 0; ; from += chunk) {
      const lines = await this.redis.lrange(this.keys.custody(run), from, from + chunk - 1);
      for (const line of lines) {
        await this.learnSigner(line, keys);
        const entry = check.add(line);
        if (entry === undefined) throw brokenChain(run, check.verdict());
        yield entry;
      }
      if (lines.length < chunk) return;
    }
  }

  private async learnSigner(line: string, keys: Map<string, KeyObject>): Promise<void> {
    const kid = signerSchema.safeParse(parseJson(line)).data?.by;
    if (kid === undefined || keys.has(kid)) return;
    const key = await this.trusted(kid);
    if (key !== undefined) keys.set(kid, key);
  }

  private async entry(expected: ExpectedEntry): Promise<CustodyEntry> {
    const line = Number.isInteger(expected.seq) ? await this.redis.lindex(this.keys.custody(expected.run), expected.seq) : null;
    const key = JSON.stringify([expected, line]);
    const known = this.checked.get(key);
    if (known !== undefined) return known;
    const entry = await readSigned(line, expected, this.trusted);
    this.checked.set(key, entry);
    const [oldest] = this.checked.keys();
    if (this.checked.size > maxRemembered && oldest !== undefined) this.checked.delete(oldest);
    return entry;
  }

  private async check(run: string, step: string, text: string, seq: number): Promise<StepRecord> {
    const record = parsed(jsonOf(stepRecordSchema), text, `the record of ${step} of run ${run}`);
    const entry = await this.entry({ run, seq, act: finishAct(record.status), subject: step });
    if (entry.detail['record'] !== sha256Hex(text))
      throw new TriageError('custody-broken', `the record of ${step} of run ${run} is not the one that was signed; the run is not acted upon`);
    return record;
  }
}

function brokenChain(run: string, verdict: ChainVerdict): TriageError {
  const where = verdict.ok ? '' : ` entry ${verdict.at} ${verdict.problem}`;
  return new TriageError('custody-broken', `the chain of custody of run ${run} does not hold:${where}`);
}
