import { z } from 'zod';
import { artifactSourceSchema, sha256Schema } from './artifact.js';

/** Never "clean": `no-findings` says only that nothing that we looked for was found, and only when all was looked at. */
export const verdictLevels = ['malicious', 'suspicious', 'inconclusive', 'no-findings'] as const;
export type VerdictLevel = (typeof verdictLevels)[number];

/** A rule that fired, with its evidence. */
export const findingSchema = z.object({
  rule: z.string(),
  title: z.string(),
  level: z.enum(['malicious', 'suspicious', 'notice']),
  /** 0 to 100; the order in which to look. */
  weight: z.int().min(0).max(100),
  subject: artifactSourceSchema.optional(),
  sha256: sha256Schema.optional(),
  evidence: z.string(),
  /** MITRE ATT&CK ids, as suggestions. */
  techniques: z.array(z.string()),
});
export type Finding = z.output<typeof findingSchema>;

export const verdictSchema = z.object({
  level: z.enum(verdictLevels),
  /** One sentence for a tired person. */
  headline: z.string(),
  /** In order of weight; at most 200, the rest is counted. */
  findings: z.array(findingSchema).max(200),
  findingCount: z.int().nonnegative(),
  techniques: z.array(z.string()),
  /** What could not be judged, in words; `no-findings` has none. */
  doubts: z.array(z.string()).max(20).optional(),
});
export type Verdict = z.output<typeof verdictSchema>;
