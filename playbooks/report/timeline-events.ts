import { type ArtifactSource, sourceOfChange } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import type { Process } from '../domain/process.js';
import { cutText } from '../domain/short-text.js';
import type { Finding, Verdict } from '../domain/verdict.js';
import { argumentText, containerText, pathText } from '../judgement/evidence.js';
import { sourceKey } from '../judgement/subject.js';
import type { GroupOf } from './change-rows.js';
import type { Known } from './known.js';
import { rowRank, type TimelineRow } from './timeline-row.js';

const maxWhere = 1_000;
const maxArguments = 300;

/** When, and how much it tells. The row itself is made when it is asked for: there may be some hundred thousand, whose texts need not all be there. */
export interface Event {
  readonly at: string;
  readonly ms: number;
  readonly rank: number;
  row(known: Known): TimelineRow;
}

/** A row that is there already. */
export class RowEvent implements Event {
  readonly at: string;
  readonly ms: number;
  readonly rank: number;

  constructor(private readonly given: TimelineRow) {
    this.at = given.at;
    this.ms = Date.parse(given.at);
    this.rank = rowRank(given);
  }

  row(): TimelineRow {
    return this.given;
  }
}

/** What a rule, or the lack of one, makes of a path. */
interface PathFacts {
  readonly rank: number;
  readonly told: Pick<TimelineRow, 'level' | 'group'>;
}

class FileEvent implements Event {
  readonly ms: number;

  constructor(
    readonly at: string,
    private readonly time: TimelineRow['time'],
    private readonly change: Change,
    private readonly facts: PathFacts,
  ) {
    this.ms = Date.parse(at);
  }

  get rank(): number {
    return this.facts.rank;
  }

  row(known: Known): TimelineRow {
    return { at: this.at, source: 'file', time: this.time, ...fileFacts(this.change, this.time, known), ...this.facts.told };
  }
}

/** One event where content and entry were changed at once, else one for each of its times. */
export function addChange(events: Event[], change: Change, facts: PathFacts): void {
  const { mtime, ctime } = change;
  if (mtime !== undefined) events.push(new FileEvent(mtime, mtime === ctime ? 'modified-and-changed' : 'modified', change, facts));
  if (ctime !== undefined && ctime !== mtime) events.push(new FileEvent(ctime, 'changed', change, facts));
}

/** One for all paths of which there is nothing to tell. */
const plain: PathFacts = { rank: rowRank({ source: 'file', what: '' }), told: {} };

/** What is told of a path beside its times. */
export function factsOf(change: Change, groupOf: GroupOf, levels: Levels): PathFacts {
  const level = levels.get(sourceKey(change));
  const group = groupOf(change);
  if (level === undefined && group === undefined) return plain;
  const told = { ...(level === undefined ? {} : { level }), ...(group === undefined ? {} : { group }) };
  return { rank: rowRank({ source: 'file', what: '', ...told }), told };
}

/** The worst finding on each path, by its key. */
export type Levels = ReadonlyMap<string, Finding['level']>;

const order: readonly Finding['level'][] = ['malicious', 'suspicious', 'notice'];

/** The worst finding on each path. */
export function levelsOf(findings: Verdict['findings']): Levels {
  const levels = new Map<string, Finding['level']>();
  for (const { subject, level } of findings) {
    if (subject === undefined) continue;
    const key = sourceKey(subject);
    const before = levels.get(key);
    if (before === undefined || order.indexOf(level) < order.indexOf(before)) levels.set(key, level);
  }
  return levels;
}

type FileFacts = Omit<TimelineRow, 'at' | 'source' | 'time' | 'level' | 'group' | 'entry'>;

function fileFacts(change: Change, time: TimelineRow['time'], known: Known): FileFacts {
  const { kind, type, path } = change;
  const noun = type === 'unknown' ? 'path' : type;
  const detail = changeDetail(change, time);
  const sha256 = known.file(sourceOfChange(change))?.sha256;
  return {
    what: kind === 'present' ? `${noun} in a volume` : `${kind} ${noun}`,
    where: cutText(pathText(change), maxWhere),
    pathB64: path.b64,
    container: containerText(change),
    ...(detail === '' ? {} : { detail }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

function changeDetail({ type, mode, size, origin, mtime, mtimeBefore, kind }: Change, time: TimelineRow['time']): string {
  const parts = [
    mode === undefined ? '' : `mode ${mode}`,
    size === undefined || type !== 'file' ? '' : `${size} bytes`,
    origin === 'container' ? '' : `left by ${origin}`,
    kind === 'changed' && time !== 'changed' ? datedWords(mtime, mtimeBefore) : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** A file that was changed later than the image was made has a later time, unless somebody has set it. */
function datedWords(mtime: string | undefined, before: string | undefined): string {
  if (mtime === undefined || before === undefined) return '';
  if (mtime === before) return 'dated as in the image';
  return Date.parse(mtime) < Date.parse(before) ? `dated before the image’s own (${before})` : '';
}

const programs = {
  present: 'program',
  deleted: 'deleted program',
  memfd: 'program in memory alone',
  unreadable: 'program that could not be read',
} as const;

/** When a process started, and what it runs. */
export function processRow(process: Process, levels: Levels): TimelineRow {
  const { pid, parent, uid, startedAt, executable, container, containerId } = process;
  const source: ArtifactSource = { container, containerId, place: { kind: 'process', pid }, path: executable.path };
  const level = levels.get(sourceKey(source));
  const words = argumentText(process);
  return {
    at: startedAt,
    source: 'process',
    time: 'started',
    what: `process ${pid} started, ${programs[executable.state]}`,
    ...(executable.path.text === '' ? {} : { where: cutText(executable.path.text, maxWhere), pathB64: executable.path.b64 }),
    container: containerText({ container }),
    detail: `parent ${parent}, user ${uid}${words === '' ? '' : `, arguments ${cutText(words, maxArguments)}`}`,
    ...(executable.sha256 === undefined ? {} : { sha256: executable.sha256 }),
    ...(level === undefined ? {} : { level }),
  };
}
