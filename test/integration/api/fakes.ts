import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { Readable } from 'node:stream';
import { keyIdOf } from '../../../playbooks/bag/key-set.js';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import { canonical } from '../../../playbooks/domain/canonical.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { type CustodyAct, type CustodyEntry, entryHash, registerChain } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import type { RunRequest } from '../../../playbooks/domain/request.js';
import { endStates, type StepRecord } from '../../../playbooks/domain/run.js';
import type { VerdictLevel } from '../../../playbooks/domain/verdict.js';
import type { EvidencePort, StagedEvidence, StoredEvidence } from '../../../playbooks/ports.js';
import type { EvidenceActs, EvidenceRead, ExportSeal } from '../../../store/evidence-acts.js';
import type { LookupOffice, LookupView, QuotaStatus } from '../../../store/lookup-office.js';
import { fits } from '../../../store/run-list.js';
import type { Opening, RunCommander, RunQuery, RunReader, RunRow, RunView } from '../../../store/run-view.js';
import { at, hex, reportOf, rowOf } from './samples.js';

export class FakeEvidence implements EvidencePort {
  readonly #kept = new Map<string, Buffer>();

  keep(text: string): string {
    const sha256 = hex(text);
    this.#kept.set(sha256, Buffer.from(text));
    return sha256;
  }

  has(sha256: string): Promise<boolean> {
    return Promise.resolve(this.#kept.has(sha256));
  }

  put(): Promise<StoredEvidence> {
    return Promise.reject(new Error('the API never writes evidence'));
  }

  stage(): Promise<StagedEvidence> {
    return Promise.reject(new Error('the API never writes evidence'));
  }

  open(sha256: string): Promise<Readable> {
    const bytes = this.#kept.get(sha256);
    if (bytes === undefined) return Promise.reject(new TriageError('not-found', `no evidence ${sha256}`));
    // In small pieces, as a disk may give it.
    const pieces = Array.from({ length: Math.ceil(bytes.length / 37) }, (_, index) => bytes.subarray(index * 37, (index + 1) * 37));
    return Promise.resolve(Readable.from(pieces));
  }
}

/** A lookup desk in memory, whose answers come when the test says so. */
export class FakeOffice implements LookupOffice {
  readonly known = new Map<string, LookupView>();
  readonly asked: string[] = [];
  status: QuotaStatus = { source: 'virustotal', keys: [], waiting: { interactive: 0, webhook: 0, batch: 0 } };
  broken = false;

  async quota(): Promise<QuotaStatus> {
    await this.#trouble();
    return this.status;
  }

  async lookup(sha256: string): Promise<LookupView> {
    await this.#trouble();
    return this.known.get(sha256) ?? { state: 'absent' };
  }

  async ask(sha256: string): Promise<void> {
    await this.#trouble();
    this.asked.push(sha256);
    if (!this.known.has(sha256)) this.known.set(sha256, { state: 'waiting' });
  }

  async #trouble(): Promise<void> {
    await Promise.resolve();
    if (this.broken) throw new TriageError('redis-unavailable', 'ECONNREFUSED redis://:secret@internal');
  }
}

/** Signs chains as the store does. */
export class Signer {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor() {
    const pair = generateKeyPairSync('ed25519');
    this.publicKey = pair.publicKey;
    this.#privateKey = pair.privateKey;
    this.kid = keyIdOf(pair.publicKey);
  }

  chain(run: string, acts: readonly CustodyAct[]): string[] {
    const lines: string[] = [];
    for (const act of acts) lines.push(this.next(run, lines, { act, detail: { n: lines.length } }));
    return lines;
  }

  /** The line that comes after these. */
  next(run: string, lines: readonly string[], act: Pick<CustodyEntry, 'act' | 'detail' | 'subject'>): string {
    const before = lines.at(-1);
    const prev = before === undefined ? '' : (JSON.parse(before) as CustodyEntry).hash;
    const body = { id: randomUUID(), seq: lines.length, at, run, actor: 'tester', by: this.kid, ...act, prev };
    const hash = entryHash(body);
    return canonical({ ...body, hash, sig: sign(null, Buffer.from(hash, 'hex'), this.#privateKey).toString('base64url') });
  }
}

interface FakeRun {
  view: RunView;
  records: Map<string, StepRecord>;
  artifacts: Artifact[];
  lookups: Lookup[];
  custody: string[];
}

/** Runs in memory, moved on by the test. */
export class FakeRuns implements RunReader, RunCommander {
  readonly runs = new Map<string, FakeRun>();
  readonly register: string[] = [];
  readonly openAndShow: RunCommander['openAndShow'] = async (...asked) => this.of(await this.open(...asked)).view;
  readonly #listeners = new Set<(run: string) => void>();
  /** What every method does instead of answering. */
  broken: 'no' | 'throws' | 'hangs' = 'no';
  #count = 0;

  constructor(private readonly signer = new Signer()) {}

  async open(request: RunRequest, requestedBy: string, { id = `r${String((this.#count += 1)).padStart(4, '0')}` }: Opening = {}): Promise<string> {
    await this.#trouble();
    if (this.runs.has(id)) return id;
    const view: RunView = {
      id,
      state: 'queued',
      request,
      playbook: { name: request.playbook, title: 'Title', sha256: hex('playbook') },
      requestedBy,
      createdAt: at,
      amendments: [],
      milestones: {},
      steps: ['locate-node', 'diff-filesystem', 'write-report'].map((name) => ({ name, state: 'pending', attempt: 0, gaps: [], limits: [] })),
    };
    const custody = this.signer.chain(id, ['run.requested', 'step.started', 'step.finished', 'step.started', 'step.finished']);
    const { hash: head } = JSON.parse(custody[0] ?? '') as CustodyEntry;
    this.register.push(this.signer.next(registerChain, this.register, { act: 'run.opened', subject: id, detail: { run: id, head } }));
    this.runs.set(id, { view, records: new Map(), artifacts: [], lookups: [], custody });
    return id;
  }

  async cancel(run: string): Promise<boolean> {
    await this.#trouble();
    const { view } = this.of(run);
    if (endStates.has(view.state)) return false;
    this.change(run, { state: 'cancelling', cancelRequestedAt: at });
    return true;
  }

  async get(run: string): Promise<RunView | undefined> {
    await this.#trouble();
    return this.runs.get(run)?.view;
  }

  async list({ limit, cursor, ...filter }: RunQuery): Promise<{ runs: RunRow[]; next?: string }> {
    await this.#trouble();
    const all = Array.from(this.runs.values(), ({ view }) => view)
      .reverse()
      .filter((view) => fits(view, filter));
    const from = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor);
    const next = all[from + limit]?.id;
    const runs = all.slice(from, from + limit).map(rowOf);
    return { runs, ...(next === undefined ? {} : { next }) };
  }

  async records(run: string): Promise<ReadonlyMap<string, StepRecord>> {
    await this.#trouble();
    return this.of(run).records;
  }

  async artifacts(run: string): Promise<readonly Artifact[]> {
    await this.#trouble();
    return this.of(run).artifacts;
  }

  async lookups(run: string): Promise<readonly Lookup[]> {
    await this.#trouble();
    return this.of(run).lookups;
  }

  async custody(run: string, from: number, count: number): Promise<readonly string[]> {
    await this.#trouble();
    return (run === registerChain ? this.register : this.of(run).custody).slice(from, from + count);
  }

  async changed(run: string, ms: number, signal: AbortSignal): Promise<void> {
    await this.#trouble();
    await new Promise<void>((resolve) => {
      const listener = (changed: string): void => (changed === run ? done() : undefined);
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#listeners.add(listener);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  of(run: string): FakeRun {
    const found = this.runs.get(run);
    if (found === undefined) throw new TriageError('not-found', `no run ${run}`);
    return found;
  }

  /** Changes a run and tells those who wait. */
  change(run: string, change: Partial<RunView>): void {
    const found = this.of(run);
    found.view = { ...found.view, ...change };
    this.announce(run);
  }

  announce(run: string): void {
    for (const listener of [...this.#listeners]) listener(run);
  }

  /** Sets the state of one step, with what it found out. */
  step(run: string, name: string, state: RunView['steps'][number]['state'], facts?: Readonly<Record<string, unknown>>): void {
    const found = this.of(run);
    const steps = found.view.steps.map((step) =>
      step.name === name
        ? { ...step, state, attempt: 1, startedAt: at, ...(state === 'running' ? {} : { finishedAt: at }), ...(facts === undefined ? {} : { facts }) }
        : step,
    );
    if (facts !== undefined) found.records.set(name, { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts, gaps: [], limits: [] });
    this.change(run, { steps });
  }

  async #trouble(): Promise<void> {
    if (this.broken === 'throws') throw new TriageError('redis-unavailable', 'ECONNREFUSED redis://:secret@internal');
    if (this.broken === 'hangs') await new Promise(() => undefined);
    await Promise.resolve();
  }
}

/** Puts a listing of changes into evidence and onto the board of a run. */
export function listChanges(runs: FakeRuns, evidence: FakeEvidence, run: string, changes: readonly Change[]): string {
  const text = changes.map((change) => `${canonical(change)}\n`).join('');
  const sha256 = evidence.keep(text);
  const kinds = (kind: Change['kind']) => changes.filter((change) => change.kind === kind).length;
  runs.step(run, 'diff-filesystem', 'succeeded', {
    changes: {
      sha256,
      count: changes.length,
      added: kinds('added'),
      changed: kinds('changed'),
      deleted: kinds('deleted'),
      present: kinds('present'),
      method: 'overlay',
      first: changes.slice(0, 20),
    },
  });
  return text;
}

/** Writes a report for a run and ends it. */
export function finish(
  runs: FakeRuns,
  evidence: FakeEvidence,
  run: string,
  verdict: VerdictLevel,
  sentence = 'A sentence.',
  markdown = '# Report\n',
): void {
  const json = evidence.keep(JSON.stringify(reportOf(runs.of(run).view, verdict, sentence)));
  const html = evidence.keep('<!DOCTYPE html><title>Report</title>');
  const timeline = evidence.keep('message\r\nfirst\r\n');
  runs.step(run, 'write-report', 'succeeded', { report: { json, markdown: evidence.keep(markdown), html, timeline, version: 1 } });
  runs.change(run, {
    state: 'completed',
    finishedAt: at,
    completeness: 'full',
    verdict,
    milestones: { acquisitionFinished: at, verdictReady: at, reportWritten: at },
  });
}

/** Remembers who has read what. */
export class FakeActs implements EvidenceActs {
  readonly reads: (EvidenceRead & { readonly run: string; readonly by: string; readonly reach: unknown })[] = [];

  read(...[run, by, read, reach]: Parameters<EvidenceActs['read']>): Promise<void> {
    this.reads.push({ run, by, reach, ...read });
    return Promise.resolve();
  }

  seal(): Promise<ExportSeal> {
    return Promise.reject(new TriageError('internal', 'no bag is sealed here'));
  }
}
