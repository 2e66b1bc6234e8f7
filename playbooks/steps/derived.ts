import { ndjson } from '../acquisition/ndjson.js';
import { type Artifact, artifactId, contentTypeOf } from '../domain/artifact.js';
import type { StepContext, StoredEvidence } from '../ports.js';

/** Bytes that the run made or asked for itself: how they came, and what they are called. */
export interface Derived {
  readonly kind: Artifact['kind'];
  readonly name: string;
  readonly method: Artifact['method'];
  readonly identity?: Artifact['identity'];
  readonly unstable?: boolean;
}

/** What such bytes are stored and recorded with. */
export type KeepContext = Pick<StepContext, 'evidence' | 'signal' | 'clock' | 'recordArtifacts'>;

/** Stores such bytes and records them as an artifact. */
export async function keep(ctx: KeepContext, what: Derived, source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Artifact> {
  return recordKept(ctx, what, await ctx.evidence.put(source, ctx.signal));
}

/** Records such bytes, which the store has, as an artifact. */
export async function recordKept(ctx: KeepContext, what: Derived, stored: StoredEvidence): Promise<Artifact> {
  const { sha256, sha1, md5, size, head, existed } = stored;
  const artifact: Artifact = {
    // The digest is part of the id: a repeated attempt can make other bytes, and both were made.
    id: artifactId(what.kind, `${what.name}\0${sha256}`),
    kind: what.kind,
    name: what.name,
    sha256,
    sha1,
    md5,
    size,
    content: contentTypeOf(head, size),
    method: what.method,
    known: existed,
    ...(what.identity === undefined ? {} : { identity: what.identity }),
    ...(what.unstable === true ? { unstable: true } : {}),
    acquiredAt: ctx.clock().toISOString(),
  };
  await ctx.recordArtifacts([artifact]);
  return artifact;
}

/** Stores rows as an NDJSON listing; the fact keeps only its digest. */
export async function keepListing(ctx: KeepContext, name: string, rows: readonly unknown[]): Promise<{ sha256: string; count: number }> {
  const { sha256 } = await keep(ctx, { kind: 'listing', name, method: 'derived' }, ndjson(rows));
  return { sha256, count: rows.length };
}
