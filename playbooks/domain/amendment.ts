import { z } from 'zod';
import { sha256Schema } from './artifact.js';
import { verdictLevels } from './verdict.js';

/** The forms of one version of a report, by sha256; the timeline is CSV. */
export const reportFilesSchema = z.object({ json: sha256Schema, markdown: sha256Schema, html: sha256Schema, timeline: sha256Schema });
export type ReportFiles = z.output<typeof reportFilesSchema>;

/** A new version of a run's report, as answers came after the run was judged without them. */
export const amendmentSchema = z.object({
  /** Of the report; the run's own is 1. */
  version: z.int().min(2),
  at: z.iso.datetime(),
  /** Hashes that were pending and have an answer now. */
  answered: z.int().positive(),
  /** Hashes that are still pending. */
  pending: z.int().nonnegative(),
  verdict: z.enum(verdictLevels),
  /** Of the verdict before, so that a reader sees what changed. */
  verdictBefore: z.enum(verdictLevels),
  completeness: z.enum(['full', 'partial']),
  /** The listing of all the run's lookups as they are now. */
  lookups: sha256Schema,
  report: reportFilesSchema,
});
export type Amendment = z.output<typeof amendmentSchema>;
