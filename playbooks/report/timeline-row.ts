import { z } from 'zod';
import { sha256Schema } from '../domain/artifact.js';
import { findingSchema } from '../domain/verdict.js';
import { noiseGroups } from './noise.js';

/** Whose event a row is: of the pod's files, of its processes, or of what we did. */
export const timelineSources = ['file', 'process', 'podtriage'] as const;

/**
 * What the time of a row is. Of a file: when its content was written (`modified`, mtime), when anything of it was changed (`changed`, ctime), or
 * both at once. Of a process: when it started. Of what we did: when it was recorded.
 */
export const timelineTimes = ['modified', 'changed', 'modified-and-changed', 'started', 'done'] as const;

/** One event of a timeline. Text in it is safe to print. */
export const timelineRowSchema = z.object({
  at: z.iso.datetime(),
  source: z.enum(timelineSources),
  time: z.enum(timelineTimes),
  /** What happened, such as `added file` or `ran walk-upper`. */
  what: z.string(),
  /** To which path or program, as the container sees it; cut where it is very long. */
  where: z.string().optional(),
  /** The exact bytes of that path below its place, base64. */
  pathB64: z.base64().optional(),
  container: z.string().optional(),
  detail: z.string().optional(),
  sha256: sha256Schema.optional(),
  /** The worst finding on it. */
  level: findingSchema.shape.level.optional(),
  /** Of a path that most containers have: its group. */
  group: z.enum(noiseGroups).optional(),
  /** Of what we did: the entry of the chain of custody, the first of several. */
  entry: z.int().nonnegative().optional(),
});
export type TimelineRow = z.output<typeof timelineRowSchema>;

/** A row in one line. */
export function rowText({ what, where, container, detail }: TimelineRow): string {
  const place = [where, container === undefined ? undefined : `in container ${container}`].filter((part) => part !== undefined);
  return `${[what, ...place].join(' ')}${detail === undefined ? '' : `: ${detail}`}`;
}

/** What a reader of times has to know of them. */
export const timelineWords =
  'All times are UTC, and those of the node’s clock but for our own acts, which have the service’s. Whoever owns a file can set when its content was ' +
  'written (mtime) to any time; when it was last changed (ctime) is set by the kernel and follows only the node’s clock.';

/** How much a row tells; the lower, the more. What a rule fired on goes first, what most containers have last. */
export function rowRank({ source, level, group, what }: Pick<TimelineRow, 'source' | 'level' | 'group' | 'what'>): number {
  if (level === 'malicious') return 0;
  if (level === 'suspicious') return 1;
  if (level === 'notice' || source === 'process') return 2;
  if (group !== undefined) return 5;
  return source === 'file' || what.startsWith('step ') ? 3 : 4;
}

/**
 * Chooses rows where not all fit: those that tell most, and of equals the latest, as what was brought along has old times. They stay in the order
 * of time.
 */
export function chosenRows<T extends { readonly rank: number }>(inTime: readonly T[], take: (row: T) => boolean): T[] {
  const byRank = inTime.map((row, index) => ({ row, index })).sort((a, b) => a.row.rank - b.row.rank || b.index - a.index);
  const end = byRank.findIndex(({ row }) => !take(row));
  const chosen = end === -1 ? byRank : byRank.slice(0, end);
  return chosen.sort((a, b) => a.index - b.index).map(({ row }) => row);
}
