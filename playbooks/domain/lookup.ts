import { z } from 'zod';
import { sha256Schema } from './artifact.js';
import { failureSchema } from './run.js';

/** `unknown` means that the source has never seen the hash; it never means clean. */
export const lookupStatuses = [
  'detected',
  'suspicious',
  'undetected',
  'unknown',
  'known-good',
  'known-bad',
  'pending',
  'not-asked',
  'error',
] as const;

/** What an intelligence source said about one hash. Free text in it is already safe to print. */
export const lookupSchema = z.object({
  sha256: sha256Schema,
  source: z.string(),
  status: z.enum(lookupStatuses),
  /** Why, for `not-asked`, `unknown` and `error`. */
  reason: z.string().optional(),
  error: failureSchema.optional(),
  /** Numbers of engines. */
  stats: z.object({ malicious: z.int(), suspicious: z.int(), undetected: z.int(), harmless: z.int(), other: z.int() }).optional(),
  label: z.string().max(500).optional(),
  name: z.string().max(500).optional(),
  engines: z.array(z.string().max(200)).max(20).optional(),
  firstSeen: z.iso.datetime().optional(),
  lastAnalysed: z.iso.datetime().optional(),
  link: z.string().max(500).optional(),
  /** sha256 of the whole answer in the evidence store. */
  answer: sha256Schema.optional(),
  askedAt: z.iso.datetime(),
  /** True when the answer came from the cache and no request was spent. */
  cached: z.boolean(),
});
export type Lookup = z.output<typeof lookupSchema>;

/** A hash that a run wants to know about. */
export interface WantedHash {
  readonly sha256: string;
  /** 0 executables, 1 scripts, 2 configuration and what cannot be told, 3 the rest: the order among runs of the same priority. */
  readonly rank: 0 | 1 | 2 | 3;
  /** No request is spent on it: only what is known already counts. */
  readonly free?: true;
}
