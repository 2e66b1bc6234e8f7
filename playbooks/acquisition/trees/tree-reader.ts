import type { Artifact } from '../../domain/artifact.js';
import type { EvidencePort, StoredEvidence } from '../../ports.js';
import type { Walk } from '../node/walk-tree.js';

/** Where moved files go. */
export interface Destination {
  readonly evidence: EvidencePort;
  /** When false, a file whose content is not the one that the node hashed is kept all the same, and is `stored` under the hash it has. */
  readonly strict: boolean;
  /** Called when all has come from the node: what is left to wait for is the store. */
  readonly arrived?: (() => void) | undefined;
}

/** What a file is known by in answers: latin1 of its path's bytes. */
export function keyOf({ path }: { readonly path: Uint8Array }): string {
  return Buffer.from(path).toString('latin1');
}

/** A file to hash, and the size that the listing gave it: what has grown far beyond is not read to its end. */
export interface FileToHash {
  readonly path: Uint8Array;
  readonly size: number;
}

/**
 * What the node says of one file. `hashed`: its sha256, and what the file was when it was read; `steady` is false when it changed meanwhile.
 * `too-large`: it has grown far beyond what was listed, and was not read.
 * `unsure`: it changed in a way that leaves open whose bytes were hashed. `path-race`: what is above it changed, so that a name may have led
 * anywhere; nothing of what was read may be used. `path-too-long`: no name reaches it.
 */
export type Hashed =
  | {
      readonly outcome: 'hashed';
      readonly sha256: string;
      readonly steady: boolean;
      readonly size: number;
      readonly identity: NonNullable<Artifact['identity']>;
    }
  | { readonly outcome: 'too-large'; readonly size: number }
  | { readonly outcome: 'not-a-file' | 'unsure' | 'path-race' | 'path-too-long' };

/** A file to move, with the hash that the node took before, if it did. */
export interface FileToMove {
  readonly path: Uint8Array;
  readonly sha256?: string | undefined;
  readonly size: number;
}

/**
 * What became of one file: stored, or stored under another hash than the node's as it changed meanwhile, or refused. `cut`: the archive had to
 * be ended before it came, as another file had grown far beyond what was listed. `path-race`: it may have been another file; it was thrown away.
 */
export type Moved =
  | { readonly outcome: 'stored'; readonly evidence: StoredEvidence }
  | { readonly outcome: 'differs' | 'not-a-file' | 'path-race' | 'path-too-long' | 'cut' };

/**
 * One directory tree of the suspect and the one way in which it is read safely. Paths are raw bytes relative to the tree, keys are their
 * latin1. Whatever the suspect does meanwhile, nothing outside of the tree is ever listed, hashed or moved.
 */
export interface TreeReader {
  /** What it is, safe to print. */
  readonly name: string;
  /** All entries, up to `most`. */
  walk(most: number, signal: AbortSignal): Promise<Walk>;
  /** What the node says of each file; those that are gone or cannot be read are not in the answer. */
  hash(files: readonly FileToHash[], signal: AbortSignal): Promise<Map<string, Hashed>>;
  /** What became of each file that came. A file without a hash of the node's is taken as it comes. */
  move(files: readonly FileToMove[], to: Destination, signal: AbortSignal): Promise<Map<string, Moved>>;
  /** The first bytes of files of at least so many. Absent, or an empty answer: it cannot be told, so all files are moved. */
  heads?(paths: readonly Uint8Array[], bytes: number, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>>;
}
