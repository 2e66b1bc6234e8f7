import { afterMs } from '../../playbooks/domain/abort.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import type { IntelPort } from '../../playbooks/ports.js';
import type { Grant, Refusal } from '../../store/quota.js';
import type { RunnerDeps } from './deps.js';
import { askQuota } from './quota-sync.js';

/** One request that may wait for its quota without holding anything. */
export interface QuotaRequest {
  readonly deps: RunnerDeps;
  readonly intel: IntelPort;
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  /** Only with this key. Default any. */
  readonly key?: string;
  /** Default the time limit of lookups. */
  readonly timeoutMs?: number;
}

/** What a request has come to. `later`: none was sent that counts; `at` in ms since the epoch. */
export type Asked<T> =
  | { readonly what: 'got'; readonly got: T; readonly key: string }
  | { readonly what: 'later'; readonly at: number }
  | { readonly what: 'failed'; readonly error: TriageError };

/**
 * Sends one request if the ledger grants it. That a source refuses an upload says nothing of its other uses: the ledger is not closed by it.
 * @throws the signal's reason, and `redis-unavailable`
 */
export async function askUnderQuota<T>(request: QuotaRequest, act: (signal: AbortSignal, key: string) => Promise<T>): Promise<Asked<T>> {
  const { deps, intel } = request;
  const grant = await reserve(request);
  if (grant === undefined) return failedFor('the key that the file was sent with is not in PODTRIAGE_VT_KEY_FILE any more');
  if (!grant.granted) {
    if (grant.why === 'unauthorized') return failedFor((await deps.quota.refusal()) ?? 'the intelligence source does not accept the key');
    return later(deps, Math.max(grant.waitMs, deps.timings.parkMs));
  }
  if (!grant.ask || intel.quota === undefined) return send(request, grant, act);
  await askQuota(deps, intel, grant, request.signal);
  return later(deps, deps.timings.parkMs);
}

async function reserve({ deps, interactive, key }: QuotaRequest): Promise<Grant | Refusal | undefined> {
  if (key === undefined) return deps.quota.reserve(interactive);
  return deps.quota.all.some((ledger) => ledger.key === key) ? deps.quota.of(key).reserve(interactive) : undefined;
}

async function send<T>(request: QuotaRequest, { key }: Grant, act: (signal: AbortSignal, key: string) => Promise<T>): Promise<Asked<T>> {
  const { deps, signal } = request;
  const ledger = deps.quota.of(key);
  const timeout = afterMs(request.timeoutMs ?? deps.timings.lookupTimeoutMs);
  try {
    const got = await act(AbortSignal.any([signal, timeout]), key);
    await ledger.answered();
    return { what: 'got', got, key };
  } catch (raw) {
    const error = asTriageError(raw, timeout.aborted ? 'timeout' : 'internal');
    if (error.code === 'intel-quota' && !signal.aborted) return later(deps, await ledger.block());
    await ledger.tried();
    if (signal.aborted) throw raw;
    return { what: 'failed', error };
  }
}

function later({ clock }: RunnerDeps, ms: number): { readonly what: 'later'; readonly at: number } {
  return { what: 'later', at: clock().getTime() + ms };
}

function failedFor(message: string): { readonly what: 'failed'; readonly error: TriageError } {
  return { what: 'failed', error: new TriageError('intel-unauthorized', message) };
}
