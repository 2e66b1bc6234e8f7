import { readListing } from '../../playbooks/acquisition/ndjson.js';
import type { Amendment } from '../../playbooks/domain/amendment.js';
import { type Lookup, lookupSchema } from '../../playbooks/domain/lookup.js';
import { boardOf } from '../../playbooks/step.js';
import { isBadNews } from '../../store/amendments.js';
import { jobId } from '../../store/queues.js';
import type { RunnerDeps } from './deps.js';
import { seenAnswers } from './run-answers.js';

/** How many runs one pass of the reconciler looks after. */
const maxRunsPerPass = 200;

/** The lookups of a run as its newest report has them, from the signed listing, and the amendment that made that report. */
export async function listedLookups(
  { signed, ports }: RunnerDeps,
  run: string,
): Promise<{ readonly lookups: readonly Lookup[]; readonly amendment?: Amendment }> {
  const amendment = await signed.amendment(run);
  const records = await signed.records(run);
  const listing = amendment?.lookups ?? boardOf(Array.from(records.values(), ({ facts }) => facts)).lookups?.sha256;
  const lookups = listing === undefined ? [] : await readListing(ports.evidence, listing, lookupSchema);
  return amendment === undefined ? { lookups } : { lookups, amendment };
}

export function isPending({ status }: Pick<Lookup, 'status'>): boolean {
  return status === 'pending';
}

/** Looks after a run that has just been sealed or amended. What fails here is done by the reconciler. */
export async function lookAfterRun(deps: RunnerDeps, run: string): Promise<void> {
  const { amendments, logger } = deps;
  try {
    const pending = (await amendments.isOpen(run)) ? await pendingOf(deps, run) : [];
    if (pending.length === 0) {
      await amendments.forget(run);
      return;
    }
    const left = new Set(pending);
    await amendments.unwatch(
      run,
      (await amendments.watched(run)).filter((sha256) => !left.has(sha256)),
    );
    await lookAfter(deps, run, pending);
  } catch (err) {
    logger.warn({ err, run }, 'a sealed run could not be looked after; the reconciler will do it');
  }
}

/** Looks after sealed runs whose answers are still to come: wakes that were lost, lookups that fell out of the queue. */
export async function lookAfterAmendments(deps: RunnerDeps): Promise<void> {
  const { amendments, clock, timings } = deps;
  for (const run of await amendments.due(clock().getTime(), maxRunsPerPass)) {
    // First, so that a run that cannot be looked after does not hold up the others.
    await amendments.lookAgain(run, clock().getTime() + timings.amendCheckMs);
    const watched = await amendments.watched(run);
    if (watched.length === 0) await lookAfterRun(deps, run);
    else await lookAfter(deps, run, watched).catch((err: unknown) => deps.logger.error({ err, run }, 'a sealed run could not be looked after'));
  }
}

async function pendingOf(deps: RunnerDeps, run: string): Promise<readonly string[]> {
  return (await listedLookups(deps, run)).lookups.filter(isPending).map(({ sha256 }) => sha256);
}

async function lookAfter(deps: RunnerDeps, run: string, pending: readonly string[]): Promise<void> {
  const { amendments } = deps;
  await amendments.watch(run, pending);
  const answers = await seenAnswers(deps, run, pending);
  await askAgain(
    deps,
    run,
    pending.filter((sha256) => !answers.has(sha256)),
  );
  if (answers.size > 0) await amendments.schedule(run, [...answers.values()].some(isBadNews));
}

/** Those that wait already are left as they are. */
async function askAgain({ desk, ports, signed }: RunnerDeps, run: string, hashes: readonly string[]): Promise<void> {
  if (ports.intel === undefined || hashes.length === 0) return;
  const { request } = await signed.info(run);
  const wanted = hashes.map((sha256) => ({ sha256, rank: 3 as const }));
  await desk.ask(jobId(run, 'amend'), wanted, request.options.priority);
}
