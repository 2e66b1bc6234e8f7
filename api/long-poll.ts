import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { endStates } from '../playbooks/domain/run.js';
import type { RunReader, RunView } from '../store/run-view.js';
import { runBody } from './run-body.js';

/** The weak entity tag of a run as it is answered. */
export function runTag(view: RunView): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(runBody(view)))
    .digest('base64url');
  return `W/"${digest.slice(0, 27)}"`;
}

/**
 * Waits until the run differs from what the caller knows, has ended, or `ms` are over, and returns it as it is then. A run that has ended is
 * only waited for by who knows it as it is, and while answers may still amend its report.
 * @param known the tag that the caller has; without it, the run as it is now
 */
export async function awaitChange(
  runs: RunReader,
  run: string,
  known: string | undefined,
  ms: number,
  signal: AbortSignal,
): Promise<RunView | undefined> {
  const deadline = Date.now() + ms;
  let base = known;
  for (;;) {
    const left = deadline - Date.now();
    const listener = new AbortController();
    const stop = (): void => listener.abort();
    signal.addEventListener('abort', stop);
    // Listen first, then look: a change in between is not missed.
    const change = left > 0 ? settled(runs.changed(run, left, listener.signal)) : undefined;
    try {
      const view = await runs.get(run);
      if (view === undefined || isOver(view, known) || change === undefined || signal.aborted) return view;
      const tag = runTag(view);
      base ??= tag;
      if (tag !== base) return view;
      const failure = await change;
      if (failure !== undefined && !listener.signal.aborted) throw failure.error;
    } finally {
      signal.removeEventListener('abort', stop);
      listener.abort();
    }
  }
}

function isOver(view: RunView, known: string | undefined): boolean {
  return endStates.has(view.state) && (known === undefined || view.pendingLookups === undefined);
}

async function settled(work: Promise<void>): Promise<{ error: unknown } | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** Aborted when the caller has gone or the API is about to stop. */
export function patience(req: Request, res: Response): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  req.app.once('closing', stop);
  res.once('close', () => {
    req.app.off('closing', stop);
    stop();
  });
  return controller.signal;
}
