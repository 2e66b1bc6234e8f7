import { z } from 'zod';
import { batchStates, batchTargetStates } from '../domain/batch.js';
import { batchMilestones, runMilestones } from '../domain/delivery.js';
import { lookupStatuses } from '../domain/lookup.js';
import { targetSchema } from '../domain/request.js';
import { findingSchema, verdictLevels } from '../domain/verdict.js';

const count = z.int().nonnegative();
const time = z.iso.datetime();
const level = z.enum(verdictLevels);

/** Findings of one rule: what the rule says, and nothing that comes from the suspect. */
const ruleSchema = z.strictObject({
  rule: z.string().max(200),
  title: z.string().max(200),
  level: findingSchema.shape.level,
  findings: count,
});

/** What a run's event says. It stands as it was when the milestone was reached: a later attempt sends the same. */
export const runEventSchema = z.strictObject({
  id: z.string().max(100),
  state: z.enum(['running', 'completed', 'failed', 'cancelled']),
  target: targetSchema,
  playbook: z.string().max(100),
  caseId: z.string().max(200).optional(),
  /** The batch that it is part of. */
  batch: z.string().max(100).optional(),
  verdict: level.optional(),
  completeness: z.enum(['full', 'partial']).optional(),
  milestones: z.strictObject({ acquisitionFinished: time.optional(), verdictReady: time.optional(), reportWritten: time.optional() }),
  counts: z.strictObject({
    changes: count.optional(),
    artifacts: count.optional(),
    findings: count.optional(),
    /** Hashes by what is known of them. */
    lookups: z.partialRecord(z.enum(lookupStatuses), count).optional(),
    /** What was asked for and could not be had, in all steps so far. */
    gaps: count,
  }),
  /** The first ten rules with findings, the weightiest first. */
  rules: z.array(ruleSchema).max(10).optional(),
  /** Of the newest report, once there is one. */
  reportVersion: z.int().positive().optional(),
  /** What an amendment has changed. */
  amendment: z.strictObject({ answered: count, pending: count, verdictBefore: level }).optional(),
  /** Paths of the API. */
  links: z.strictObject({ run: z.string(), report: z.string().optional() }),
});
export type RunEvent = z.output<typeof runEventSchema>;

/** What a batch's event says. */
export const batchEventSchema = z.strictObject({
  id: z.string().max(100),
  state: z.enum(batchStates),
  cluster: targetSchema.shape.cluster,
  caseId: z.string().max(200).optional(),
  /** Pods by where they stand. */
  counts: z.partialRecord(z.enum(batchTargetStates), count),
  /** Paths of the API. */
  links: z.strictObject({ batch: z.string(), report: z.string().optional() }),
});
export type BatchEvent = z.output<typeof batchEventSchema>;

/** What is sent to an endpoint: type, time and data as Standard Webhooks has them. No name of a file is in it, and nothing secret. */
export const milestoneEventSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.enum(runMilestones), timestamp: time, data: z.strictObject({ run: runEventSchema }) }),
  z.strictObject({ type: z.enum(batchMilestones), timestamp: time, data: z.strictObject({ batch: batchEventSchema }) }),
]);
export type MilestoneEvent = z.output<typeof milestoneEventSchema>;
