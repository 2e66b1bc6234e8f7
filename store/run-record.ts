import { z } from 'zod';
import { type Amendment, amendmentSchema } from '../playbooks/domain/amendment.js';
import { originSchema } from '../playbooks/domain/origin.js';
import { priorities, runRequestSchema } from '../playbooks/domain/request.js';
import { failureSchema, runStates, type StepRecord, stepRecordSchema, waitSchema } from '../playbooks/domain/run.js';
import { verdictLevels } from '../playbooks/domain/verdict.js';
import type { Playbook } from '../playbooks/playbook.js';
import { jsonOf } from './parsed.js';
import { destroyedSchema, heldSchema, skeletonSchema } from './run-evidence.js';
import type { RunRow, RunView, StepView } from './run-view.js';

/** The playbook that a run pins, with all that a flow needs, so that it can be added again by who does not have the playbook. */
export const pinnedPlaybookSchema = z.object({
  name: z.string(),
  title: z.string(),
  sha256: z.string(),
  steps: z
    .array(z.object({ name: z.string(), queue: z.enum(['cluster', 'node', 'intel', 'evidence']), attempts: z.int().positive() }))
    .min(1)
    .max(50),
});
export type PinnedPlaybook = z.output<typeof pinnedPlaybookSchema>;

/** What a run pins of a playbook. */
export function pinnedPlaybook({ name, title, sha256, steps }: Playbook): PinnedPlaybook {
  return { name, title, sha256, steps: steps.map(({ step }) => ({ name: step.name, queue: step.queue, attempts: step.attempts })) };
}

/** The HASH of a run. */
export const runRecordSchema = z.object({
  state: z.enum(runStates),
  request: jsonOf(runRequestSchema),
  playbook: jsonOf(pinnedPlaybookSchema),
  requestedBy: z.string(),
  createdAt: z.iso.datetime(),
  origin: jsonOf(originSchema).optional(),
  finishedAt: z.iso.datetime().optional(),
  cancel: z.iso.datetime().optional(),
  completeness: z.enum(['full', 'partial']).optional(),
  verdict: z.enum(verdictLevels).optional(),
  error: jsonOf(failureSchema).optional(),
  cutShort: jsonOf(failureSchema).optional(),
  acquisitionFinished: z.iso.datetime().optional(),
  verdictReady: z.iso.datetime().optional(),
  reportWritten: z.iso.datetime().optional(),
  /** Of the newest version. */
  reportVersion: z.coerce.number().pipe(z.int().positive()).optional(),
  /** Hashes that its report has no answer to yet. */
  pendingLookups: z.coerce.number().pipe(z.int().nonnegative()).optional(),
  /** Until when its evidence is kept, in ms; while it is held, when its time would be over. */
  retainedUntil: z.coerce.number().pipe(z.int()).optional(),
  held: jsonOf(heldSchema).optional(),
  destroyed: jsonOf(destroyedSchema).optional(),
  skeleton: jsonOf(skeletonSchema).optional(),
  waitStep: z.string().optional(),
  waitFor: waitSchema.shape.for.optional(),
  waitSince: z.iso.datetime().optional(),
  waitEta: z.iso.datetime().optional(),
});
export type RunRecord = z.output<typeof runRecordSchema>;

/** The newest attempt at a step, as views show it. */
export const begunSchema = z.object({ attempt: z.int().nonnegative(), startedAt: z.iso.datetime() });
export type Begun = z.output<typeof begunSchema>;

/** The HASHes of a run's steps. */
export const recordsSchema = z.record(z.string(), jsonOf(stepRecordSchema));
export const begunsSchema = z.record(z.string(), jsonOf(begunSchema));

/** The LIST of a run's amendments, as its HASH has them. */
export const amendmentsSchema = z.array(jsonOf(amendmentSchema));

/** The BullMQ priority that the run's request stands for. */
export function priorityOf(record: Pick<RunRecord, 'request'>): number {
  return priorities[record.request.options.priority];
}

/** Drops what is not there, so that optional fields are absent and not undefined. */
export function defined<T extends object>(
  fields: T,
): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
} {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** The run with its steps, as API and CLI show it. */
export function viewOf(
  id: string,
  record: RunRecord,
  records: Readonly<Record<string, StepRecord>>,
  begun: Readonly<Record<string, Begun>>,
  amendments: readonly Amendment[],
): RunView {
  const steps = record.playbook.steps.map(({ name }) => stepView(name, records[name], begun[name], record.waitStep === name));
  return { ...rowOf(id, record, amendments), steps };
}

/** The run as lists show it. */
export function rowOf(id: string, record: RunRecord, amendments: readonly Amendment[]): RunRow {
  const { name, title, sha256 } = record.playbook;
  const waitingFor =
    record.waitFor === undefined || record.waitSince === undefined
      ? undefined
      : defined({ for: record.waitFor, since: record.waitSince, eta: record.waitEta });
  return {
    id,
    state: record.state,
    request: record.request,
    playbook: { name, title, sha256 },
    requestedBy: record.requestedBy,
    createdAt: record.createdAt,
    ...defined({
      origin: record.origin,
      finishedAt: record.finishedAt,
      cancelRequestedAt: record.cancel,
      waitingFor,
      completeness: record.completeness,
      verdict: record.verdict,
      error: record.error,
      cutShort: record.cutShort,
      reportVersion: record.reportVersion,
      pendingLookups: record.state === 'cancelled' || record.pendingLookups === 0 ? undefined : record.pendingLookups,
      retainedUntil: record.retainedUntil === undefined ? undefined : new Date(record.retainedUntil).toISOString(),
      held: record.held,
      evidenceDestroyed: record.destroyed === undefined ? undefined : { ...record.destroyed, ...defined({ report: record.skeleton }) },
    }),
    amendments,
    milestones: defined({
      acquisitionFinished: record.acquisitionFinished,
      verdictReady: record.verdictReady,
      reportWritten: record.reportWritten,
    }),
  };
}

function stepView(name: string, record: StepRecord | undefined, begun: Begun | undefined, waits: boolean): StepView {
  if (record === undefined) {
    const state = waits ? 'waiting' : begun === undefined ? 'pending' : 'running';
    return { name, state, attempt: begun?.attempt ?? 0, ...defined({ startedAt: begun?.startedAt }), gaps: [], limits: [] };
  }
  return {
    name,
    state: record.status,
    attempt: record.attempt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    ...defined({ reason: record.reason, detail: record.detail, error: record.error }),
    gaps: record.gaps,
    limits: record.limits,
    ...(record.status === 'succeeded' ? { facts: record.facts } : {}),
  };
}
