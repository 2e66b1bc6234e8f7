import { z } from 'zod';
import { headOf } from '../acquisition/taking/file-artifact.js';
import { type Artifact, artifactId, contentTypeOf } from '../domain/artifact.js';
import type { Lookup } from '../domain/lookup.js';
import { wantedHashes } from '../domain/lookup-order.js';
import { fileLookups } from '../permission.js';
import type { StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

/**
 * Takes the answers of the lookup desk. The run has waited for them before this step began; what is still missing then is `pending`.
 */
export const lookupHashes = defineStep({
  name: 'lookup-hashes',
  summary: 'Asks VirusTotal about each file’s sha256, within the quota',
  queue: 'intel',
  permissions: [fileLookups],
  needs: ['artifacts'],
  uses: [],
  writes: ['lookups'],
  params: z.strictObject({}),
  timeoutMs: 120_000,
  attempts: 4,
  async run(_facts, _params, ctx) {
    const wanted = wantedHashes(await ctx.history.artifacts());
    const answers = await ctx.answers(wanted);
    const askedAt = ctx.clock().toISOString();
    const lookups = wanted.map(
      ({ sha256 }): Lookup => answers.get(sha256) ?? { sha256, source: 'virustotal', status: 'pending', askedAt, cached: false },
    );
    await ctx.recordLookups(lookups.filter(({ status }) => status !== 'pending'));
    await ctx.recordArtifacts(await answerArtifacts(ctx, lookups));
    const counts: Record<string, number> = {};
    for (const { sha256, status, error } of lookups) {
      counts[status] = (counts[status] ?? 0) + 1;
      if (status === 'error')
        ctx.gap({ subject: `lookup of ${sha256}`, reason: error?.code ?? 'error', ...(error === undefined ? {} : { detail: error.message }) });
      if (status === 'pending') ctx.gap({ subject: `lookup of ${sha256}`, reason: 'pending', detail: 'no answer came before the deadline' });
    }
    return { lookups: { ...(await keepListing(ctx, 'lookups', lookups)), counts } };
  },
});

/** The whole answers, as the source gave them: the desk has stored them, a cached one for another run. */
async function answerArtifacts(ctx: StepContext, lookups: readonly Lookup[]): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const { sha256, source, answer, cached, askedAt } of lookups) {
    if (answer === undefined) continue;
    const { head, size } = await headOf(ctx.evidence, answer);
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
