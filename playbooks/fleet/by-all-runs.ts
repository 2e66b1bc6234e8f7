import type { FleetPod } from './compare.js';

/** What one run of a pod has come to. */
export interface ExaminedRun extends Omit<FleetPod, 'number' | 'target'> {
  /** Why it says nothing is told whatever later runs have: it cannot be believed, or its evidence was destroyed. */
  readonly isTold?: boolean;
}

/** The worst first: they stand, whatever a later run has found. */
const badVerdicts = ['malicious', 'suspicious'] as const;

/**
 * What is known of a pod by all of its runs. What one of them took counts, whatever the next ones could take: by the time of a retry a pod may have
 * cleaned up, or be out of reach. Where the pod stands is what its newest run has come to.
 * @param newest the newest run
 * @param before those before it
 */
export function byAllRuns(newest: ExaminedRun, before: readonly ExaminedRun[]): Omit<FleetPod, 'number' | 'target'> {
  const { state, run } = newest;
  const all = [newest, ...before];
  const files = all.flatMap((each) => each.files);
  const verdict = badVerdicts.find((bad) => all.some((each) => each.verdict === bad)) ?? all.find((each) => each.verdict !== undefined)?.verdict;
  const unknown = newest.unknown ?? before.find(({ isTold }) => isTold === true)?.unknown;
  return {
    state,
    files,
    ...(run === undefined ? {} : { run }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(unknown === undefined ? {} : { unknown: { ...unknown, what: files.length > 0 ? 'partial' : unknown.what } }),
  };
}
