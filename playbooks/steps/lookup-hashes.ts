import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import { contentOf } from '../acquisition/taking/file-artifact.js';
import { type Artifact, artifactId, contentTypeOf } from '../domain/artifact.js';
import type { Lookup } from '../domain/lookup.js';
import { notesOf } from '../domain/lookup-notes.js';
import { wantedHashes } from '../domain/lookup-order.js';
import { packageFileSchema } from '../domain/package.js';
import { knownByPackages } from '../domain/package-known.js';
import type { Facts } from '../facts.js';
import { isHeldForBad } from '../judgement/subject.js';
import { fileLookups } from '../permission.js';
import type { EvidencePort, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { type KeepContext, keepListing } from './derived.js';

/**
 * Takes the answers of packages, hash lists and the lookup desk. The run has waited for them before this step began; what is still missing
 * then is `pending`. It asks about what processes run even where no file could be taken.
 */
export const lookupHashes = defineStep({
  name: 'lookup-hashes',
  summary: 'Asks VirusTotal about each file’s sha256, within the quota',
  queue: 'intel',
  permissions: [fileLookups],
  needs: [],
  uses: ['artifacts', 'packages'],
  writes: ['lookups'],
  params: z.strictObject({}),
  timeoutMs: 120_000,
  attempts: 4,
  async run({ packages }, _params, ctx) {
    const artifacts = await ctx.history.artifacts();
    const known = await packageAnswers(ctx, artifacts, packages);
    const wanted = wantedHashes(artifacts, ctx.run.id).map((each) => (known.has(each.sha256) ? { ...each, free: true as const } : each));
    const answers = await ctx.answers(wanted);
    const askedAt = ctx.clock().toISOString();
    const lookups = wanted.map(
      ({ sha256 }): Lookup =>
        weightier(known.get(sha256), answers.get(sha256)) ?? { sha256, source: 'virustotal', status: 'pending', askedAt, cached: false },
    );
    // Custody holds answers one by one; the listing, which it holds as a whole, has the others as well.
    await ctx.recordLookups(lookups.filter(({ status }) => status !== 'pending' && status !== 'not-asked'));
    await ctx.recordArtifacts(await answerArtifacts(ctx.evidence, lookups));
    const { gaps, limits } = notesOf(lookups);
    for (const gap of gaps) ctx.gap(gap);
    for (const limit of limits) ctx.limit(limit);
    return { lookups: await keepLookups(ctx, lookups) };
  },
});

/** What the image's packages say stands unless a source holds the same bytes for bad: whoever makes the image makes its package database. */
function weightier(packaged: Lookup | undefined, answer: Lookup | undefined): Lookup | undefined {
  return packaged === undefined || isHeldForBad(answer) ? answer : packaged;
}

/** What the image's own packages say of files: no request is spent on those. */
async function packageAnswers(
  ctx: StepContext,
  artifacts: readonly Artifact[],
  packages: Facts['packages'] | undefined,
): Promise<ReadonlyMap<string, Lookup>> {
  if (packages === undefined) return new Map();
  const files = await readListing(ctx.evidence, packages.sha256, packageFileSchema);
  const askedAt = ctx.clock().toISOString();
  return new Map(
    knownByPackages(artifacts, files).map(({ sha256, manager, reason }) => {
      const lookup: Lookup = { sha256, source: `package:${manager}`, status: 'known-good', reason, askedAt, cached: false };
      return [sha256, lookup];
    }),
  );
}

/** Stores the listing of all of a run's lookups, the pending ones included, and counts them by status. */
export async function keepLookups(ctx: KeepContext, lookups: readonly Lookup[]): Promise<Facts['lookups']> {
  const counts: Record<string, number> = {};
  for (const { status } of lookups) counts[status] = (counts[status] ?? 0) + 1;
  return { ...(await keepListing(ctx, 'lookups', lookups)), counts };
}

/** The whole answers, as the source gave them: the desk has stored them, a cached one for another run. */
export async function answerArtifacts(evidence: EvidencePort, lookups: readonly Lookup[]): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const { sha256, source, answer, cached, askedAt } of lookups) {
    if (answer === undefined) continue;
    const { head, size } = await contentOf(evidence, answer);
    artifacts.push({
      id: artifactId('lookup-answer', `${source}\0${sha256}\0${answer}`),
      kind: 'lookup-answer',
      name: `${source} on ${sha256}`,
      sha256: answer,
      size,
      content: contentTypeOf(head, size),
      method: 'intel-api',
      known: cached,
      acquiredAt: askedAt,
    });
  }
  return artifacts;
}
