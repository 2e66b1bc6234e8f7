import type { ErrorCode } from './error.js';
import { TriageError } from './error.js';

/** What is away and comes back by itself: a node, an API server or a Redis that starts anew. */
const awayCodes: ReadonlySet<ErrorCode> = new Set(['cluster-unreachable', 'node-unreachable', 'redis-unavailable']);

const retryableCodes: ReadonlySet<ErrorCode> = new Set([
  ...awayCodes,
  'intel-quota',
  'intel-unavailable',
  'path-race',
  'timeout',
  'transfer-truncated',
]);

/**
 * Attempts of a step that asks a node or an API server. With the delays between them (2 s, twice as long each time, by chance up to half less) who is away
 * for half a minute, as an sshd or a kubelet that is restarted, costs a run nothing.
 */
export const patientAttempts = 6;
/** Attempts at what goes wrong with who answers: a suspect who makes each of them time out shall not hold us up for longer. */
const otherAttempts = 4;

/** Says whether another attempt at the same act may succeed. Unknown errors are not retried: they are bugs, and are recorded as such. */
export function isRetryable(error: unknown): boolean {
  return error instanceof TriageError && isPassing(error.code);
}

/** Says whether what failed with this code may succeed another time. */
export function isPassing(code: ErrorCode): boolean {
  return retryableCodes.has(code);
}

/**
 * Says whether a step is tried again.
 * @param attempt number of the attempt that failed so, from 1
 * @param most attempts that the step has
 */
export function isTriedAgain(error: TriageError, attempt: number, most: number): boolean {
  return isPassing(error.code) && attempt < (awayCodes.has(error.code) ? most : Math.min(most, otherAttempts));
}
