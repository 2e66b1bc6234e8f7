import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { changeSchema } from '../domain/change.js';
import { contentFactsSchema } from '../domain/content.js';
import { lookupSchema } from '../domain/lookup.js';
import { packageFileSchema } from '../domain/package.js';
import { processSchema } from '../domain/process.js';
import type { Verdict } from '../domain/verdict.js';
import type { Board } from '../facts.js';
import { judge as judgeEvidence } from '../judgement/judge.js';
import type { StepContext } from '../ports.js';
import { defineStep } from '../step.js';

/** Says what the facts mean. It runs on whatever there is: what is missing makes the verdict inconclusive, not the step fail. */
export const judge = defineStep({
  name: 'judge',
  summary: 'Weighs changes, processes and answers by the rules: findings, verdict, what to look at first',
  queue: 'evidence',
  permissions: [],
  needs: [],
  uses: ['changes', 'processes', 'lookups', 'content', 'packages'],
  writes: ['verdict'],
  params: z.strictObject({}),
  timeoutMs: 10 * 60_000,
  attempts: 3,
  async run(facts, _params, ctx) {
    return { verdict: await verdictOf(facts, ctx) };
  },
});

/** The facts that a verdict rests on, as far as they are there. */
type Judged = { readonly [K in 'changes' | 'processes' | 'lookups' | 'content' | 'packages']?: Board[K] | undefined };

/** Judges a run by its facts and all that it has written down: in its step, and again when answers have come late. */
export async function verdictOf(
  { changes, processes, lookups, content, packages }: Judged,
  { evidence, history, rules }: Pick<StepContext, 'evidence' | 'history' | 'rules'>,
): Promise<Verdict> {
  const steps = (await history.steps()).flatMap(({ name, record }) => (record === undefined ? [] : [{ name, record }]));
  return judgeEvidence({
    changes: changes === undefined ? [] : await readListing(evidence, changes.sha256, changeSchema),
    processes: processes === undefined ? [] : await readListing(evidence, processes.sha256, processSchema),
    artifacts: await history.artifacts(),
    // From the listing, as only that has the ones that are still pending.
    lookups: lookups === undefined ? [] : await readListing(evidence, lookups.sha256, lookupSchema),
    content: content === undefined ? [] : await readListing(evidence, content.sha256, contentFactsSchema),
    packages: packages === undefined ? [] : await readListing(evidence, packages.sha256, packageFileSchema),
    rules,
    gaps: steps.flatMap(({ record }) => record.gaps),
    failedSteps: steps.filter(({ record }) => record.status !== 'succeeded' && record.reason !== 'not-applicable').map(({ name }) => name),
    blindSpots: steps.flatMap(({ record }) => record.limits.filter(({ reason }) => reason === 'volume-not-collected').map(({ subject }) => subject)),
  });
}
