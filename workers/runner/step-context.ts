import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Act } from '../../playbooks/domain/custody.js';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import type { RunHistory, RunInfo, StepContext, StepLog } from '../../playbooks/ports.js';
import type { Attempt } from '../../store/run-log.js';
import type { RunnerDeps } from './deps.js';
import type { Footprints } from './footprints.js';
import { forbiddenInContainer } from './forbidden-in-container.js';
import type { StepNotes } from './outcome.js';
import { nodeOf, type StepPlan } from './plan.js';
import { recordedCluster } from './recorded-cluster.js';
import { recordedInContainer } from './recorded-in-container.js';
import { recordedNodes } from './recorded-node.js';
import { contentsOf, referringEvidence } from './referring-evidence.js';
import { answersFor } from './run-answers.js';

/** Builds what one attempt at a step may touch. */
export function stepContext(
  deps: RunnerDeps,
  plan: StepPlan,
  attempt: Attempt & { readonly number: number },
  signal: AbortSignal,
  { notes, footprints }: { readonly notes: StepNotes; readonly footprints: Footprints },
): StepContext {
  const { log, ports, clock, rules } = deps;
  const { run, step } = attempt;
  const evidence = referringEvidence(ports.evidence, deps.references, { id: run, isRun: true }, signal);
  const lost = (error: unknown): void => deps.logger.error({ err: error, run, step }, 'the outcome of a command could not be recorded');
  return {
    run: plan.info,
    attempt: attempt.number,
    signal,
    clock,
    log: stepLog(deps, run, step),
    rules,
    nerdctl: deps.nerdctl,
    ctr: deps.ctr,
    cluster: recordedCluster(ports.cluster, footprints),
    inContainer: ports.inContainer === undefined ? forbiddenInContainer : recordedInContainer(ports.inContainer, footprints, lost),
    nodes: recordedNodes(ports.nodes, footprints, () => answered(deps, plan)),
    evidence,
    moves: deps.moves,
    history: history(deps, plan.info),
    recordArtifacts: async (artifacts: readonly Artifact[]) => {
      await footprints.durable();
      await evidence.refer(contentsOf(artifacts));
      await log.recordArtifacts(attempt, artifacts);
      for (const { known, left, size } of artifacts) deps.metrics.acquired(left === true ? 'left' : known ? 'known' : 'moved', size);
    },
    recordLookups: (lookups: readonly Lookup[]) => footprints.durable().then(() => log.recordLookups(attempt, lookups)),
    replaceLookups: (lookups: readonly Lookup[]) => footprints.durable().then(() => log.replaceLookups(attempt, lookups)),
    answers: (wanted) => answersFor(deps, plan.info, step, wanted),
    uploadPolicy: deps.uploadPolicy,
    uploaded: (files) => deps.uploads.outcomes(run, files),
    record: (act: Act) => footprints.durable().then(() => log.record(run, [act])),
    gap: (gap) => notes.gap(gap),
    limit: (limit) => notes.limit(limit),
  };
}

function answered({ away }: RunnerDeps, plan: StepPlan): void {
  const node = nodeOf(plan);
  if (node !== undefined) away.answered(node);
}

/** What the run has written down, in the playbook's order, as custody has signed it. Methods throw `custody-broken`. */
export function history({ signed, playbooks }: RunnerDeps, info: RunInfo): RunHistory {
  return {
    async steps() {
      const records = await signed.records(info.id);
      const names = playbooks.get(info.playbook.name)?.steps.map(({ step }) => step.name) ?? [...records.keys()];
      return names.map((name) => {
        const record = records.get(name);
        return record === undefined ? { name } : { name, record };
      });
    },
    artifacts: () => signed.artifacts(info.id),
    lookups: () => signed.lookups(info.id),
    custody: () => signed.head(info.id),
    acts: () => signed.chain(info.id),
  };
}

/** The step's log lines, with run and step. */
export function stepLog({ logger }: RunnerDeps, run: string, step: string): StepLog {
  const child = logger.child({ run, step });
  return {
    info: (detail, message) => child.info(detail, message),
    warn: (detail, message) => child.warn(detail, message),
  };
}
