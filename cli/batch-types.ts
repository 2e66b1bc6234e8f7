import { z } from 'zod';
import { batchStates, batchTargetStates } from '../playbooks/domain/batch.js';

const count = z.int().nonnegative();

/** As much of a batch as the command shows; what a newer service adds is left alone. */
export const batchSchema = z.object({
  id: z.string(),
  state: z.enum(batchStates),
  request: z.object({ cluster: z.string(), select: z.unknown(), playbook: z.string(), dryRun: z.boolean().optional() }),
  requestedBy: z.string(),
  createdAt: z.string(),
  finishedAt: z.string().optional(),
  eta: z.iso.datetime().optional(),
  counts: z.object({ pending: count, running: count, completed: count, failed: count, cancelled: count, gone: count, foreign: count }).optional(),
  round: z.int(),
  leftOut: count.optional(),
  plan: z
    .object({
      pods: count,
      nodes: count,
      estimatedSeconds: count.optional(),
      lookups: z.object({ most: count, leftToday: count, eta: z.iso.datetime().optional() }),
    })
    .optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  report: z.object({ sha256: z.string(), at: z.string() }).optional(),
});
export type Batch = z.output<typeof batchSchema>;

export const batchPageSchema = z.object({ batches: z.array(batchSchema), next: z.string().optional() });

export const batchTargetPageSchema = z.object({
  targets: z.array(
    z.object({
      number: count,
      namespace: z.string(),
      pod: z.string(),
      node: z.string().optional(),
      state: z.enum(batchTargetStates),
      run: z.string().optional(),
      verdict: z.string().optional(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
  next: z.string().optional(),
});
export type BatchTarget = z.output<typeof batchTargetPageSchema>['targets'][number];
