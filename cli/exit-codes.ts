import type { LookupState, Run } from './api-types.js';

/** What the exit status says. `interrupted` is what shells use for Ctrl-C. */
export const exitCodes = { ok: 0, error: 1, found: 2, inconclusive: 3, interrupted: 130 } as const;

/** The exit status of a run that has ended: only a judged one can be anything but an error. */
export function exitCodeOf(run: Pick<Run, 'state' | 'verdict'>): number {
  if (run.state !== 'completed') return exitCodes.error;
  switch (run.verdict) {
    case 'malicious':
    case 'suspicious':
      return exitCodes.found;
    case 'inconclusive':
      return exitCodes.inconclusive;
    case 'no-findings':
      return exitCodes.ok;
    case undefined:
      return exitCodes.error;
  }
}

/** The exit status of one hash: a warning, nothing known, or an answer without a warning, which is no proof of anything. */
export function exitCodeOfLookup(view: LookupState): number {
  if (view.state === 'waiting') return exitCodes.inconclusive;
  switch (view.lookup.status) {
    case 'detected':
    case 'suspicious':
    case 'known-bad':
      return exitCodes.found;
    case 'undetected':
    case 'known-good':
      return exitCodes.ok;
    case 'unknown':
    case 'pending':
    case 'not-asked':
      return exitCodes.inconclusive;
    case 'error':
      return exitCodes.error;
  }
}
