/**
 * Every way in which podtriage can fail, as a closed list. Adapters translate what went wrong to one of these
 * exactly once; `retry.ts` says which are worth another attempt and `api/error.ts` maps them to HTTP.
 */
export const errorCodes = [
  'address-refused',
  'batch-too-large',
  'cancelled',
  'cluster-forbidden',
  'cluster-unreachable',
  'command-failed',
  'config-invalid',
  'conflict',
  'container-not-found',
  'container-not-running',
  'custody-broken',
  'delivery-failed',
  'digest-mismatch',
  'endpoint-unknown',
  'evidence-destroyed',
  'forbidden',
  'host-key-mismatch',
  'idempotency-mismatch',
  'intel-invalid-answer',
  'intel-quota',
  'intel-unauthorized',
  'intel-unavailable',
  'internal',
  'invalid-request',
  'issuer-unavailable',
  'limit-exceeded',
  'method-forbidden',
  'node-auth-failed',
  'node-unknown',
  'node-unreachable',
  'not-found',
  'not-scheduled',
  'path-race',
  'permission-denied',
  'playbook-invalid',
  'playbook-unknown',
  'pod-gone',
  'pod-not-found',
  'rate-limited',
  'redis-unavailable',
  'runtime-unsupported',
  'shell-unsupported',
  'stale-attempt',
  'step-unknown',
  'store-corrupt',
  'store-full',
  'store-unwritable',
  'timeout',
  'tool-missing',
  'transfer-truncated',
  'uid-mismatch',
  'unauthorized',
  'unknown-cluster',
  'unsupported-snapshotter',
  'worker-lost',
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** The only error type that crosses a module border. The message says what failed, on what, and what to do. */
export class TriageError extends Error {
  override readonly name = 'TriageError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Returns `error` when it is a TriageError, else wraps it as `code` with the message given and keeps it as `cause`. */
export function asTriageError(error: unknown, code: ErrorCode = 'internal', message?: string): TriageError {
  if (error instanceof TriageError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new TriageError(code, message === undefined ? text : `${message}: ${text}`, { cause: error });
}

/** Why a signal was aborted, as a TriageError: its own reason if it is one, else `cancelled`. */
export function abortReason(signal: AbortSignal): TriageError {
  if (signal.reason instanceof TriageError) return signal.reason;
  return new TriageError('cancelled', `stopped: ${String(signal.reason)}`, { cause: signal.reason });
}

/** Throws `cancelled` or `timeout` when the signal has been aborted; the first reason wins. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}
