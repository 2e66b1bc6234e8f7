import { z } from 'zod';
import { readListing } from '../acquisition/ndjson.js';
import type { Artifact } from '../domain/artifact.js';
import { type Lookup, lookupSchema } from '../domain/lookup.js';
import { wantedHashes } from '../domain/lookup-order.js';
import { allowsUpload, type UploadFile, type UploadMode, type UploadOutcome } from '../domain/upload.js';
import type { Facts } from '../facts.js';
import type { StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { answerArtifacts, keepLookups } from './lookup-hashes.js';

const params = z.strictObject({
  /** Files that a run gives away at most, those that say most first. */
  files: z.int().min(0).max(100).default(5),
});

/** Gives files that no source knows to VirusTotal, where the run asks for it and the installation allows it. In any other case it does nothing. */
export const uploadUnknown = defineStep({
  name: 'upload-unknown',
  summary: 'Uploads files that VirusTotal does not know; only if both the run and the installation ask for it',
  queue: 'intel',
  permissions: [],
  needs: ['lookups'],
  uses: [],
  writes: ['lookups', 'uploads'],
  params,
  timeoutMs: 60 * 60_000,
  attempts: 4,
  uploads: true,
  unless: ({ options }) => (options.lookups.upload === 'never' ? 'the run does not ask for uploads' : undefined),
  async run({ lookups }, { files: most }, ctx) {
    const asked = ctx.run.request.options.lookups.upload;
    if (asked === 'never' || !allowsUpload(ctx.uploadPolicy, asked)) {
      const detail = `the run asks for ${asked} uploads, the installation allows ${ctx.uploadPolicy.mode} (PODTRIAGE_VT_UPLOAD); nothing was sent`;
      ctx.limit({ subject: 'uploads', reason: 'upload-forbidden', detail });
      return { lookups, uploads: { mode: 'never', wanted: 0, answered: 0 } };
    }
    const listed = await readListing(ctx.evidence, lookups.sha256, lookupSchema);
    const files = await chosen(ctx, listed, asked, most);
    const outcomes = files.length === 0 ? new Map<string, UploadOutcome>() : await ctx.uploaded(files);
    noteMissing(ctx, files, outcomes);
    const answers = [...outcomes.values()].flatMap((outcome) => (outcome.what === 'answered' ? [outcome.lookup] : []));
    const uploads = { mode: asked, wanted: files.length, answered: answers.length };
    return { uploads, lookups: answers.length === 0 ? lookups : await withAnswers(ctx, listed, answers) };
  },
});

/** The files that may go: unknown, whole, here, not too large, and among the first. What else was unknown is a limit. */
async function chosen(ctx: StepContext, lookups: readonly Lookup[], mode: UploadMode, most: number): Promise<UploadFile[]> {
  const unknown = new Set(lookups.filter(({ status }) => status === 'unknown').map(({ sha256 }) => sha256));
  const artifacts = (await ctx.history.artifacts()).filter(({ sha256 }) => unknown.has(sha256));
  const here = await whole(ctx, artifacts);
  const { maxBytes } = ctx.uploadPolicy;
  const fitting = here.filter(({ size }) => size <= maxBytes);
  const sizes = new Map(fitting.map(({ sha256, size }) => [sha256, size]));
  const ordered = wantedHashes(fitting, ctx.run.id);
  const limit = (count: number, reason: string, detail: string): void => {
    if (count > 0) ctx.limit({ subject: `${count} unknown ${count === 1 ? 'file' : 'files'}`, reason, detail });
  };
  limit(unknown.size - countOf(here), 'upload-not-here', 'not uploaded: not in the evidence store as a whole, only its hash is known');
  limit(countOf(here) - countOf(fitting), 'upload-too-large', `not uploaded: larger than ${maxBytes} bytes (PODTRIAGE_VT_UPLOAD_BYTES)`);
  limit(ordered.length - Math.min(ordered.length, most), 'upload-budget', `not uploaded: a run gives away ${most} files at most`);
  return ordered.slice(0, most).map(({ sha256 }) => ({ sha256, size: sizes.get(sha256) ?? 0, mode }));
}

/** Those whose bytes are in the evidence store, and were read in one piece. */
async function whole({ evidence }: StepContext, artifacts: readonly Artifact[]): Promise<Artifact[]> {
  const here: Artifact[] = [];
  for (const artifact of artifacts) {
    if (artifact.left !== true && artifact.unstable !== true && (await evidence.has(artifact.sha256))) here.push(artifact);
  }
  return here;
}

function countOf(artifacts: readonly Artifact[]): number {
  return new Set(artifacts.map(({ sha256 }) => sha256)).size;
}

function noteMissing(ctx: StepContext, files: readonly UploadFile[], outcomes: ReadonlyMap<string, UploadOutcome>): void {
  for (const { sha256 } of files) {
    const outcome = outcomes.get(sha256);
    if (outcome === undefined) ctx.gap({ subject: sha256, reason: 'upload-pending', detail: 'there was no analysis before the deadline' });
    else if (outcome.what === 'failed') ctx.gap({ subject: sha256, reason: outcome.error.code, detail: outcome.error.message });
  }
}

async function withAnswers(ctx: StepContext, lookups: readonly Lookup[], answers: readonly Lookup[]): Promise<Facts['lookups']> {
  const newer = new Map(answers.map((answer) => [answer.sha256, answer]));
  await ctx.replaceLookups(answers);
  await ctx.recordArtifacts(await answerArtifacts(ctx.evidence, answers));
  return keepLookups(
    ctx,
    lookups.map((lookup) => newer.get(lookup.sha256) ?? lookup),
  );
}
