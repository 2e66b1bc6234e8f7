import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { changeSchema } from '../domain/change.js';
import { lookupSchema } from '../domain/lookup.js';
import { processSchema } from '../domain/process.js';
import type { Facts } from '../facts.js';
import type { StepContext } from '../ports.js';
import { buildReport } from '../report/build.js';
import { reportMarkdown } from '../report/markdown.js';
import { type Report, reportJson } from '../report/model.js';
import { boardOf, defineStep } from '../step.js';
import { keep } from './derived.js';

const name = 'write-report';

/** Writes the report, whatever happened before: it says what was found, and what could not be had. */
export const writeReport = defineStep({
  name,
  summary: 'Writes the report for people and machines, whatever failed before',
  queue: 'evidence',
  permissions: [],
  needs: [],
  uses: ['changes', 'processes', 'lookups'],
  writes: ['report'],
  params: z.strictObject({}),
  timeoutMs: 10 * 60_000,
  attempts: 4,
  closes: true,
  async run(facts, _params, ctx) {
    const report = await reportOf(ctx, facts);
    const json = await keep(ctx, { kind: 'report', name: 'report.json', method: 'derived' }, [Buffer.from(reportJson(report))]);
    const markdown = await keep(ctx, { kind: 'report', name: 'report.md', method: 'derived' }, [Buffer.from(reportMarkdown(report))]);
    const fact = { json: json.sha256, markdown: markdown.sha256, version: report.version };
    await ctx.record({ act: 'report.written', subject: ctx.run.id, detail: fact });
    return { report: fact };
  },
});

type Listings = { readonly [K in 'changes' | 'processes' | 'lookups']?: Facts[K] | undefined };

async function reportOf(ctx: StepContext, { changes, processes, lookups }: Listings): Promise<Report> {
  const steps = (await ctx.history.steps()).filter((step) => step.name !== name);
  const records = steps.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const limits = records.flatMap((record) => record.limits);
  return buildReport({
    run: ctx.run,
    writtenAt: ctx.clock().toISOString(),
    version: 1,
    board: boardOf(records.map(({ facts }) => facts)),
    steps,
    artifacts: await ctx.history.artifacts(),
    lookups: lookups === undefined ? [] : await readListing(ctx.evidence, lookups.sha256, lookupSchema),
    changes: changes === undefined ? [] : await readListing(ctx.evidence, changes.sha256, changeSchema),
    processes: processes === undefined ? [] : await readListing(ctx.evidence, processes.sha256, processSchema),
    blindSpots: limits.filter(({ reason }) => reason === 'volume-not-collected').map(({ subject }) => subject),
    custody: await ctx.history.custody(),
  });
}
