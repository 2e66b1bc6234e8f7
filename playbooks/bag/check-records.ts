import { z } from 'zod';
import { type Amendment, amendmentSchema } from '../domain/amendment.js';
import { type Artifact, artifactSchema } from '../domain/artifact.js';
import { type CustodyAct, sha256Hex } from '../domain/custody.js';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import { lookupSchema } from '../domain/lookup.js';
import { type StepRecord, stepRecordSchema } from '../domain/run.js';
import type { ChainFacts, SignedRecord } from './chain-facts.js';
import type { Findings } from './findings.js';
import { payloadFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';
import { textLines } from './text-lines.js';

/** A step and its record, in the order in which they finished. */
export interface FinishedStep {
  readonly step: string;
  readonly record: StepRecord;
}

/** What a run has written down, as far as it is what was signed. */
export interface SignedRecords {
  readonly steps: readonly FinishedStep[];
  /** By version. */
  readonly amendments: ReadonlyMap<number, Amendment>;
}

const stepLineSchema = z.strictObject({ step: z.string(), seq: z.int().nonnegative(), record: z.string() });
const amendmentLineSchema = z.strictObject({ version: z.int().min(2), seq: z.int().nonnegative(), record: z.string() });

const finishActs: Readonly<Record<StepRecord['status'], CustodyAct>> = { succeeded: 'step.finished', failed: 'step.failed', skipped: 'step.skipped' };

/** A line of a file of records, taken apart. */
interface RecordLine<K, T> {
  /** What its entry calls it. */
  readonly key: K;
  /** The text that is signed. */
  readonly text: string;
  readonly record: T;
  /** The entry, where the line names it. */
  readonly seq?: number;
  readonly act?: CustodyAct;
}

/** Holds the records of a bag against the digests in their signed entries: each is there once, none is missing, none has been put on. */
export class RecordCheck {
  readonly #steps: FinishedStep[] = [];
  readonly #amendments = new Map<number, Amendment>();

  constructor(
    private readonly bag: BagReader,
    private readonly files: ReadonlyMap<string, BagEntry>,
    private readonly facts: ChainFacts,
    private readonly findings: Findings,
  ) {}

  /** @param visit is told of every artifact that is good; there may be very many */
  async run(visit: (artifact: Artifact) => void): Promise<SignedRecords> {
    const { steps, artifacts, lookups, amendments, destroyed } = this.facts;
    await this.#file(payloadFiles.steps, steps, stepLine, ({ key, record }) => this.#steps.push({ step: key, record }));
    // With destroyed evidence its records go, as names are in them.
    const kept = destroyed.length === 0 ? artifacts : new Map<string, SignedRecord>();
    await this.#file(payloadFiles.artifacts, kept, artifactLine, ({ record }) => visit(record));
    await this.#file(payloadFiles.lookups, lookups, lookupLine, () => undefined);
    await this.#file(payloadFiles.amendments, amendments, amendmentLine, ({ key, record }) => this.#amendments.set(key, record));
    return { steps: this.#steps, amendments: this.#amendments };
  }

  async #file<K extends string | number, T>(
    path: string,
    signed: ReadonlyMap<K, SignedRecord>,
    read: (text: string) => RecordLine<K, T> | undefined,
    good: (line: RecordLine<K, T>) => void,
  ): Promise<void> {
    if (!this.files.has(path)) return;
    const seen = new Set<K>();
    let at = 0;
    try {
      for await (const { text, fault } of textLines(this.bag.read(path))) {
        at += 1;
        this.findings.checked('records');
        const line = fault === undefined ? read(text) : undefined;
        const wrong = line === undefined ? (fault ?? 'is not a record of this kind') : (faultOf(line, signed.get(line.key)) ?? twice(seen, line.key));
        if (wrong !== undefined) this.findings.problem('records', { file: path, ...seqOf(line, signed) }, `line ${at} ${wrong}`);
        else if (line !== undefined) good(line);
        if (line !== undefined) seen.add(line.key);
      }
    } catch (error) {
      this.findings.problem('records', path, asTriageError(error).message);
    }
    for (const [key, { seq, act }] of signed)
      if (!seen.has(key)) this.findings.problem('records', { file: path, seq }, `lacks ${key}, which entry ${seq} (${act}) has recorded`);
  }
}

function twice<K>(seen: ReadonlySet<K>, key: K): string | undefined {
  return seen.has(key) ? 'repeats an earlier line' : undefined;
}

function seqOf<K, T>(line: RecordLine<K, T> | undefined, signed: ReadonlyMap<K, SignedRecord>): { seq?: number } {
  const seq = line === undefined ? undefined : signed.get(line.key)?.seq;
  return seq === undefined ? {} : { seq };
}

function faultOf<K, T>({ key, text, seq, act }: RecordLine<K, T>, signed: SignedRecord | undefined): string | undefined {
  if (signed === undefined) return `is about ${String(key)}, of which no signed entry tells`;
  if (sha256Hex(text) !== signed.digest) return `is not what entry ${signed.seq} (${signed.act}) has signed for ${String(key)}`;
  if (seq !== undefined && seq !== signed.seq) return `says that entry ${seq} signs it; it is entry ${signed.seq}`;
  return act === undefined || act === signed.act ? undefined : `says something else than its entry ${signed.seq} (${signed.act})`;
}

/** Around the record nothing is signed, so that nothing there may differ from what we write. */
function stepLine(text: string): RecordLine<string, StepRecord> | undefined {
  const line = stepLineSchema.safeParse(parseJson(text)).data;
  const record = line === undefined ? undefined : stepRecordSchema.safeParse(parseJson(line.record)).data;
  if (line === undefined || record === undefined || JSON.stringify(line) !== text) return undefined;
  return { key: line.step, text: line.record, record, seq: line.seq, act: finishActs[record.status] };
}

function artifactLine(text: string): RecordLine<string, Artifact> | undefined {
  const record = artifactSchema.safeParse(parseJson(text)).data;
  if (record === undefined) return undefined;
  const act = record.left === true ? 'artifact.left' : record.known ? 'artifact.known' : 'artifact.stored';
  return { key: record.id, text, record, act };
}

function lookupLine(text: string): RecordLine<string, unknown> | undefined {
  const record = lookupSchema.safeParse(parseJson(text)).data;
  return record === undefined ? undefined : { key: record.sha256, text, record };
}

function amendmentLine(text: string): RecordLine<number, Amendment> | undefined {
  const line = amendmentLineSchema.safeParse(parseJson(text)).data;
  const record = line === undefined ? undefined : amendmentSchema.safeParse(parseJson(line.record)).data;
  if (line === undefined || record?.version !== line.version || JSON.stringify(line) !== text) return undefined;
  return { key: line.version, text: line.record, record, seq: line.seq };
}
