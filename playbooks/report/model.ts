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

const count = z.int().nonnegative();

/** Which run this is about, and who asked for it and why. Free text is safe to print. */
const runSchema = z.object({
  id: z.string(),
  playbook: z.object({ name: z.string(), title: z.string(), sha256: z.string() }),
  target: z.object({ ...targetSchema.shape, uid: z.string().optional() }),
  node: z.object({ name: z.string(), address: z.string() }).optional(),
  requestedBy: z.string(),
  caseId: z.string().optional(),
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

/** The report for machines. A new field keeps `schemaVersion`; a changed or removed one raises it. */
export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  /** 1 for the first report of a run; later ones amend it. */
  version: z.int().positive(),
  /** Why there is a new version: answers that came after the one before. */
  amended: z.object({ answered: z.int().positive(), verdictBefore: z.enum(verdictLevels) }).optional(),
  run: runSchema,
  /** What happened, what to do, what could not be had. */
  summary: z.tuple([z.string(), z.string(), z.string()]),
  completeness: z.enum(['full', 'partial']),
  verdict: verdictSchema.omit({ findings: true }),
  findings: verdictSchema.shape.findings,
  lookAtFirst: z.array(lookSchema).max(10),
  counts: countsSchema,
  /** Writable mounts that no diff shows and that nobody looked into. */
  blindSpots: z.array(z.string()),
  /** What the containers have mounted, and what was done with it. */
  mounts: z.array(mountRowSchema).default([]),
  gaps: z.array(gapSchema.extend({ step: z.string() })),
  limits: z.array(limitSchema.extend({ step: z.string() })),
  changes: rowsSchema(changeRowSchema).extend({ groups: z.array(groupSchema).default([]) }),
  processes: rowsSchema(processSchema).default({ total: 0, complete: true, rows: [] }),
  artifacts: rowsSchema(artifactRowSchema),
  /** Listings in the evidence store that the texts above are made of: content facts, and what package databases say. */
  listings: z.object({ content: sha256Schema.optional(), packages: sha256Schema.optional() }).default({}),
  lookups: z.array(lookupSchema),
  steps: z.array(stepSchema),
  /** The chain when this report was written: its entries and the hash of the last. */
  custody: z.object({ entries: count, head: z.string() }),
});
export type Report = z.output<typeof reportSchema>;

/** The report as JSON text: same report, same bytes. */
export function reportJson(report: Report): string {
  return `${JSON.stringify(reportSchema.parse(report), null, 2)}\n`;
}
