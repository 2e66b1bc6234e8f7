import { setTimeout as sleep } from 'node:timers/promises';
import { TriageError } from '../../playbooks/domain/error.js';
import type { LookupState } from '../api-types.js';
import type { ApiClient } from '../client.js';
import { exitCodeOfLookup, exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { answerLines, etaText } from '../ui/answer-text.js';
import { hasMoved } from '../ui/time-text.js';

/** How `podtriage lookup` waits and prints. */
export interface LookupOptions {
  /** Minutes to wait for an answer; false: not at all. */
  readonly wait: number | false;
  readonly json?: boolean;
}

/** Between two looks, in milliseconds: at the time that the desk expects the answer, but not busily and not blindly. */
const minPauseMs = 1_000;
const maxPauseMs = 10_000;

/** `podtriage lookup SHA256`: asks at the lookup desk of the service, waits, prints the answer. */
export async function lookup(io: Io, client: ApiClient, sha256: string, { wait, json }: LookupOptions): Promise<number> {
  const stop = new AbortController();
  const off = io.onStop(() => stop.abort());
  try {
    const first = await client.askLookup(sha256);
    const view = wait === false ? first : await answered(io, client, sha256, first, { until: Date.now() + wait * 60_000, signal: stop.signal });
    io.out(json === true ? `${safeJson({ sha256, ...view })}\n` : `${answerLines(sha256, view, Date.now()).join('\n')}\n`);
    return stop.signal.aborted && view.state === 'waiting' ? exitCodes.interrupted : exitCodeOfLookup(view);
  } finally {
    off();
  }
}

interface Patience {
  /** In milliseconds since 1970. */
  readonly until: number;
  readonly signal: AbortSignal;
}

async function answered(io: Io, client: ApiClient, sha256: string, first: LookupState, { until, signal }: Patience): Promise<LookupState> {
  let view = first;
  let said: LookupState | undefined;
  while (view.state === 'waiting' && Date.now() < until && !signal.aborted) {
    if (said?.state !== 'waiting' || hasMoved(said.eta, view.eta)) {
      io.err(`waits for its answer, ${etaText(view.eta, Date.now())}; Ctrl-C leaves, and the hash stays in line\n`);
      said = view;
    }
    await sleep(pauseOf(view.eta, until), undefined, { signal }).catch(() => undefined);
    view = (await look(client, sha256)) ?? view;
  }
  return view;
}

function pauseOf(eta: string | undefined, until: number): number {
  const now = Date.now();
  const expected = eta === undefined ? maxPauseMs / 2 : Date.parse(eta) - now;
  return Math.max(0, Math.min(Math.max(expected, minPauseMs), maxPauseMs, until - now));
}

/** The desk's view, or undefined while the service is away. A question that the desk has lost is asked again. */
async function look(client: ApiClient, sha256: string): Promise<LookupState | undefined> {
  try {
    return await client.lookup(sha256);
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
    if (error.code === 'not-found') return client.askLookup(sha256);
    if (error.code === 'redis-unavailable' || error.code === 'timeout') return undefined;
    throw error;
  }
}
