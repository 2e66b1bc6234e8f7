import { TriageError } from '../domain/error.js';
import type { NodeSession } from '../ports.js';
import { askAboutNames } from './listed-names.js';
import { roomFor, splitNul, withoutDot } from './node-command.js';

/** The time one group of files may take to hash: big files on a slow disk. */
const hashTimeoutMs = 15 * 60_000;

/**
 * Takes the sha256 of files on the node itself, before anything is moved. Files that could not be read are not in the answer.
 * @returns hex by path, as latin1 of the raw bytes
 */
export async function hashOnNode(
  session: NodeSession,
  root: string,
  paths: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  if (paths.length === 0) return new Map();
  const bounds = { timeoutMs: hashTimeoutMs, maxBytes: roomFor(paths, 100) };
  const stdout = await askAboutNames(session, 'hash-files', root, ['sha256sum', '-z', '--'], paths, bounds, signal);
  return parseSums(stdout);
}

/** Parses `sha256sum -z`: names are not escaped, records end with NUL. Throws `transfer-truncated` or `command-failed`. */
export function parseSums(stdout: Buffer): Map<string, string> {
  const sums = new Map<string, string>();
  for (const record of splitNul(stdout, 'sha256sum')) {
    const match = /^([0-9a-f]{64}) [ *]/.exec(record.subarray(0, 66).toString('latin1'));
    if (match?.[1] === undefined) throw new TriageError('command-failed', 'sha256sum: a record has not the form that was asked for');
    sums.set(withoutDot(record.subarray(66)).toString('latin1'), match[1]);
  }
  return sums;
}
