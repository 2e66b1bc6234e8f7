import { custodyEntrySchema } from '../playbooks/domain/custody.js';
import { parseJson } from '../playbooks/domain/json.js';
import { endStates } from '../playbooks/domain/run.js';
import { defined } from '../store/run-record.js';
import type { RunReader } from '../store/run-view.js';
import { listen } from './long-poll.js';

/** How many entries are read at once. */
const chunk = 250;

/** How a stream of events is told. Times in milliseconds. */
export interface EventTimes {
  /** After so long without an event there is a comment, so that nobody between takes the connection for dead. */
  readonly heartbeatMs: number;
  /** After so long the stream ends, so that the credential is checked anew. */
  readonly lifeMs: number;
}

/**
 * The entries of a run's chain as server-sent events (WHATWG HTML, "Server-sent events"), from the place given, then those that come. Ends with the
 * event `end` once the run has ended and no answers are to come, or without it when its time is over or `signal` is aborted.
 */
export async function* runEvents(runs: RunReader, run: string, from: number, times: EventTimes, signal: AbortSignal): AsyncGenerator<string> {
  const deadline = Date.now() + times.lifeMs;
  let toldAt = Date.now();
  yield 'retry: 2000\n\n';
  for (let next = from; ; ) {
    const quietMs = Math.max(1, toldAt + times.heartbeatMs - Date.now());
    // Listen first, then look: an entry in between is not missed.
    const change = listen((over) => runs.changed(run, quietMs, over), signal);
    try {
      const view = await runs.get(run);
      for await (const line of linesFrom(runs, run, next)) {
        yield eventOf(next, line);
        next += 1;
        toldAt = Date.now();
      }
      if (view === undefined || signal.aborted || Date.now() > deadline) return;
      if (endStates.has(view.state) && view.pendingLookups === undefined) {
        yield `event: end\ndata: ${JSON.stringify({ state: view.state })}\n\n`;
        return;
      }
      if (toldAt + times.heartbeatMs <= Date.now()) {
        yield ': still here\n\n';
        toldAt = Date.now();
      }
      await change.heard();
    } finally {
      change.stop();
    }
  }
}

async function* linesFrom(runs: RunReader, run: string, from: number): AsyncGenerator<string> {
  for (let at = from; ; at += chunk) {
    const lines = await runs.custody(run, at, chunk);
    yield* lines;
    if (lines.length < chunk) return;
  }
}

/** What stands where an entry should be is told as `unreadable`: the chain is broken there, and its words are not repeated. */
function eventOf(seq: number, line: string): string {
  const entry = custodyEntrySchema.safeParse(parseJson(line));
  if (!entry.success) return `id: ${seq}\nevent: unreadable\ndata: ${JSON.stringify({ seq })}\n\n`;
  const { at, act, actor, subject } = entry.data;
  return `id: ${seq}\nevent: ${act}\ndata: ${JSON.stringify({ seq, at, act, actor, ...defined({ subject }) })}\n\n`;
}
