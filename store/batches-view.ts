import { z } from 'zod';
import { type BatchRequest, type BatchState, type BatchTargetState, batchStates, batchTargetStates } from '../playbooks/domain/batch.js';
import { type Failure, failureSchema } from '../playbooks/domain/run.js';
import { verdictLevels } from '../playbooks/domain/verdict.js';
import type { BatchTarget } from '../playbooks/fleet/target.js';
import { jsonOf } from './parsed.js';

/** What a dry run says. */
export const planSchema = z.object({
  pods: z.int().nonnegative(),
  nodes: z.int().nonnegative(),
  /** Absent where no run of this playbook has ended yet. */
  estimatedSeconds: z.int().nonnegative().optional(),
  lookups: z.object({
    /** Requests that the runs may spend at most. */
    most: z.int().nonnegative(),
    /** Requests that are left of this day, over all keys. */
    leftToday: z.int().nonnegative(),
    /** When the last of them would be answered. Absent where there is none, or no key can ask. */
    eta: z.iso.datetime().optional(),
  }),
});
export type Plan = z.output<typeof planSchema>;

/** The HASH of a batch without its signed order. Nothing in it is signed. */
export const batchRecordSchema = z.object({
  order: z.string(),
  state: z.enum(batchStates),
  /** The round that it is in. */
  round: z.coerce.number().pipe(z.int().min(1)),
  startedAt: z.iso.datetime().optional(),
  finishedAt: z.iso.datetime().optional(),
  nodes: z.coerce.number().pipe(z.int().nonnegative()).optional(),
  error: jsonOf(failureSchema).optional(),
  plan: jsonOf(planSchema).optional(),
  fleet: z.string().optional(),
  rev: z.string().default(''),
});
export type BatchRecord = z.output<typeof batchRecordSchema>;

/** Where a pod stands. */
export const targetStandingSchema = z.object({
  state: z.enum(batchTargetStates),
  /** The retry that its run belongs to; 0: none. */
  retry: z.int().nonnegative().default(0),
  run: z.string().optional(),
  /** The run before. */
  retryOf: z.string().optional(),
  /** Why its run failed, or what cut it short. */
  error: failureSchema.optional(),
  verdict: z.enum(verdictLevels).optional(),
  completeness: z.enum(['full', 'partial']).optional(),
});
export type TargetStanding = z.output<typeof targetStandingSchema>;

/** A batch as API and command show it. */
export interface BatchView {
  readonly id: string;
  readonly state: BatchState;
  readonly request: BatchRequest;
  readonly requestedBy: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** When it will be done by what its runs have taken so far. */
  readonly eta?: string;
  /** How many pods are in which state; absent while they are not known. Pods that who asked may not look at are counted as `foreign`, and not listed. */
  readonly counts?: Readonly<Record<BatchTargetState, number>>;
  /** How often the selection has been listed, or is being listed. */
  readonly round: number;
  /** Pods that have come while it ran, and were too many for it. */
  readonly leftOut?: number;
  readonly plan?: Plan;
  readonly error?: Failure;
  /** The fleet report. */
  readonly report?: { readonly sha256: string; readonly at: string };
}

/** A pod of a batch as API and command show it. */
export type BatchTargetView = Omit<BatchTarget, 'gone' | 'images'> & Omit<TargetStanding, 'retry'> & { readonly number: number };
