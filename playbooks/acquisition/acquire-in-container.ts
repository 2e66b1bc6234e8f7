import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import { asTriageError } from '../domain/error.js';
import { pathBytes } from '../domain/path-name.js';
import type { Facts } from '../facts.js';
import type { PodRef, StepContext } from '../ports.js';
import { fileArtifact, gapOf } from './file-artifact.js';
import { readTar } from './tar-reader.js';

/** What is wrong with one file; the others can still be had. */
const ofOneFile: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'transfer-truncated']);

/**
 * Takes files one by one through the suspect's own tar, as `kubectl cp` does: what it sends is what the container wants us to see,
 * so each artifact is marked `in-container`.
 */
export async function artifactsFromContainer(ctx: StepContext, target: Facts['target'], take: readonly Change[]): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const change of take) {
    try {
      const artifact = await copyOne(ctx, target, change);
      if (artifact === undefined) continue;
      await ctx.recordArtifacts([artifact]);
      artifacts.push(artifact);
    } catch (error) {
      const known = asTriageError(error);
      if (!ofOneFile.has(known.code)) throw known;
      gapOf(ctx, change, known.code, known.message);
    }
  }
  return artifacts;
}

/** Undefined for what is no regular file: it is listed, not copied. */
async function copyOne(ctx: StepContext, ref: PodRef, change: Change): Promise<Artifact | undefined> {
  const path = Buffer.concat([Buffer.from('/'), pathBytes(change.path)]);
  const archive = await ctx.inContainer.archive(ref, change.container, path, ctx.run.limits.fileBytes + 1024 * 1024, ctx.signal);
  let artifact: Artifact | undefined;
  let first = true;
  for await (const entry of readTar(archive)) {
    if (first && entry.type === 'file')
      artifact = fileArtifact(change, 'in-container', await ctx.evidence.put(entry.body, ctx.signal, { size: entry.size }), ctx);
    first = false;
  }
  return artifact;
}
