import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { changeSchema } from '../domain/change.js';
import { contentFactsSchema } from '../domain/content.js';
import { lookupSchema } from '../domain/lookup.js';
import { packageFileSchema } from '../domain/package.js';
import { processSchema } from '../domain/process.js';
import type { Board, Facts } from '../facts.js';
import type { StepContext } from '../ports.js';
import { buildReport, draftReport, type ReportInput } from '../report/build.js';
import { reportHtml } from '../report/html/page.js';
import { reportMarkdown } from '../report/markdown.js';
import { reportJson } from '../report/model.js';
import { ActRows } from '../report/timeline-acts.js';
import { timelineCsv } from '../report/timeline-csv.js';
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
    return { report: await writeVersion(ctx, 1) };
  },
});

/** What a version of a report is written with. */
export type ReportContext = Pick<StepContext, 'run' | 'clock' | 'signal' | 'evidence' | 'history' | 'recordArtifacts'>;

/** Writes a version of a run's report from what the run has written down, and stores it: in its step, and again when answers have come late. */
export async function writeVersion(ctx: ReportContext, version: number, amended?: ReportInput['amended']): Promise<Facts['report']> {
  const draft = draftReport(await inputOf(ctx, version, amended));
  const base = version === 1 ? '' : `report-${version}.`;
  const store = async (file: string, content: Iterable<Uint8Array>): Promise<string> =>
    (await keep(ctx, { kind: 'report', name: file, method: 'derived' }, content)).sha256;
  const timeline = await store(`${base}timeline.csv`, timelineCsv(draft.timeline));
  const report = buildReport(draft, timeline);
  const text = (suffix: string, form: string): Promise<string> => store(`${base === '' ? 'report.' : base}${suffix}`, [Buffer.from(form)]);
  const json = await text('json', reportJson(report));
  const markdown = await text('md', reportMarkdown(report));
  return { json, markdown, html: await text('html', reportHtml(report)), timeline, version };
}

async function inputOf(ctx: ReportContext, version: number, amended?: ReportInput['amended']): Promise<ReportInput> {
  const steps = (await ctx.history.steps()).filter((step) => step.name !== name);
  const records = steps.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const limits = records.flatMap((record) => record.limits);
  const board: Board = boardOf(records.map(({ facts }) => facts));
  const { changes, processes, lookups, content, packages } = board;
  return {
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
    ...(await custodyOf(ctx)),
  };
}

/** The chain as it is now, and our acts up to there. */
async function custodyOf({ history }: ReportContext): Promise<Pick<ReportInput, 'custody' | 'acts'>> {
  const custody = await history.custody();
  const rows = new ActRows();
  for await (const entry of history.acts()) {
    if (entry.seq >= custody.entries) break;
    rows.add(entry);
  }
  return { custody, acts: rows.rows() };
}
