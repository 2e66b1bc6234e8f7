import type { EvidencePort } from '../ports.js';
import type { FileToMove, Moved } from './transfer.js';
import type { Walk } from './walk-tree.js';

/** Where moved files go. */
export interface Destination {
  readonly evidence: EvidencePort;
  /** When false, a file whose content is not the one that the node hashed is kept all the same, and is `stored` under the hash it has. */
  readonly strict: boolean;
}

/**
 * One directory tree of the suspect and the one way in which it is read safely. Paths are raw bytes relative to the tree, keys are their
 * latin1. Whatever the suspect does meanwhile, nothing outside of the tree is ever listed, hashed or moved.
 */
export interface TreeReader {
  /** What it is, safe to print. */
  readonly name: string;
  /** All entries, up to `most`. */
  walk(most: number, signal: AbortSignal): Promise<Walk>;
  /** The node's own sha256 of each file; those that could not be read are not in the answer. */
  hash(paths: readonly Uint8Array[], signal: AbortSignal): Promise<Map<string, string>>;
  /** What became of each file that came. */
  move(files: readonly FileToMove[], to: Destination, signal: AbortSignal): Promise<Map<string, Moved>>;
}
