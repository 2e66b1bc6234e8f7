import { afterMs } from '../../playbooks/domain/abort.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { UploadFile } from '../../playbooks/domain/upload.js';
import type { StepContext } from '../../playbooks/ports.js';
import type { RunnerDeps } from './deps.js';
import type { StepPlan } from './plan.js';
import { answersFor } from './run-answers.js';
import { history, stepLog } from './step-context.js';

/**
 * Finds out which hashes a step may ask about, without beginning it: runs it on a context that ends where it asks, and at the first thing
 * that the step would do or record. So nothing is written while a run waits, but what it may ask about.
 */
export async function probeLookups(deps: RunnerDeps, plan: StepPlan, signal: AbortSignal): Promise<void> {
  const answers: StepContext['answers'] = async (wanted) => {
    await answersFor(deps, plan.info, plan.step.step.name, wanted);
    return ends();
  };
  const context = probeContext(deps, plan, signal, { answers, uploaded: ends });
  // However the probe ends, the attempt itself will tell; only the hashes matter here.
  await plan.step.run(plan.board, context).catch(() => undefined);
}

/** Finds out in the same way which files a step wants to have uploaded. What it may not upload, it does not ask for. */
export async function probeUploads(deps: RunnerDeps, plan: StepPlan, signal: AbortSignal): Promise<readonly UploadFile[]> {
  let wanted: readonly UploadFile[] = [];
  const uploaded: StepContext['uploaded'] = (files) => {
    wanted = files;
    return ends();
  };
  await plan.step.run(plan.board, probeContext(deps, plan, signal, { answers: ends, uploaded })).catch(() => undefined);
  return wanted;
}

function ends(): Promise<never> {
  return Promise.reject(new TriageError('cancelled', 'a probe goes no further'));
}

type Questions = Pick<StepContext, 'answers' | 'uploaded'>;

function probeContext(deps: RunnerDeps, { info, step }: StepPlan, signal: AbortSignal, questions: Questions): StepContext {
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
    cluster: { pod: ends, node: ends, events: ends },
    inContainer: { archive: ends },
    nodes: { connect: ends },
    evidence: { has: (sha256) => deps.ports.evidence.has(sha256), open: (sha256) => deps.ports.evidence.open(sha256), put: ends, stage: ends },
    moves: { begin: ends },
    history: history(deps, info),
    recordArtifacts: ends,
    recordLookups: ends,
    replaceLookups: ends,
    uploadPolicy: deps.uploadPolicy,
    ...questions,
    record: ends,
    gap: () => undefined,
    limit: () => undefined,
  };
}
