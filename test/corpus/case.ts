import { createHash } from 'node:crypto';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { Process } from '../../playbooks/domain/process.js';
import type { Gap, Limit } from '../../playbooks/domain/run.js';
import type { RunView } from '../../store/run-view.js';

/** A name or a content: text stands for its UTF-8. */
export type Bytes = string | Buffer;

/** Where a case is planted. */
export interface Where {
  readonly node: string;
  /** The case's own directory, relative to the container's root. */
  readonly dir: string;
  /** A directory of the node, outside of every pod, that holds secrets. */
  readonly secret: string;
}

/** What a run gave about one pod. */
export interface Seen {
  readonly run: RunView;
  readonly changes: readonly Change[];
  readonly artifacts: readonly Artifact[];
  readonly processes: readonly Process[];
  readonly gaps: readonly Gap[];
  readonly limits: readonly Limit[];
  /** How long the run took, in milliseconds. */
  readonly took: number;
  /** The bytes of an artifact. */
  content(artifact: Artifact): Buffer;
}

/** One row that a listing must have. What is left out is not compared, but for files: what became of the content always is. */
export interface Row {
  /** The mount point of the volume; absent for the root file system. */
  readonly in?: string;
  /** Relative to the case's own directory; empty for the directory itself. */
  readonly path: Bytes;
  readonly kind: Change['kind'];
  readonly type: Change['type'];
  readonly mode?: string;
  readonly owner?: string;
  readonly size?: number;
  readonly target?: Bytes;
  readonly links?: number;
  /** Null: there must be none, as the time cannot be written so. */
  readonly mtime?: string | null;
  readonly modeBefore?: string;
  /** Null: there must be none. */
  readonly typeBefore?: Change['type'] | null;
  readonly capabilities?: string | null;
  readonly capabilitiesBefore?: string;
  readonly metadataOnly?: boolean;
  readonly renamedFrom?: string;
  /** The content that was taken or, as `gap:REASON` or `limit:REASON`, why there is none. More than one: any of them is right. */
  readonly content?: string | readonly string[];
}

/** One thing that a hostile pod does, and the right answer. */
export interface Case {
  readonly name: string;
  /** Works on a directory of the image with known files (stage.ts), not in an empty one of its own. */
  readonly stage?: true;
  /** Only on this node; the other one's runtime does not let a container do it. */
  readonly only?: 'node-a' | 'node-b';
  /** A script for the pod's own shell, run in the case's own directory. `$SECRET` is {@link Where.secret}. */
  readonly plant: string | ((where: Where) => string);
  /** All rows below the case's own directory, in all places, in any order. `moving`: they depend on when one looks. */
  readonly rows: readonly Row[] | ((where: Where) => readonly Row[]) | 'moving';
  /** Names at the container's root that are the case's as well. */
  readonly atRoot?: readonly string[];
  /** What more must hold. */
  readonly check?: (seen: Seen, where: Where) => void;
}

type Extra = Partial<Omit<Row, 'path' | 'kind' | 'type'>>;

/** What became of a content that was taken. */
export function taken(body: Bytes): string {
  return createHash('sha256').update(body).digest('hex');
}

/** A file with its content. */
export function file(kind: Row['kind'], path: Bytes, body: Bytes, more: Extra = {}): Row {
  return { kind, type: 'file', path, mode: '0644', owner: '0:0', size: Buffer.byteLength(body), content: taken(body), ...more };
}

/** Anything without content. */
export function other(kind: Row['kind'], type: Row['type'], path: Bytes, mode: string, more: Extra = {}): Row {
  return { kind, type, path, mode, owner: '0:0', ...more };
}

export function directory(kind: Row['kind'], path: Bytes, more: Extra = {}): Row {
  return other(kind, 'directory', path, '0755', more);
}

export function symlink(kind: Row['kind'], path: Bytes, target: Bytes, more: Extra = {}): Row {
  return other(kind, 'symlink', path, '0777', { target, ...more });
}

/** What the image has and the container has no more. */
export function deleted(path: Bytes, type: Row['type'], more: Extra = {}): Row {
  return { kind: 'deleted', path, type, ...more };
}

/** A shell word that stands for exactly these bytes. */
export function word(bytes: Bytes): string {
  const octal = [...Buffer.from(bytes)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `$'${octal}'`;
}
