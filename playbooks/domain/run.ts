import { z } from 'zod';
import { errorCodes } from './error.js';

/** A run's state. `failed` = no usable evidence; a report exists in all three ends. */
export const runStates = ['queued', 'running', 'cancelling', 'completed', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];

/** The names of {@link endStates}, for schemas. */
export const endStateNames = ['completed', 'failed', 'cancelled'] as const satisfies readonly RunState[];
/** States that a run never leaves. */
export const endStates: ReadonlySet<RunState> = new Set<RunState>(endStateNames);
/** All others. */
export const openStates: readonly RunState[] = runStates.filter((state) => !endStates.has(state));

export const stepStates = ['pending', 'running', 'waiting', 'succeeded', 'skipped', 'failed'] as const;
export type StepState = (typeof stepStates)[number];

/** Something asked for that could not be had. `subject` is safe text. */
export const gapSchema = z.object({ subject: z.string(), reason: z.string(), detail: z.string().optional() });
export type Gap = z.output<typeof gapSchema>;

/** Something left out by policy; it does not make a run partial. */
export const limitSchema = z.object({ subject: z.string(), reason: z.string(), detail: z.string().optional() });
export type Limit = z.output<typeof limitSchema>;

export const failureSchema = z.object({ code: z.enum(errorCodes), message: z.string() });
export type Failure = z.output<typeof failureSchema>;

/** The outcome of a step, written once. `facts` is what it put on the board, as JSON. */
export const stepRecordSchema = z.object({
  status: z.enum(['succeeded', 'skipped', 'failed']),
  reason: z.enum(['cancelled', 'needs-missing', 'not-applicable']).optional(),
  detail: z.string().optional(),
  error: failureSchema.optional(),
  attempt: z.int().nonnegative(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  facts: z.record(z.string(), z.unknown()).default({}),
  gaps: z.array(gapSchema).max(1_000).default([]),
  limits: z.array(limitSchema).max(1_000).default([]),
});
export type StepRecord = z.output<typeof stepRecordSchema>;

/** Why a running run stands still. */
export const waitSchema = z.object({
  for: z.enum(['quota', 'node-slot', 'retry']),
  since: z.iso.datetime(),
  eta: z.iso.datetime().optional(),
});
export type Wait = z.output<typeof waitSchema>;

export type RunEvent = 'begin' | 'cancel' | 'complete' | 'fail' | 'seal-cancelled';

const arrows: Record<RunState, Partial<Record<RunEvent, RunState>>> = {
  queued: { begin: 'running', cancel: 'cancelling', fail: 'failed' },
  running: { begin: 'running', cancel: 'cancelling', complete: 'completed', fail: 'failed' },
  cancelling: { begin: 'cancelling', cancel: 'cancelling', 'seal-cancelled': 'cancelled', fail: 'failed' },
  completed: {},
  failed: {},
  cancelled: {},
};

/** The state after `event`, or undefined where the event does not apply. The Lua scripts of the store mirror it. */
export function transition(state: RunState, event: RunEvent): RunState | undefined {
  return arrows[state][event];
}
