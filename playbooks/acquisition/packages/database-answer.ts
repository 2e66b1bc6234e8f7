import { TriageError } from '../../domain/error.js';
import { InstalledReader } from './apk.js';
import type { Claims } from './claims.js';
import { apkDirectories, type DatabaseFile } from './database-files.js';
import type { FileGroup } from './database-script.js';
import { isMd5sums, StatusReader, takeMd5sum } from './dpkg.js';

/** What became of one group, where it is not all that was asked for. */
export interface Unread {
  readonly group: FileGroup;
  readonly detail: string;
}

/** Who is told what a group's files claim. */
export interface Asked {
  readonly group: FileGroup;
  readonly claims: Claims;
}

/** Reads what the script of database-script.ts prints, as it comes. Lines are latin1 of their bytes. */
export class DatabaseAnswer {
  readonly unread: Unread[] = [];
  private index = -1;
  private missing = new Set<string>();
  private take: ((line: string) => void) | undefined;
  private ended = false;

  constructor(private readonly asked: readonly Asked[]) {}

  /** Throws `transfer-truncated` for an answer without its end, `command-failed` for a foreign one. */
  async read(stdout: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const line of lines(stdout)) {
      if (line.startsWith('=')) this.takeLine(line.slice(1));
      else if (line.startsWith(':')) this.takeNote(line.slice(1));
      else throw foreign();
    }
    if (!this.ended) throw new TriageError('transfer-truncated', 'the answer about package databases has no end');
  }

  private takeLine(line: string): void {
    if (this.take === undefined) throw foreign();
    this.take(line);
  }

  private takeNote(note: string): void {
    const space = note.indexOf(' ');
    const [word, rest] = space === -1 ? [note, ''] : [note.slice(0, space), note.slice(space + 1)];
    if (word === 'group') this.beginGroup();
    else if (word === 'file') this.beginFile(rest.replace(/^\.\//, ''));
    else if (word === 'unreadable') this.current().claims.unreadable += Number(rest) || 0;
    else if (word === 'copied') this.takeStatus(rest);
    else if (word === 'end') this.end();
    else this.fail(word);
  }

  private beginGroup(): void {
    this.endGroup();
    this.index += 1;
    this.missing = new Set(this.current().group.files.map(({ name }) => name));
    this.take = undefined;
  }

  private beginFile(name: string): void {
    const { group, claims } = this.current();
    if (!this.missing.delete(name)) throw foreign();
    this.take = readerOf(group, name, claims);
  }

  private takeStatus(status: string): void {
    if (status !== '0') this.fail('changed');
  }

  private fail(word: string): void {
    const detail = Object.hasOwn(failures, word) ? failures[word as keyof typeof failures] : undefined;
    if (detail === undefined) throw foreign();
    const { group } = this.current();
    if (!this.unread.some((each) => each.group === group)) this.unread.push({ group, detail });
  }

  private endGroup(): void {
    if (this.index >= 0 && this.missing.size > 0) this.fail('changed');
  }

  private end(): void {
    this.endGroup();
    if (this.index + 1 !== this.asked.length) throw foreign();
    this.ended = true;
  }

  private current(): Asked {
    const asked = this.asked[this.index];
    if (asked === undefined) throw foreign();
    return asked;
  }
}

const failures = {
  missing: 'the directory is no longer on the node',
  unsafe: 'the node cannot mount the directory in a private namespace to read it safely',
  lost: 'the directory of the database is not where it was, or is reached through a link',
  changed: 'files of the database changed while they were read, or could not be read',
  failed: 'awk of the node could not read the database',
} as const;

function readerOf({ directory }: FileGroup, name: DatabaseFile['name'], claims: Claims): (line: string) => void {
  if (apkDirectories.has(directory)) {
    const reader = new InstalledReader(claims);
    return (line) => reader.take(line);
  }
  if (isMd5sums(name)) return (line) => takeMd5sum(name, line, claims);
  const reader = new StatusReader(claims);
  return (line) => reader.take(line);
}

async function* lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: string[] = [];
  for await (const chunk of source) {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const parts = text.split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      yield pending.length === 0 ? part : [...pending, part].join('');
      pending = [];
    }
    if (last !== '') pending.push(last);
  }
  if (pending.length > 0) throw new TriageError('transfer-truncated', 'the answer about package databases ends in the middle of a line');
}

function foreign(): TriageError {
  return new TriageError('command-failed', 'the answer about package databases has not the form that was asked for');
}
