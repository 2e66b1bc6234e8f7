import { isTold } from '../../playbooks/delivery/endpoints.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { NewDelivery } from '../../store/deliveries.js';
import { milestonesOfRun } from './deliver-event.js';
import type { RunnerDeps } from './deps.js';

/** How many runs, and how many deliveries, one pass of the reconciler looks after. */
const maxPerPass = 200;
/** A delivery whose time has come so long ago, in milliseconds, has lost its job. */
const lostMs = 15_000;

/** Has the endpoints of a run told of what it has reached. What fails here is done by the reconciler. */
export async function tellMilestones(deps: RunnerDeps, run: string): Promise<void> {
  try {
    await openDue(deps, run);
  } catch (err) {
    deps.logger.warn({ err, run }, 'the milestones of a run could not be told; the reconciler will do it');
  }
}

/** Looks after runs that somebody is to be told of, and deliveries whose jobs were lost. */
export async function lookAfterDeliveries(deps: RunnerDeps): Promise<void> {
  if (deps.ports.endpoints === undefined) return;
  const { deliveries, clock, timings, logger } = deps;
  const now = clock().getTime();
  for (const run of await deliveries.telling(now, maxPerPass)) {
    // First, so that a run that cannot be looked after does not hold up the others.
    await deliveries.lookAgain(run, now + timings.tellCheckMs);
    await lookAfter(deps, run).catch((err: unknown) => logger.error({ err, run }, 'the milestones of a run could not be told'));
  }
  for (const id of await deliveries.due(now - lostMs, maxPerPass)) await deliveries.queue(id);
}

/** Read before the milestones: what comes later has put the run back, or has yet to be read. */
async function lookAfter(deps: RunnerDeps, run: string): Promise<void> {
  const isOver = !(await deps.log.isOpen(run)) && !(await deps.amendments.isOpen(run));
  try {
    await openDue(deps, run);
  } catch (error) {
    if (!(error instanceof TriageError && error.code === 'custody-broken')) throw error;
    deps.alert(error, { run, what: 'a run' });
  }
  if (isOver) await deps.deliveries.forget(run);
}

async function openDue(deps: RunnerDeps, run: string): Promise<void> {
  const { endpoints } = deps.ports;
  if (endpoints === undefined) return;
  const { request } = await deps.signed.info(run);
  const names = [...new Set(request.notify ?? [])];
  if (names.length === 0) return;
  const { cluster, namespace } = request.target;
  for (const { milestone, at, amendment } of await milestonesOfRun(deps, run)) {
    for (const endpoint of names) {
      const known = endpoints.get(endpoint);
      // One that is not there (any more) is not passed over: that it could not be told is shown.
      if (known !== undefined && !isTold(known, milestone, request.target)) continue;
      const told: NewDelivery = { run, endpoint, milestone, at, cluster, namespace };
      await deps.deliveries.open(amendment === undefined ? told : { ...told, version: amendment.version });
    }
  }
}
