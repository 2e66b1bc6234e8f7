import type { Run } from './api-types.js';

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
