import { canonical } from './canonical.js';

/** What an entry of a chain says, its own hash and signature excepted. */
export interface EntryBody {
  readonly act: string;
  readonly actor: string;
  readonly at: string;
  readonly by: string;
  readonly detail: object;
  readonly id: string;
  readonly prev: string;
  readonly run: string;
  readonly seq: number;
  readonly subject?: string | undefined;
}

/**
 * An entry in canonical form: `hashed`, without hash and signature, is what its hash is of; `line` is the whole. Canonical JSON sorts fields by
 * name, so that both are put together from the same parts: to make one of them twice is most of what an entry costs, signatures apart.
 */
export function entryText({ act, actor, at, by, detail, id, prev, run, seq, subject }: EntryBody): {
  readonly hashed: string;
  line(hash: string, sig: string): string;
} {
  const first = [field('act', act), field('actor', actor), field('at', at), field('by', by), field('detail', detail)].join(',');
  const second = [field('id', id), field('prev', prev), field('run', run), field('seq', seq)].join(',');
  const last = subject === undefined ? '' : `,${field('subject', subject)}`;
  return {
    hashed: `{${first},${second}${last}}`,
    line: (hash, sig) => `{${first},${field('hash', hash)},${second},${field('sig', sig)}${last}}`,
  };
}

/** The key that a line in canonical form says it was signed with, without reading all of it. Undefined for a line of another form. */
export function signerOf(line: string): string | undefined {
  return beforeDetail.exec(line)?.[1];
}

const beforeDetail = /^\{"act":"[^"\\]*","actor":"(?:[^"\\]|\\.)*","at":"[^"\\]*","by":"([^"\\]*)","detail":/;

function field(name: string, value: unknown): string {
  return `"${name}":${canonical(value)}`;
}
