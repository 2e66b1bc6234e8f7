import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { changeSchema } from '../domain/change.js';
import { lookupSchema } from '../domain/lookup.js';
import { processSchema } from '../domain/process.js';
import { judge as judgeEvidence } from '../judgement/judge.js';
import { defineStep } from '../step.js';

/** Says what the facts mean. It runs on whatever there is: what is missing makes the verdict inconclusive, not the step fail. */
export const judge = defineStep({
  name: 'judge',
  summary: 'Weighs changes, processes and answers by the rules: findings, verdict, what to look at first',
  queue: 'evidence',
  permissions: [],
  needs: [],
  uses: ['changes', 'processes', 'lookups'],
  writes: ['verdict'],
  params: z.strictObject({}),
  timeoutMs: 10 * 60_000,
  attempts: 3,
  async run({ changes, processes, lookups }, _params, ctx) {
    const steps = (await ctx.history.steps()).flatMap(({ name, record }) => (record === undefined ? [] : [{ name, record }]));
    const verdict = judgeEvidence({
      changes: changes === undefined ? [] : await readListing(ctx.evidence, changes.sha256, changeSchema),
      processes: processes === undefined ? [] : await readListing(ctx.evidence, processes.sha256, processSchema),
      artifacts: await ctx.history.artifacts(),
      // From the listing, as only that has the ones that are still pending.
      lookups: lookups === undefined ? [] : await readListing(ctx.evidence, lookups.sha256, lookupSchema),
      rules: ctx.rules,
      gaps: steps.flatMap(({ record }) => record.gaps),
      failedSteps: steps.filter(({ record }) => record.status !== 'succeeded').map(({ name }) => name),
      blindSpots: steps.flatMap(({ record }) =>
        record.limits.filter(({ reason }) => reason === 'volume-not-collected').map(({ subject }) => subject),
      ),
    });
    return { verdict };
  },
});
