import type { CustodyAct, CustodyEntry } from '../domain/custody.js';
import { safeText } from '../domain/short-text.js';
import { countOf } from '../judgement/words.js';
import type { TimelineRow } from './timeline-row.js';

type Entry = Pick<CustodyEntry, 'seq' | 'at' | 'actor' | 'act' | 'subject' | 'detail'>;

const maxText = 200;

/** Entries of one act by one actor within a step and this time, in milliseconds, are one row. */
const batchMs = 60_000;

/** Acts that come by the hundred: what was done is one row for each batch, counted by these words. */
const batched: Partial<Record<CustodyAct, readonly [string, string, string]>> = {
  'artifact.stored': ['stored', 'artifact', 'artifacts'],
  'artifact.known': ['recorded', 'artifact that the store had', 'artifacts that the store had'],
  'artifact.left': ['hashed', 'file and left it on the node', 'files and left them on the node'],
  'artifact.discarded': ['threw away', 'file that had changed places', 'files that had changed places'],
  'lookup.answered': ['recorded', 'answer about a hash', 'answers about hashes'],
};

const words: Partial<Record<CustodyAct, string>> = {
  'run.requested': 'run requested',
  'run.cancel-requested': 'cancelling requested',
  'step.started': 'step started',
  'step.finished': 'step finished',
  'step.failed': 'step failed',
  'step.skipped': 'step skipped',
  'artifact.upload-consented': 'file is about to be given to the source',
  'artifact.uploaded': 'file given to the source',
  'artifact.upload-failed': 'file could not be given to the source',
  'node.tools': 'tools of the node looked at',
  'report.written': 'report written',
  'run.amended': 'report amended',
  'run.checkpoint': 'chain of custody signed',
  'evidence.read': 'evidence read',
  'evidence.held': 'evidence put on hold',
  'evidence.released': 'hold on evidence ended',
  'evidence.destroyed': 'evidence destroyed',
};

/** An intent and its outcome, joined by the number that both have. */
const outcomes: Partial<Record<CustodyAct, CustodyAct>> = { 'command.started': 'command.finished', 'cluster.request': 'cluster.answered' };

/** What we did, as rows of a timeline: one for each command with its outcome, one for each batch of artifacts and answers. */
export class ActRows {
  readonly #rows: TimelineRow[] = [];
  /** Rows of intents without an outcome so far. */
  readonly #open = new Map<string, number>();
  /** Of the step that is at work: stored and known files come mixed. */
  readonly #batches = new Map<CustodyAct, Batch>();

  /** Takes the next entry of the chain. */
  add(entry: Entry): void {
    const { act } = entry;
    if (batched[act] !== undefined) this.#count(entry);
    else if (act === 'command.finished' || act === 'cluster.answered') this.#close(entry);
    else this.#push(entry);
  }

  #push(entry: Entry): void {
    const { act } = entry;
    if (act.startsWith('step.')) this.#batches.clear();
    const call = textOf(entry, 'call');
    if (outcomes[act] !== undefined && call !== '') this.#open.set(call, this.#rows.length);
    this.#rows.push(rowOf(entry));
  }

  /** In the order of the chain. */
  rows(): readonly TimelineRow[] {
    return this.#rows;
  }

  #count(entry: Entry): void {
    const { act, actor, at } = entry;
    const last = this.#batches.get(act);
    const goesOn = last !== undefined && last.actor === actor && Date.parse(at) - Date.parse(last.at) < batchMs;
    const batch = goesOn ? last : { act, actor, at, place: this.#rows.length, entries: 0, bytes: 0 };
    batch.entries += 1;
    batch.bytes += numberOf(entry, 'size') ?? 0;
    this.#batches.set(act, batch);
    const first = this.#rows[batch.place] ?? { ...baseOf(entry), what: '' };
    this.#rows[batch.place] = { ...first, what: batchWords(batch) };
  }

  #close(entry: Entry): void {
    const call = textOf(entry, 'call');
    const place = this.#open.get(call);
    const row = place === undefined ? undefined : this.#rows[place];
    if (place === undefined || row === undefined) return;
    this.#open.delete(call);
    this.#rows[place] = { ...row, detail: [row.detail ?? '', outcomeWords(entry)].filter((part) => part !== '').join(': ') };
  }
}

interface Batch {
  readonly act: CustodyAct;
  readonly actor: string;
  readonly at: string;
  readonly place: number;
  entries: number;
  bytes: number;
}

function batchWords({ act, entries, bytes }: Batch): string {
  const [verb, one, many] = batched[act] ?? ['recorded', 'entry', 'entries'];
  return `${verb} ${countOf(entries, one, many)}${bytes === 0 ? '' : `, ${bytes} bytes`}`;
}

function baseOf({ at, seq }: Entry): Pick<TimelineRow, 'at' | 'source' | 'time' | 'entry'> {
  return { at, source: 'podtriage', time: 'done', entry: seq };
}

function rowOf(entry: Entry): TimelineRow {
  const detail = detailOf(entry);
  return { ...baseOf(entry), what: whatOf(entry), ...(detail === '' ? {} : { detail }) };
}

function whatOf(entry: Entry): string {
  const { act, subject = '' } = entry;
  if (act === 'command.started') return `ran ${textOf(entry, 'name')}`;
  if (act === 'cluster.request') return `asked the API server: ${textOf(entry, 'method')}`;
  const said = words[act] ?? act;
  return act.startsWith('step.') ? said.replace('step', `step ${safeText(subject, maxText)}`) : said;
}

function detailOf(entry: Entry): string {
  const { act, actor, subject = '' } = entry;
  if (act === 'command.started')
    return textOf(entry, 'container') === '' ? `on node ${safeText(subject, maxText)}` : `in ${safeText(subject, maxText)}`;
  const said = ['method', 'attempt', 'reason', 'error', 'what', 'format', 'version', 'verdict', 'reading'].map((key) => field(entry, key));
  const about = act === 'run.requested' || act === 'run.cancel-requested' || act === 'evidence.read' ? [`by ${safeText(actor, maxText)}`] : [];
  const file = act.startsWith('artifact.') ? [`sha256 ${safeText(subject, 64)}`] : [];
  return [...about, ...file, ...(act === 'cluster.request' ? [] : said)].filter((part) => part !== '').join(', ');
}

function field(entry: Entry, key: string): string {
  const value = numberOf(entry, key) ?? textOf(entry, key);
  return value === '' ? '' : `${key} ${value}`;
}

function outcomeWords(entry: Entry): string {
  const exit = numberOf(entry, 'exitCode');
  const bytes = numberOf(entry, 'stdoutBytes');
  const ms = numberOf(entry, 'durationMs');
  const error = textOf(entry, 'error');
  const parts = [
    error === '' ? '' : `failed (${error})`,
    exit === undefined ? '' : `exit status ${exit}`,
    entry.detail['exitCode'] === null ? 'ended without an exit status' : '',
    bytes === undefined ? '' : `${bytes} bytes`,
    ms === undefined ? '' : `${(ms / 1_000).toFixed(1)} s`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function textOf({ detail }: Entry, key: string): string {
  const value = detail[key];
  return typeof value === 'string' ? safeText(value, maxText) : '';
}

function numberOf({ detail }: Entry, key: string): number | undefined {
  const value = detail[key];
  return typeof value === 'number' ? value : undefined;
}
