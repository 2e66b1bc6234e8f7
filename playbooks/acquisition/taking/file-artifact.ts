import { createHash } from 'node:crypto';
import { type Artifact, artifactId, contentTypeOf, sourceOfChange } from '../../domain/artifact.js';
import type { Change } from '../../domain/change.js';
import type { EvidencePort, StepContext, StoredEvidence } from '../../ports.js';

/** The artifact of a file of the suspect. */
export function fileArtifact(
  change: Change,
  method: 'node' | 'in-container',
  evidence: Pick<StoredEvidence, 'sha256' | 'size' | 'head'> & Partial<Pick<StoredEvidence, 'sha1' | 'md5'>>,
  ctx: StepContext,
): Artifact {
  const source = sourceOfChange(change);
  const { sha256, sha1, md5, size, head } = evidence;
  return {
    id: artifactId('file', source),
    kind: 'file',
    sha256,
    ...(sha1 === undefined ? {} : { sha1 }),
    ...(md5 === undefined ? {} : { md5 }),
    size,
    content: contentTypeOf(head, size),
    source,
    method,
    known: false,
    acquiredAt: ctx.clock().toISOString(),
  };
}

/** Content that the store has, read once, as an artifact tells of it: packages know files by these digests. */
export async function contentOf(evidence: EvidencePort, sha256: string): Promise<Omit<StoredEvidence, 'existed'>> {
  const [sha1, md5] = [createHash('sha1'), createHash('md5')];
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of await evidence.open(sha256)) {
    const bytes = chunk as Uint8Array;
    sha1.update(bytes);
    md5.update(bytes);
    if (head.length < 512) head = Buffer.concat([head, bytes]).subarray(0, 512);
    size += bytes.length;
  }
  return { sha256, sha1: sha1.digest('hex'), md5: md5.digest('hex'), size, head };
}

/** What gaps and limits call a file: its container and where it is there. Safe to print. */
export function subjectOf(change: Pick<Change, 'container' | 'place' | 'path'>): string {
  const root = change.place.kind === 'volume' ? change.place.mountPath.replace(/\/$/, '') : '';
  return `${change.container}:${root}/${change.path.text}`;
}

/** Records that a file could not be had. */
export function gapOf(ctx: StepContext, change: Pick<Change, 'container' | 'place' | 'path'>, reason: string, detail: string): void {
  ctx.gap({ subject: subjectOf(change), reason, detail });
}
