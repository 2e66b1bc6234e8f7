import type { ErrorCode } from './error.js';
import { TriageError } from './error.js';

const retryableCodes: ReadonlySet<ErrorCode> = new Set([
  'cluster-unreachable',
  'intel-quota',
  'intel-unavailable',
  'node-unreachable',
  'path-race',
  'redis-unavailable',
  'timeout',
  'transfer-truncated',
]);

/** Says whether another attempt at the same act may succeed. Unknown errors are not retried: they are bugs, and are recorded as such. */
export function isRetryable(error: unknown): boolean {
  return error instanceof TriageError && retryableCodes.has(error.code);
}
