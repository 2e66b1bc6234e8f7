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
 * Attempts of a step that asks a node or an API server. The delays between them (2 s, twice as long each time, by chance up to half less) are 31 to 62 s in
 * all, so that who is away for half a minute, as an sshd that is restarted, costs a run nothing.
 */
export const patientAttempts = 6;
/** Attempts at what goes wrong with who answers: each can take all the time that the step has. */
const otherAttempts = 4;

/** Says whether another attempt at the same act may succeed. Unknown errors are not retried: they are bugs, and are recorded as such. */
export function isRetryable(error: unknown): boolean {
  return error instanceof TriageError && mayPass(error.code);
}

/** Says whether what failed with this code may succeed another time. */
function mayPass(code: ErrorCode): boolean {
  return retryableCodes.has(code);
}

/** What is wrong with our own side, and is mended by who looks after it. */
const oursCodes: ReadonlySet<ErrorCode> = new Set(['store-full', 'store-unwritable', 'worker-lost']);

/** Says whether another run, later, may have what one that failed with this code could not. */
export function mayBeHadLater(code: ErrorCode): boolean {
  return mayPass(code) || oursCodes.has(code);
}

/**
 * Says whether a step is tried again.
 * @param attempt number of the attempt that failed so, from 1
 * @param most attempts that the step has
 */
export function isTriedAgain(error: TriageError, attempt: number, most: number): boolean {
  return mayPass(error.code) && attempt < (awayCodes.has(error.code) ? most : Math.min(most, otherAttempts));
}
