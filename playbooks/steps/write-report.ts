import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import type { Artifact } from '../domain/artifact.js';
import { changeSchema } from '../domain/change.js';
import { contentFactsSchema } from '../domain/content.js';
import { lookupSchema } from '../domain/lookup.js';
import { packageFileSchema } from '../domain/package.js';
import { processSchema } from '../domain/process.js';
import type { Board, Facts } from '../facts.js';
import type { StepContext } from '../ports.js';
import { buildReport, type ReportInput } from '../report/build.js';
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
  async run(_facts, _params, ctx) {
    const { version, ...report } = await writeVersion(ctx, 1);
    await ctx.record({ act: 'report.written', subject: ctx.run.id, detail: { ...report, version } });
    return { report: { ...report, version } };
  },
});

/** What a version of a report is written with. */
export type ReportContext = Pick<StepContext, 'run' | 'clock' | 'signal' | 'evidence' | 'history' | 'recordArtifacts'>;

/** Writes a version of a run's report from what the run has written down, and stores it: in its step, and again when answers have come late. */
export async function writeVersion(ctx: ReportContext, version: number, amended?: ReportInput['amended']): Promise<Facts['report']> {
  const report = await reportOf(ctx, version, amended);
  const base = version === 1 ? 'report' : `report-${version}`;
  const store = (suffix: string, text: string): Promise<Artifact> =>
    keep(ctx, { kind: 'report', name: `${base}.${suffix}`, method: 'derived' }, [Buffer.from(text)]);
  const json = await store('json', reportJson(report));
  const markdown = await store('md', reportMarkdown(report));
  return { json: json.sha256, markdown: markdown.sha256, version };
}

async function reportOf(ctx: ReportContext, version: number, amended?: ReportInput['amended']): Promise<Report> {
  const steps = (await ctx.history.steps()).filter((step) => step.name !== name);
  const records = steps.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const limits = records.flatMap((record) => record.limits);
  const board: Board = boardOf(records.map(({ facts }) => facts));
  const { changes, processes, lookups, content, packages } = board;
  return buildReport({
    run: ctx.run,
    writtenAt: ctx.clock().toISOString(),
    version,
    ...(amended === undefined ? {} : { amended }),
    board,
    steps,
    artifacts: await ctx.history.artifacts(),
    lookups: lookups === undefined ? [] : await readListing(ctx.evidence, lookups.sha256, lookupSchema),
    changes: changes === undefined ? [] : await readListing(ctx.evidence, changes.sha256, changeSchema),
    processes: processes === undefined ? [] : await readListing(ctx.evidence, processes.sha256, processSchema),
    content: content === undefined ? [] : await readListing(ctx.evidence, content.sha256, contentFactsSchema),
    packages: packages === undefined ? [] : await readListing(ctx.evidence, packages.sha256, packageFileSchema),
    blindSpots: limits.filter(({ reason }) => reason === 'volume-not-collected').map(({ subject }) => subject),
    custody: await ctx.history.custody(),
  });
}
