import { z } from 'zod';
import { artifactSchema, sha256Schema } from '../domain/artifact.js';
import { changeSchema } from '../domain/change.js';
import { lookupSchema } from '../domain/lookup.js';
import { processSchema } from '../domain/process.js';
import { targetSchema } from '../domain/request.js';
import { failureSchema, gapSchema, limitSchema } from '../domain/run.js';
import { findingSchema, verdictLevels, verdictSchema } from '../domain/verdict.js';
import { mountRowSchema } from './mounts.js';
import { noiseGroups } from './noise.js';
import { timelineRowSchema } from './timeline-row.js';

const count = z.int().nonnegative();

/** Which run this is about, and who asked for it and why. Free text is safe to print. */
const runSchema = z.object({
  id: z.string(),
  playbook: z.object({ name: z.string(), title: z.string(), sha256: z.string() }),
  target: z.object({ ...targetSchema.shape, uid: z.string().optional() }),
  node: z.object({ name: z.string(), address: z.string() }).optional(),
  requestedBy: z.string(),
  caseId: z.string().optional(),
  /** As the request says. */
  examiner: z.string().optional(),
  organisation: z.string().optional(),
  reason: z.string().optional(),
  createdAt: z.iso.datetime(),
  writtenAt: z.iso.datetime(),
});

/** What is known beside the listing, in words that are safe to print. */
const knownShape = {
  /** What the bytes say of themselves. */
  contentText: z.string().optional(),
  /** What a package database says of the path. */
  packageText: z.string().optional(),
};

/** One path to look at first, with all that was found on it. */
const lookSchema = z.object({
  rank: z.int().positive(),
  level: findingSchema.shape.level,
  /** As the container sees it, safe to print; or the hash of bytes without a path. */
  where: z.string(),
  container: z.string().optional(),
  sha256: sha256Schema.optional(),
  why: z.array(z.string()),
  evidence: z.string(),
  ...knownShape,
});
export type Look = z.output<typeof lookSchema>;

const countsSchema = z.object({
  changes: z.object({ total: count, added: count, changed: count, deleted: count, present: count }),
  /**
   * Files acquired, their bytes, how many of them the evidence store had before, how many were only hashed and left on the node, and how many
   * changed while they were read.
   */
  files: z.object({ total: count, bytes: count, known: count, left: count.default(0), unstable: count }),
  /** Processes, and how many of them run what no file system has any more. */
  processes: z.object({ total: count, fileless: count }).default({ total: 0, fileless: 0 }),
  /** By status. */
  lookups: z.record(z.string(), count),
});
export type Counts = z.output<typeof countsSchema>;

/** The rows that fit; `total` and `listing` say what there is in all. */
function rowsSchema<T extends z.ZodType>(row: T) {
  return z.object({ total: count, complete: z.boolean(), listing: sha256Schema.optional(), rows: z.array(row) });
}

/** Changed paths that every container has, counted by kind; their rows say which group they are of. */
const groupSchema = z.object({
  group: z.enum(noiseGroups),
  count,
  /** The first of them, safe to print. */
  example: z.string(),
  container: z.string(),
});
export type NoiseCount = z.output<typeof groupSchema>;

const changeRowSchema = changeSchema.extend({ group: z.enum(noiseGroups).optional() });
export type ChangeRow = z.output<typeof changeRowSchema>;

const artifactRowSchema = artifactSchema.extend(knownShape);
export type ArtifactRow = z.output<typeof artifactRowSchema>;

const stepSchema = z.object({
  name: z.string(),
  status: z.enum(['succeeded', 'skipped', 'failed', 'not-run']),
  reason: z.string().optional(),
  detail: z.string().optional(),
  error: failureSchema.optional(),
  attempt: count.optional(),
  startedAt: z.iso.datetime().optional(),
  finishedAt: z.iso.datetime().optional(),
});
export type ReportStep = z.output<typeof stepSchema>;

/** Of the reports that are written now: the first number rises with a changed or removed field, the second with a new one. */
export const reportSchemaVersion = '2.0.0';

/** The report for machines, of any minor version of what {@link reportSchemaVersion} says. */
export const reportSchema = z.object({
  schemaVersion: z
    .string()
    .regex(/^2\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/)
    .describe('Semantic version of this form: the first number rises with a changed or removed field, the second with a new one.'),
  version: z.int().positive().describe('1 for the first report of a run; later ones amend it.'),
  amended: z
    .object({ answered: z.int().positive(), verdictBefore: z.enum(verdictLevels) })
    .optional()
    .describe('Why there is a new version: answers that came after the one before.'),
  run: runSchema.describe('Which run this is about, who asked for it and why.'),
  summary: z.tuple([z.string(), z.string(), z.string()]).describe('What happened, what to do, what could not be had.'),
  completeness: z.enum(['full', 'partial']).describe('`partial` when something that was asked for could not be had.'),
  verdict: verdictSchema.omit({ findings: true }).describe('`no-findings` says only that nothing that we looked for was found.'),
  findings: verdictSchema.shape.findings.describe('Rules that fired, the heaviest first.'),
  lookAtFirst: z.array(lookSchema).max(10).describe('Paths to look at first, with all that was found on each.'),
  counts: countsSchema,
  blindSpots: z.array(z.string()).describe('Writable mounts that no diff shows and that nobody looked into.'),
  mounts: z.array(mountRowSchema).default([]).describe('What the containers have mounted, and what was done with it.'),
  gaps: z.array(gapSchema.extend({ step: z.string() })).describe('What was asked for and could not be had.'),
  limits: z.array(limitSchema.extend({ step: z.string() })).describe('What policy left out.'),
  changes: rowsSchema(changeRowSchema)
    .extend({ groups: z.array(groupSchema).default([]) })
    .describe('Changed paths in their order, and how many of them are of kinds that most containers have.'),
  processes: rowsSchema(processSchema).default({ total: 0, complete: true, rows: [] }),
  artifacts: rowsSchema(artifactRowSchema).describe('Acquired bytes: what, from where, how, when, with which hashes.'),
  timeline: rowsSchema(timelineRowSchema).describe(
    'Files, processes and our own acts in order of time; where not all fit, those that tell most. `listing` is the whole of it as CSV.',
  ),
  listings: z
    .object({ content: sha256Schema.optional(), packages: sha256Schema.optional() })
    .default({})
    .describe('Listings in the evidence store that the texts above are made of: content facts, and what package databases say.'),
  lookups: z.array(lookupSchema).describe('What sources said about hashes; `unknown` says nothing good.'),
  steps: z.array(stepSchema),
  custody: z.object({ entries: count, head: z.string() }).describe('The chain when this report was written: its entries and the hash of the last.'),
});
export type Report = z.output<typeof reportSchema>;

/** The report as JSON text: same report, same bytes. */
export function reportJson(report: Report): string {
  return `${JSON.stringify(reportSchema.parse(report), null, 2)}\n`;
}
