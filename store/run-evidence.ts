import { z } from 'zod';
import { findingSchema, verdictLevels } from '../playbooks/domain/verdict.js';
import { reportSchema } from '../playbooks/report/model.js';

const by = z.string();
const reason = z.string();

/** Who holds the evidence of a run: it is not destroyed until it is released. `by` is the id of an API key. */
export const heldSchema = z.object({ by, since: z.iso.datetime(), reason });
export type Held = z.output<typeof heldSchema>;

/** Who destroyed the evidence of a run: an API key, or the worker that saw its time over. */
export const destroyedSchema = z.object({ by, at: z.iso.datetime(), reason });
export type Destroyed = z.output<typeof destroyedSchema>;

/** What is left of a report whose evidence was destroyed: no name and no path is in it. */
export const skeletonSchema = z.object({
  version: z.int().positive(),
  verdict: z.enum(verdictLevels),
  completeness: z.enum(['full', 'partial']),
  counts: reportSchema.shape.counts,
  /** All findings, also those that the report only counts. */
  findingCount: z.int().nonnegative(),
  /** Those that the report lists, by rule and level. */
  findings: z.array(z.object({ rule: z.string(), level: findingSchema.shape.level, count: z.int().positive() })),
});
export type Skeleton = z.output<typeof skeletonSchema>;

const readableSchema = reportSchema.pick({ version: true, verdict: true, completeness: true, counts: true, findings: true });

/** What a report says without names. Undefined for what is no report. */
export function skeletonOf(report: unknown): Skeleton | undefined {
  const parsed = readableSchema.safeParse(report);
  if (!parsed.success) return undefined;
  const { version, verdict, completeness, counts, findings } = parsed.data;
  const byRule = new Map<string, Skeleton['findings'][number]>();
  for (const { rule, level } of findings) {
    const key = `${rule} ${level}`;
    byRule.set(key, { rule, level, count: (byRule.get(key)?.count ?? 0) + 1 });
  }
  return { version, verdict: verdict.level, completeness, counts, findingCount: verdict.findingCount, findings: [...byRule.values()] };
}
