import { afterMs } from '../../playbooks/domain/abort.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { StepContext } from '../../playbooks/ports.js';
import type { RunnerDeps } from './deps.js';
import type { StepPlan } from './plan.js';
import { history, stepLog } from './step-context.js';

/**
 * Finds out which hashes a step will ask about, without beginning it: runs it on a context that ends at the first
 * answers that are missing, and at the first thing that the step would do or record. So nothing is written while a run waits.
 */
export async function missingAnswers(deps: RunnerDeps, plan: StepPlan, signal: AbortSignal): Promise<readonly string[]> {
  let missing: readonly string[] = [];
  const context = probeContext(deps, plan, signal, async (wanted) => {
    const hashes = wanted.map(({ sha256 }) => sha256);
    const answers = await deps.desk.answers(hashes);
    const open = [...new Set(hashes)].filter((sha256) => !answers.has(sha256));
    if (open.length === 0) return answers;
    if (missing.length === 0) missing = open;
    return ends();
  });
  // However the probe ends, the attempt itself will tell; only the hashes matter here.
  await plan.step.run(plan.board, context).catch(() => undefined);
  return missing;
}

function ends(): Promise<never> {
  return Promise.reject(new TriageError('cancelled', 'a probe goes no further'));
}

function probeContext(deps: RunnerDeps, { info, step }: StepPlan, signal: AbortSignal, answers: StepContext['answers']): StepContext {
  const silent = { info: () => undefined, warn: () => undefined };
  return {
    run: info,
    attempt: 0,
    signal: AbortSignal.any([signal, afterMs(step.step.timeoutMs)]),
    clock: deps.clock,
    log: deps.logger.isLevelEnabled('trace') ? stepLog(deps, info.id, step.step.name) : silent,
    rules: deps.rules,
    nerdctl: deps.nerdctl,
    ctr: deps.ctr,
    cluster: { pod: ends, node: ends, events: ends, log: ends },
    inContainer: { archive: ends },
    nodes: { connect: ends },
    evidence: { has: (sha256) => deps.ports.evidence.has(sha256), open: (sha256) => deps.ports.evidence.open(sha256), put: ends, stage: ends },
    history: history(deps, info),
    recordArtifacts: ends,
    recordLookups: ends,
    answers,
    record: ends,
    gap: () => undefined,
    limit: () => undefined,
  };
}
