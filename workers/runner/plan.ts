import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import type { StepRecord } from '../../playbooks/domain/run.js';
import type { Board } from '../../playbooks/facts.js';
import type { PlaybookStep } from '../../playbooks/playbook.js';
import type { RunInfo } from '../../playbooks/ports.js';
import { boardOf } from '../../playbooks/step.js';
import type { Standing } from '../../store/signed-run.js';
import type { RunnerDeps } from './deps.js';

/** All that an attempt at a step rests on: the run's signed custody and the loaded playbook. What Redis alone says (`isThere`, `isFlagged`) is looked into. */
export interface StepPlan extends Omit<Standing, 'records'> {
  readonly step: PlaybookStep;
  readonly board: Board;
  /** Whether all other steps of the run have their outcome: then neither they nor the board change any more. */
  readonly isLast: boolean;
  /** Whether the step has its outcome already. */
  readonly isRecorded: boolean;
}

/** A plan, or why there can be none; that is then the step's outcome. */
export type Planned = StepPlan | TriageError;

/** Finds out what is to be done for a step. */
export async function planStep(deps: RunnerDeps, run: string, name: string): Promise<Planned> {
  // Asked together, as each is a way to Redis and back; looked at in this order, whichever answers first.
  const [standing, open] = [deps.signed.standing(run), deps.register.assertOpen(run)];
  await Promise.allSettled([standing, open]);
  try {
    const { info, records, ...said } = await standing;
    const isRecorded = records.has(name);
    // Whether the run has ended since then is nothing to who finds the step done.
    if (!isRecorded) await open;
    const steps = stepsOf(deps, info);
    const step = steps.find((candidate) => candidate.step.name === name);
    if (step === undefined) throw new TriageError('step-unknown', `playbook "${info.playbook.name}" has no step "${name}"`);
    const isLast = steps.every((other) => other === step || records.has(other.step.name));
    return { info, step, board: boardOfRecords(records), isLast, isRecorded, ...said };
  } catch (error) {
    const failure = asTriageError(error);
    if (failure.code === 'redis-unavailable') throw failure;
    return failure;
  }
}

/** The board as the run's signed records make it. */
export async function readBoard(deps: RunnerDeps, run: string): Promise<Board> {
  return boardOfRecords(await deps.signed.records(run));
}

function boardOfRecords(records: ReadonlyMap<string, StepRecord>): Board {
  return boardOf(Array.from(records.values(), ({ facts }) => facts));
}

function stepsOf({ playbooks }: RunnerDeps, { playbook }: RunInfo): readonly PlaybookStep[] {
  const loaded = playbooks.get(playbook.name);
  if (loaded === undefined)
    throw new TriageError('playbook-unknown', `this worker has no playbook "${playbook.name}": give API and workers the same playbooks`);
  if (loaded.sha256 !== playbook.sha256)
    throw new TriageError(
      'playbook-invalid',
      `playbook "${playbook.name}" has changed since the run was made (${playbook.sha256.slice(0, 12)}, now ${loaded.sha256.slice(0, 12)}): make a new run`,
    );
  return loaded.steps;
}

/** The node that a step asks, with its cluster; undefined for a step that asks none. */
export function nodeOf(plan: Planned): string | undefined {
  if (plan instanceof TriageError || plan.step.step.queue !== 'node' || plan.board.node === undefined) return undefined;
  return `${plan.info.request.target.cluster}:${plan.board.node.name}`;
}
