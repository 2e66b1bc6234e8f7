import { TriageError } from '../domain/error.js';
import type { NodeSession } from '../ports.js';
import { checkExit, collect, nameList, nodeCommand, roomFor, splitNul, withoutDot } from './node-command.js';
import { checkEntered, insideTree } from './safe-tree.js';

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
  const argv = insideTree(root, ['xargs', '-0', '-r', 'sha256sum', '-z', '--']);
  const command = nodeCommand('hash-files', argv, { stdin: nameList(paths), timeoutMs: hashTimeoutMs, maxBytes: roomFor(paths, 100) });
  const { stdout, outcome } = await collect(session, command, signal);
  checkEntered(outcome, root, session.node.name);
  // 123: some files could not be read; they are missing from the answer and become gaps.
  checkExit(command, session.node.name, outcome, [0, 123]);
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
