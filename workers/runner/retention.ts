import { TriageError } from '../../playbooks/domain/error.js';
import type { RunRequest } from '../../playbooks/domain/request.js';
import type { RunnerDeps } from './deps.js';

const dayMs = 86_400_000;
/** Runs that one pass looks at. */
const maxRunsPerPass = 50;
/** When to look again at a run whose evidence could not be destroyed, in milliseconds. */
const againMs = 3_600_000;

/** How long the evidence of a run is kept once it is sealed, in milliseconds, where its request says it. */
export function retainMsOf({ options }: Pick<RunRequest, 'options'>): number | undefined {
  return options.retentionDays === undefined ? undefined : options.retentionDays * dayMs;
}

/** Destroys the evidence of runs whose time is over; those that are held are not among them. */
export async function destroyOverdue(deps: RunnerDeps): Promise<void> {
  const { retention, logger, clock } = deps;
  for (const run of await retention.due(clock().getTime(), maxRunsPerPass)) {
    try {
      await destroyIfOver(deps, run);
    } catch (err) {
      const isConflict = err instanceof TriageError && err.code === 'conflict';
      if (!isConflict) logger.error({ err, run }, 'the evidence of a run whose time is over could not be destroyed');
      // So that it does not stand in the way of others.
      await retention.lookAgain(run, clock().getTime() + againMs);
    }
  }
}

/**
 * What Redis says of a run's time is not signed: its evidence is kept for as long as the signed request and this installation say, from
 * the signed time when it was opened. A retention that is raised later holds for runs that were sealed before, too.
 */
async function destroyIfOver({ retention, life, signed, clock, logger, actor, retainMs }: RunnerDeps, run: string): Promise<void> {
  const { createdAt, request } = await signed.info(run);
  const least = Date.parse(createdAt) + (retainMsOf(request) ?? retainMs);
  if (least > clock().getTime()) {
    await retention.prolong(run, least);
    return;
  }
  await life.destroy(run, actor, 'retention');
  logger.info({ run }, 'the evidence of a run was destroyed: its time is over');
}
