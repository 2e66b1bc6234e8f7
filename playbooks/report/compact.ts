import { z } from 'zod';
import { sha256Schema } from '../domain/artifact.js';
import { lookupStatuses } from '../domain/lookup.js';
import { findingSchema, verdictLevels } from '../domain/verdict.js';
import { pathText } from '../judgement/evidence.js';
import type { Counts, Report } from './model.js';

/** The most bytes of a summary as JSON, on one line, also where all that is not ASCII is escaped. */
export const maxCompactBytes = 4_096;

const maxFindings = 5;
const maxTechniques = 4;
/** The most bytes of each text in JSON, so that everything at its longest stays below {@link maxCompactBytes}. */
const texts = { id: 64, name: 253, headline: 360, rule: 40, title: 70, where: 130, technique: 10 } as const;

const count = z.int().nonnegative();

/** What an orchestrator needs of a report: under 4 KiB of JSON, whatever names the suspect has chosen. */
export const compactSchema = z.object({
  schemaVersion: z.literal(1),
  run: z.string(),
  /** Of the report that this is the summary of. */
  reportVersion: z.int().positive(),
  target: z.object({ cluster: z.string(), namespace: z.string(), pod: z.string() }),
  verdict: z.enum(verdictLevels),
  headline: z.string(),
  completeness: z.enum(['full', 'partial']),
  /** The heaviest, in order of weight. */
  findings: z
    .array(
      z.object({
        rule: z.string(),
        title: z.string(),
        level: findingSchema.shape.level,
        /** As the container sees it, cut. */
        where: z.string().optional(),
        sha256: sha256Schema.optional(),
        techniques: z.array(z.string()),
      }),
    )
    .max(maxFindings),
  counts: z.object({
    findings: count,
    changes: count,
    files: count,
    processes: count,
    fileless: count,
    /** Things that could not be had. */
    gaps: count,
    lookups: z.partialRecord(z.enum(lookupStatuses), count),
  }),
  /** Hashes that have no answer yet: a new version of the report comes with them. */
  pending: count,
  /** Paths below the address of the API. */
  links: z.object({ run: z.string(), report: z.string(), artifacts: z.string() }),
});
export type Compact = z.output<typeof compactSchema>;

/** The summary of a report. Texts of the suspect are cut; a text that was cut ends in "...". */
export function compactOf(report: Report): Compact {
  const { run, verdict, findings, counts, summary, version, completeness, gaps } = report;
  const { cluster, namespace, pod } = run.target;
  return {
    schemaVersion: 1,
    run: cutJson(run.id, texts.id),
    reportVersion: version,
    target: { cluster: cutJson(cluster, texts.id), namespace: cutJson(namespace, texts.id), pod: cutJson(pod, texts.name) },
    verdict: verdict.level,
    headline: cutJson(summary[0], texts.headline),
    completeness,
    findings: findings.slice(0, maxFindings).map(findingOf),
    counts: {
      findings: verdict.findingCount,
      changes: counts.changes.total,
      files: counts.files.total,
      processes: counts.processes.total,
      fileless: counts.processes.fileless,
      gaps: gaps.length,
      lookups: lookupCounts(counts),
    },
    pending: counts.lookups['pending'] ?? 0,
    links: linksOf(cutJson(run.id, texts.id)),
  };
}

function findingOf({ rule, title, level, subject, sha256, techniques }: Report['findings'][number]): Compact['findings'][number] {
  return {
    rule: cutJson(rule, texts.rule),
    title: cutJson(title, texts.title),
    level,
    ...(subject === undefined ? {} : { where: cutJson(pathText(subject), texts.where) }),
    ...(sha256 === undefined ? {} : { sha256 }),
    techniques: techniques.slice(0, maxTechniques).map((technique) => cutJson(technique, texts.technique)),
  };
}

function lookupCounts({ lookups }: Counts): Compact['counts']['lookups'] {
  return Object.fromEntries(lookupStatuses.flatMap((status) => (lookups[status] === undefined ? [] : [[status, lookups[status]]])));
}

function linksOf(run: string): Compact['links'] {
  const path = `/api/v1/runs/${run.replaceAll(/[^\w-]/g, '')}`;
  return { run: path, report: `${path}/report`, artifacts: `${path}/artifacts` };
}

const unsafe = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The beginning of a text, safe to print, that takes at most `max` bytes in JSON in plain ASCII, without its quotes. */
function cutJson(text: string, max: number): string {
  const mark = '...';
  let bytes = 0;
  let whole = '';
  let short = '';
  // No character takes less than a byte: what lies beyond `max` units cannot show.
  for (const character of text.slice(0, max + 1).replaceAll(unsafe, '\ufffd')) {
    bytes += asciiBytes(character);
    if (bytes > max) return `${short}${mark}`;
    whole += character;
    if (bytes <= max - mark.length) short = whole;
  }
  return whole;
}

/** As many as `safeJson` of the command writes: quote and backslash two, what is not ASCII six for each UTF-16 unit. */
function asciiBytes(character: string): number {
  if (character === '"' || character === '\\') return 2;
  return character >= '\u007f' ? 6 * character.length : 1;
}
