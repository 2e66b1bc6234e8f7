import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Amendment, amendmentSchema } from '../playbooks/domain/amendment.js';
import { type Artifact, artifactSchema } from '../playbooks/domain/artifact.js';
import { ChainCheck, type CustodyEntry, type KnownLines, sha256Hex } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { frozen } from '../playbooks/domain/frozen.js';
import { type Lookup, lookupSchema } from '../playbooks/domain/lookup.js';
import { originSchema } from '../playbooks/domain/origin.js';
import { RecentMap } from '../playbooks/domain/recent.js';
import { runRequestSchema } from '../playbooks/domain/request.js';
import { type StepRecord, stepRecordSchema } from '../playbooks/domain/run.js';
import type { RunInfo } from '../playbooks/ports.js';
import { brokenChain, type ChainIndex, ChainSigners, chainChunk, problemOf, type RecordEntry } from './chain-index.js';
import type { ChainMemory } from './chain-memory.js';
import { CheckedChains, type Texts } from './checked-chains.js';
import type { Keys } from './keys.js';
import { jsonOf, parsed } from './parsed.js';
import type { TrustedKeys } from './public-keys.js';
import { byAcquisition, byHash } from './run-reader.js';
import { readSigned } from './signed-entry.js';

const requestedSchema = z.object({
  request: runRequestSchema,
  playbook: z.object({ name: z.string(), title: z.string(), sha256: z.string() }),
  createdAt: z.iso.datetime(),
  origin: originSchema.optional(),
});

/** All that a step of a run rests on. */
export interface Standing {
  readonly info: RunInfo;
  /** Of the steps that have their outcome. */
  readonly records: ReadonlyMap<string, StepRecord>;
  /** Whether an API has signed that the run is to stop. */
  readonly cancelled: boolean;
  /** Whether Redis has the run beside its chain. */
  readonly isThere: boolean;
  /** Whether Redis says that the run is to stop: nothing to rest on. */
  readonly isFlagged: boolean;
}

/** What the end of a run rests on. */
export interface Outcome extends Pick<Standing, 'records' | 'cancelled' | 'isFlagged'> {
  readonly artifacts: readonly Artifact[];
}

/** So many requests are remembered. */
const maxRequests = 256;
/** So many records of steps, of so many characters each. */
const maxRecords = 512;
const maxRecordLength = 32_768;

/** What a worker believes of a run: only what custody has signed. All methods throw `custody-broken` and what Redis throws. */
export class SignedRuns {
  private readonly chains: CheckedChains;
  /** Entries 0 that were found good: each step of a run asks for its request. */
  private readonly requests = new RecentMap<string, { readonly line: string; readonly by: string; readonly info: RunInfo }>(maxRequests);
  /** Records that were parsed, by their text: each step of a run asks for those before it. */
  private readonly parsedRecords = new RecentMap<string, StepRecord>(maxRecords);

  /** @param memory what the writer of this process knows of chains */
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly trusted: TrustedKeys,
    memory?: ChainMemory,
  ) {
    this.chains = new CheckedChains(redis, keys, trusted, memory);
  }

  /** The request with target, parameters and pinned playbook, from custody entry 0, which only an API may sign. */
  async info(run: string): Promise<RunInfo> {
    return this.infoIn(run, await this.redis.lindex(this.keys.custody(run), 0));
  }

  private async infoIn(run: string, line: string | null, checked?: KnownLines): Promise<RunInfo> {
    const known = this.requests.get(run);
    if (known !== undefined && known.line === line && (await this.trusted(known.by, 'api')) !== undefined) return known.info;
    const entry = await readSigned(line, { run, seq: 0, act: 'run.requested' }, (kid) => this.trusted(kid, 'api'), checked);
    const { request, playbook, createdAt, origin } = parsed(requestedSchema, entry.detail, `the request of run ${run}`);
    const told = { id: run, createdAt, requestedBy: entry.actor, request, playbook, limits: request.options.limits };
    // One for all who ask: none of them may change what the others see.
    const info = frozen(origin === undefined ? told : { ...told, origin });
    if (line !== null) this.requests.set(run, { line, by: entry.by, info });
    return info;
  }

  /** What a step rests on, as it is at one moment. */
  async standing(run: string): Promise<Standing> {
    const { index, first, hashes } = await this.chains.read(run, this.keys.steps(run), this.keys.run(run));
    const [steps, fields = {}] = hashes;
    // Before anything is waited for: the index is shared, and others read on with it.
    const { cancelled } = index;
    const records = this.recordsIn(run, index, steps);
    const info = await this.infoIn(run, first, index);
    return { info, records, cancelled, isThere: fields['state'] !== undefined, isFlagged: fields['cancel'] !== undefined };
  }

  /** The steps' records in the order in which they finished, each as its signed entry says, and all of them. */
  async records(run: string): Promise<ReadonlyMap<string, StepRecord>> {
    const { index, hashes } = await this.chains.read(run, this.keys.steps(run));
    return this.recordsIn(run, index, hashes[0]);
  }

  /** What a run has come to, as it is at one moment. */
  async outcome(run: string): Promise<Outcome> {
    const { index, hashes } = await this.chains.read(run, this.keys.steps(run), this.keys.artifacts(run), this.keys.run(run));
    const [steps, artifacts, fields = {}] = hashes;
    const { cancelled } = index;
    const isFlagged = fields['cancel'] !== undefined;
    return { records: this.recordsIn(run, index, steps), artifacts: this.artifactsIn(run, index, artifacts), cancelled, isFlagged };
  }

  private recordsIn(run: string, index: ChainIndex, hash: Texts = {}): ReadonlyMap<string, StepRecord> {
    const texts = this.checked(run, hash, index.finished, 'the record of step');
    const records = texts.map(([step, text]) => [step, this.recordOf(text, `the record of ${step} of run ${run}`)] as const);
    const place = (step: string): number => index.finished.get(step)?.seq ?? 0;
    return new Map(records.sort(([a], [b]) => place(a) - place(b)));
  }

  private recordOf(text: string, what: string): StepRecord {
    const known = this.parsedRecords.get(text);
    if (known !== undefined) return known;
    // One for all who ask, as with the request.
    const record = frozen(parsed(jsonOf(stepRecordSchema), text, what));
    if (text.length <= maxRecordLength) this.parsedRecords.set(text, record);
    return record;
  }

  /** The artifacts in the order in which they were acquired, each as its signed entry says, and all of them. */
  async artifacts(run: string): Promise<readonly Artifact[]> {
    const { index, hashes } = await this.chains.read(run, this.keys.artifacts(run));
    return this.artifactsIn(run, index, hashes[0]);
  }

  private artifactsIn(run: string, index: ChainIndex, hash: Texts = {}): readonly Artifact[] {
    if (index.destroyed && Object.keys(hash).length === 0) return [];
    const texts = this.checked(run, hash, index.artifacts, 'the record of artifact');
    return texts.map(([id, text]) => parsed(jsonOf(artifactSchema), text, `artifact ${id} of run ${run}`)).sort(byAcquisition);
  }

  /** The answers about hashes, each as the last signed entry about it says, and all of them. */
  async lookups(run: string): Promise<readonly Lookup[]> {
    const { index, hashes } = await this.chains.read(run, this.keys.lookups(run));
    const texts = this.checked(run, hashes[0], index.lookups, 'the answer about');
    return texts.map(([sha256, text]) => parsed(jsonOf(lookupSchema), text, `the answer about ${sha256} of run ${run}`)).sort(byHash);
  }

  /** The newest amendment of a run; undefined when there is none. */
  async amendment(run: string): Promise<Amendment | undefined> {
    return (await this.amendments(run)).at(-1);
  }

  /** All amendments of a run, oldest first, each as its signed entry says. */
  async amendments(run: string): Promise<readonly Amendment[]> {
    const { index, hashes } = await this.chains.read(run, this.keys.amendments(run));
    const texts = this.checked(run, hashes[0], index.amendments, 'the amendment');
    const all = texts.map(([version, text]) => parsed(jsonOf(amendmentSchema), text, `amendment ${version} of run ${run}`));
    return all.sort((a, b) => a.version - b.version);
  }

  /** How often a delivery of the run has ended: it was taken, or given up. */
  async told(run: string, delivery: string): Promise<number> {
    return (await this.chains.whole(run)).told.get(delivery) ?? 0;
  }

  /** Entries of the chain as it is now, and the hash of the last. */
  async head(run: string): Promise<{ readonly entries: number; readonly head: string }> {
    return (await this.chains.whole(run)).head;
  }

  /** Whether an API has signed that the run is to stop. */
  async cancelled(run: string): Promise<boolean> {
    return (await this.chains.whole(run)).cancelled;
  }

  /** Whether an API has signed that the run's evidence is held. */
  async held(run: string): Promise<boolean> {
    return (await this.chains.whole(run)).held;
  }

  /** Whether somebody who may has signed that the run's evidence was destroyed. */
  async destroyed(run: string): Promise<boolean> {
    return (await this.chains.whole(run)).destroyed;
  }

  /** The newest beginning of a step, how often it has begun, and whether it has an outcome. */
  async attempts(run: string, step: string): Promise<{ readonly fence?: string; readonly times: number; readonly ended: boolean }> {
    const index = await this.chains.whole(run);
    const started = index.started.get(step);
    const fence = started === undefined ? {} : { fence: String(started.last) };
    return { ...fence, times: started?.times ?? 0, ended: index.finished.has(step) };
  }

  /** The entries of a run's chain as it is now, each checked with all that stand before it. */
  async *chain(run: string): AsyncGenerator<CustodyEntry> {
    const signers = new ChainSigners(this.trusted);
    const check = new ChainCheck(run, signers.keys);
    for (let from = 0; ; from += chainChunk) {
      const lines = await this.redis.lrange(this.keys.custody(run), from, from + chainChunk - 1);
      for (const line of lines) {
        await signers.learn(line);
        const entry = check.add(line);
        if (entry === undefined) throw brokenChain(run, problemOf(check.verdict()));
        yield entry;
      }
      if (lines.length < chainChunk) return;
    }
  }

  /** Texts of a HASH against their entries. Throws `custody-broken` for one that was altered, added or taken away. */
  private checked(run: string, texts: Texts = {}, entries: ReadonlyMap<string, RecordEntry>, what: string): [field: string, text: string][] {
    const broken = (field: string, problem: string): TriageError =>
      new TriageError('custody-broken', `${what} ${field} of run ${run} ${problem}; the run is not acted upon`);
    for (const field of entries.keys()) if (!Object.hasOwn(texts, field)) throw broken(field, 'is missing, and custody has its entry');
    return Object.entries(texts).map(([field, text]) => {
      const entry = entries.get(field);
      if (entry === undefined) throw broken(field, 'has no entry in custody');
      if (entry.record !== sha256Hex(text)) throw broken(field, 'is not the one that was signed');
      return [field, text];
    });
  }
}
