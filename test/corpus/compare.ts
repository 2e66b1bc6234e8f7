import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { pathBytes, pathName } from '../../playbooks/domain/path-name.js';
import type { Row, Seen, Where } from './case.js';

const text = (bytes: string | Buffer) => pathName(Buffer.from(bytes)).text;

/** The listed rows of a case, by the place they are in. */
export function rowsOf(seen: Seen, where: Where, atRoot: readonly string[]): Change[] {
  return seen.changes.filter((change) => pathIn(change, where, atRoot) !== undefined);
}

/** The path below the case's directory, which a volume has under its last name; undefined for rows of others. */
function pathIn({ place, path }: Change, { dir }: Where, atRoot: readonly string[]): Buffer | undefined {
  const bytes = pathBytes(path);
  const base = place.kind === 'rootfs' ? dir : (dir.split('/').at(-1) ?? '');
  const latin1 = bytes.toString('latin1');
  if (latin1 === base) return Buffer.alloc(0);
  if (latin1.startsWith(`${base}/`)) return bytes.subarray(base.length + 1);
  return place.kind === 'rootfs' && atRoot.some((name) => latin1 === name || latin1.startsWith(`${name}/`)) ? bytes : undefined;
}

/** One line a wanted row, as exact as the row says, and the same of what was listed: so that a failed test shows what differs. */
export function linesOf(rows: readonly Row[], seen: Seen, where: Where, atRoot: readonly string[]): { wanted: string[]; listed: string[] } {
  const listed = new Map(rowsOf(seen, where, atRoot).map((change) => [key(change, pathIn(change, where, atRoot) ?? Buffer.alloc(0)), change]));
  const wanted = new Map(rows.map((row) => [`${row.in ?? ''}:/${text(row.path)}`, row]));
  return {
    wanted: [...wanted].map(([at, row]) => `${at} ${row.kind} ${JSON.stringify(wantedOf(row, seen, listed.get(at)))}`).sort(),
    listed: [...listed].map(([at, change]) => `${at} ${change.kind} ${JSON.stringify(listedOf(change, wanted.get(at), seen))}`).sort(),
  };
}

function key({ place }: Change, path: Buffer): string {
  return `${place.kind === 'volume' ? place.mountPath : ''}:/${text(path)}`;
}

type Fields = Record<string, unknown>;

/** What a row is found by, and not compared by. */
const identity = new Set(['in', 'path', 'kind']);

function wantedOf(row: Row, seen: Seen, change: Change | undefined): Fields {
  const accepted = [row.content ?? []].flat();
  const became = change === undefined ? undefined : contentOf(change, seen);
  return sorted({
    ...row,
    ...(row.target === undefined ? {} : { target: text(row.target) }),
    ...(row.renamedFrom === undefined ? {} : { renamedFrom: text(row.renamedFrom) }),
    ...(accepted.length === 0 ? {} : { content: became !== undefined && accepted.includes(became) ? became : accepted.join(' or ') }),
  });
}

/** The fields that the wanted row has; of a row that is not wanted at all its type. */
function listedOf(change: Change, row: Row | undefined, seen: Seen): Fields {
  const all: Fields = {
    ...change,
    owner: `${change.uid ?? ''}:${change.gid ?? ''}`,
    target: change.target?.text,
    renamedFrom: change.renamedFrom?.text,
    content: contentOf(change, seen),
  };
  const names = ['type', ...(change.type === 'file' && change.kind !== 'deleted' ? ['content'] : []), ...Object.keys(row ?? {})];
  return sorted(Object.fromEntries(names.map((name) => [name, all[name] ?? null])));
}

function sorted(fields: Fields): Fields {
  const compared = Object.entries(fields).filter(([name]) => !identity.has(name));
  return Object.fromEntries(compared.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What became of a file's content: its hash, or why there is none; `lost` when nobody says. */
export function contentOf(change: Change, seen: Seen): string | undefined {
  if (change.type !== 'file' || change.kind === 'deleted') return undefined;
  const artifact = artifactOf(change, seen);
  if (artifact !== undefined) return artifact.unstable === true ? 'unstable' : artifact.sha256;
  const { gaps, limits } = indexOf(seen);
  // Of a volume that is not collected nothing is: then its mount point stands for all that is in it.
  for (const subject of [`${change.container}:${mountOf(change)}/${change.path.text}`, `${change.container}:${mountOf(change)}`]) {
    const gap = gaps.get(subject);
    if (gap !== undefined) return `gap:${gap}`;
    const limit = limits.get(subject);
    if (limit !== undefined) return `limit:${limit}`;
  }
  return 'lost';
}

/** The artifact that has a listed file's content. */
export function artifactOf(change: Change, seen: Seen): Artifact | undefined {
  return indexOf(seen).artifacts.get(placeKey(change));
}

interface Index {
  readonly artifacts: ReadonlyMap<string, Artifact>;
  readonly gaps: ReadonlyMap<string, string>;
  readonly limits: ReadonlyMap<string, string>;
}

const indexes = new WeakMap<Seen, Index>();

function indexOf(seen: Seen): Index {
  const known = indexes.get(seen);
  if (known !== undefined) return known;
  const files = seen.artifacts.filter(({ kind }) => kind === 'file');
  const index = {
    artifacts: new Map(files.flatMap((artifact) => (artifact.source === undefined ? [] : [[placeKey(artifact.source), artifact] as const]))),
    gaps: new Map(seen.gaps.map(({ subject, reason }) => [subject, reason])),
    limits: new Map(seen.limits.map(({ subject, reason }) => [subject, reason])),
  };
  indexes.set(seen, index);
  return index;
}

function placeKey({ containerId, place, path }: Pick<Change, 'containerId' | 'place' | 'path'>): string {
  return `${containerId} ${place.kind === 'volume' ? place.mountPath : ''} ${path.b64}`;
}

function mountOf({ place }: Change): string {
  return place.kind === 'volume' ? place.mountPath.replace(/\/$/, '') : '';
}
