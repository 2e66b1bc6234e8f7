import { z } from 'zod';
import { lookupSchema } from '../playbooks/domain/lookup.js';
import { failureSchema, runStates, stepStates, waitSchema } from '../playbooks/domain/run.js';
import { verdictLevels } from '../playbooks/domain/verdict.js';
import { permissionSchema } from '../playbooks/permission.js';

const stepSchema = z.object({
  name: z.string(),
  state: z.enum(stepStates),
  attempt: z.int().nonnegative(),
  startedAt: z.iso.datetime().optional(),
  finishedAt: z.iso.datetime().optional(),
  reason: z.string().optional(),
  detail: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type StepStatus = z.output<typeof stepSchema>;

const summaryShape = {
  id: z.string(),
  state: z.enum(runStates),
  request: z.object({ target: z.object({ cluster: z.string(), namespace: z.string(), pod: z.string() }), caseId: z.string().optional() }),
  playbook: z.object({ name: z.string(), title: z.string() }),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().optional(),
  waitingFor: waitSchema.optional(),
  completeness: z.enum(['full', 'partial']).optional(),
  verdict: z.enum(verdictLevels).optional(),
  reportVersion: z.int().positive().optional(),
  pendingLookups: z.int().nonnegative().optional(),
  retainedUntil: z.iso.datetime().optional(),
  held: z.object({ by: z.string(), since: z.string(), reason: z.string() }).optional(),
  evidenceDestroyed: z.object({ by: z.string(), at: z.string(), reason: z.string() }).optional(),
  error: z.union([failureSchema, z.object({ code: z.string(), message: z.string() })]).optional(),
  cutShort: z.object({ code: z.string(), message: z.string() }).optional(),
  milestones: z.object({ acquisitionFinished: z.string().optional() }),
};

/** As much of a run as the command shows; what a newer service adds is left alone. */
export const runSchema = z.object({ ...summaryShape, steps: z.array(stepSchema) });
export type Run = z.output<typeof runSchema>;

export const runPageSchema = z.object({ runs: z.array(z.object(summaryShape)), next: z.string().optional() });
export type RunSummary = z.output<typeof runPageSchema>['runs'][number];

export const stepFactsSchema = z.object({ steps: z.array(z.object({ name: z.string(), facts: z.record(z.string(), z.unknown()).optional() })) });

export const playbookListSchema = z.object({
  playbooks: z.array(z.object({ name: z.string(), title: z.string(), summary: z.string(), steps: z.array(z.string()) })),
});
export type PlaybookCard = z.output<typeof playbookListSchema>['playbooks'][number];

/** A playbook with its steps. */
export const playbookDetailSchema = z.object({
  name: z.string(),
  title: z.string(),
  summary: z.string(),
  steps: z.array(
    z.object({ name: z.string(), summary: z.string(), params: z.record(z.string(), z.unknown()), permissions: z.array(permissionSchema) }),
  ),
});
export type PlaybookDetail = z.output<typeof playbookDetailSchema>;

/** What the lookup desk knows of one hash. */
export const lookupStateSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('answered'), lookup: lookupSchema }),
  z.object({ state: z.literal('waiting'), eta: z.iso.datetime().optional() }),
]);
export type LookupState = z.output<typeof lookupStateSchema>;

const countsSchema = z.object({ minute: z.number(), day: z.number(), month: z.number() });

/** The budget of each key of the intelligence source, and what waits for it. */
export const quotaSchema = z.object({
  source: z.string(),
  keys: z.array(
    z.object({
      key: z.string(),
      limits: countsSchema,
      used: countsSchema,
      left: countsSchema,
      waitMs: z.number(),
      why: z.enum(['blocked', 'burst', 'day', 'month', 'unauthorized']).optional(),
      reportedAt: z.iso.datetime().optional(),
    }),
  ),
  waiting: z.object({ interactive: z.number(), webhook: z.number(), batch: z.number() }),
  eta: z.iso.datetime().optional(),
});
export type Quota = z.output<typeof quotaSchema>;
export type KeyQuota = Quota['keys'][number];

/** Problem details (RFC 9457). */
export const problemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).default([]),
});
