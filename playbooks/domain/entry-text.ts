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
  line(this: void, hash: string, sig: string): string;
} {
  const first = [field('act', act), field('actor', actor), field('at', at), field('by', by), field('detail', detail)].join(',');
  const second = [field('id', id), field('prev', prev), field('run', run), field('seq', seq)].join(',');
  const last = subject === undefined ? '' : `,${field('subject', subject)}`;
  return {
    hashed: `{${first},${second}${last}}`,
    line: (hash, sig) => `{${first},${field('hash', hash)},${second},${field('sig', sig)}${last}}`,
  };
}

const beforeKey = '","by":"';

/**
 * The id of the key that a line in canonical form says it was signed with, without reading all of it: a quote within a text is escaped there, so
 * the first such place is the field's own. Of a line of another form, which no check lets through, it says anything.
 */
export function kidOf(line: string): string | undefined {
  const at = line.indexOf(beforeKey);
  if (at === -1) return undefined;
  const from = at + beforeKey.length;
  const to = line.indexOf('"', from);
  return to === -1 ? undefined : line.slice(from, to);
}

function field(name: string, value: unknown): string {
  return `"${name}":${canonical(value)}`;
}
