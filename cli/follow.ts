import { setTimeout as sleep } from 'node:timers/promises';
import { TriageError } from '../playbooks/domain/error.js';
import { endStates } from '../playbooks/domain/run.js';
import type { Run } from './api-types.js';
import type { ApiClient, Watched } from './client.js';
import type { Display, Notes } from './ui/display.js';
import { factText } from './ui/fact-text.js';

/** How long the service may be away before the command gives up; the run itself goes on. */
const patienceMs = 120_000;
const retryMs = 1_000;

/**
 * Shows a run until it has ended or the signal is aborted, and returns it as last seen. A service that restarts is waited for.
 * Throws what the API answers when that is no passing trouble.
 */
export async function follow(client: ApiClient, opened: Run, display: Display, signal: AbortSignal): Promise<Run> {
  let run = opened;
  let tag: string | undefined;
  const notes = new Map<string, string>();
  for (;;) {
    display.show(run, notes);
    if (endStates.has(run.state) || signal.aborted) return run;
    const watched = await watchPatiently(client, run.id, tag, display, signal);
    if (watched === undefined) return run;
    run = watched.run ?? run;
    tag = watched.tag;
    await annotate(client, run, notes);
  }
}

async function watchPatiently(
  client: ApiClient,
  run: string,
  tag: string | undefined,
  display: Display,
  signal: AbortSignal,
): Promise<Watched | undefined> {
  const giveUp = Date.now() + patienceMs;
  for (let tries = 0; ; tries++) {
    try {
      return await client.watch(run, tag, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!passes(error) || Date.now() > giveUp) throw error;
      if (tries === 0) display.say('the service does not answer; the run goes on, trying again');
    }
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
  }
}

function passes(error: unknown): boolean {
  return error instanceof TriageError && (error.code === 'redis-unavailable' || error.code === 'timeout');
}

/** Fetches what newly succeeded steps have found out. Notes are a courtesy: without them the run is shown all the same. */
async function annotate(client: ApiClient, run: Run, notes: Map<string, string>): Promise<Notes> {
  if (run.steps.every(({ name, state }) => state !== 'succeeded' || notes.has(name))) return notes;
  try {
    for (const [name, facts] of await client.facts(run.id)) notes.set(name, factText(facts));
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
  }
  return notes;
}
