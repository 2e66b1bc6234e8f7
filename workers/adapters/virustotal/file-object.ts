import { z } from 'zod';

const count = z.int().nonnegative().max(100_000);

/** Numbers of engines by their normalised result (VirusTotal API v3, "Analyses", `stats`). */
const statsSchema = z.object({
  malicious: count,
  suspicious: count,
  undetected: count,
  harmless: count.default(0),
  timeout: count.default(0),
  'confirmed-timeout': count.default(0),
  failure: count.default(0),
  'type-unsupported': count.default(0),
});
export type AnalysisStats = z.output<typeof statsSchema>;

const engineSchema = z.object({ category: z.string(), engine_name: z.string().optional().catch(undefined) });

/** What only decorates a verdict must not cost it: an odd field there reads as absent. */
const text = z.string().optional().catch(undefined);
const seconds = z.int().positive().max(253_402_300_799).optional().catch(undefined);

/** The part of a file object that we read (VirusTotal API v3, "Files"). */
export const fileObjectSchema = z.object({
  data: z.object({
    type: z.literal('file'),
    id: z.string(),
    attributes: z.object({
      sha256: z.string().optional(),
      last_analysis_stats: statsSchema.optional(),
      last_analysis_results: z.record(z.string(), engineSchema).catch({}),
      popular_threat_classification: z.object({ suggested_threat_label: text }).optional().catch(undefined),
      meaningful_name: text,
      first_submission_date: seconds,
      last_analysis_date: seconds,
    }),
  }),
});
export type FileAttributes = z.output<typeof fileObjectSchema>['data']['attributes'];

/** An unsuccessful answer (VirusTotal API v3, "Errors"). */
export const errorObjectSchema = z.object({ error: z.object({ code: z.string(), message: z.string().optional() }) });
