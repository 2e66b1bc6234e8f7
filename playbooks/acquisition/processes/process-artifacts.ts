import { type Artifact, type ArtifactSource, artifactId, contentTypeOf } from '../../domain/artifact.js';
import { isFileless } from '../../domain/process.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { type HashedExecutable, type HashOutcome, moveExecutable, type WantedExecutable } from './process-hash.js';
import type { FoundProcess } from './process-rows.js';

/** Each executable once, with the processes that run it: what lies on no file system first, then what is not of the root file system. */
export function distinctExecutables(processes: readonly FoundProcess[]): (WantedExecutable & { readonly first: FoundProcess })[] {
  const byKey = new Map<string, { key: string; pids: number[]; first: FoundProcess }>();
  for (const found of processes) {
    const { executable: key, row } = found;
    if (key === undefined) continue;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { key, pids: [row.pid], first: found });
    else known.pids.push(row.pid);
  }
  return [...byKey.values()].sort((a, b) => rankOf(a.first) - rankOf(b.first) || sizeOf(a.first) - sizeOf(b.first));
}

function rankOf({ row, onRoot }: FoundProcess): number {
  if (isFileless(row)) return 0;
  return onRoot ? 2 : 1;
}

function sizeOf({ row }: FoundProcess): number {
  return row.executable.size ?? 0;
}

/**
 * Records the executables: content that no changed file can bring (it is on no file system any more, or not on the container's root) is
 * moved; of one that lies on the root file system only the hash is recorded, as it is taken with the changes where it is one.
 */
export async function recordExecutables(
  session: NodeSession,
  processes: readonly FoundProcess[],
  hashes: ReadonlyMap<string, HashOutcome>,
  ctx: StepContext,
): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const containerId of new Set(processes.map(({ row }) => row.containerId))) {
    for (const wanted of distinctExecutables(processes.filter(({ row }) => row.containerId === containerId))) {
      const hashed = hashes.get(wanted.key);
      if (hashed === undefined || typeof hashed === 'string') continue;
      const artifact = await artifactOf(session, wanted, hashed, ctx);
      await ctx.recordArtifacts([artifact]);
      artifacts.push(artifact);
    }
  }
  return artifacts;
}

async function artifactOf(
  session: NodeSession,
  wanted: WantedExecutable & { first: FoundProcess },
  hashed: HashedExecutable,
  ctx: StepContext,
): Promise<Artifact> {
  const { first } = wanted;
  const base = baseOf(first, hashed, ctx);
  if (await ctx.evidence.has(hashed.sha256)) return { ...base, known: true };
  if (!isFileless(first.row) && first.onRoot) return { ...base, left: true };
  const subject = `${first.row.container}: process ${first.row.pid}, ${first.row.executable.path.text}`;
  if (ctx.run.request.options.acquire === 'hashes') {
    ctx.limit({ subject, reason: 'hashes-only', detail: `${hashed.size} bytes` });
    return { ...base, left: true };
  }
  if (hashed.size > ctx.run.limits.fileBytes) {
    ctx.limit({ subject, reason: 'file-bytes', detail: `${hashed.size} bytes` });
    return { ...base, left: true };
  }
  const stored = await moveExecutable(session, ctx.evidence, wanted, hashed, ctx.signal);
  if (stored !== undefined) return { ...base, sha1: stored.sha1, md5: stored.md5 };
  ctx.gap({ subject, reason: 'could-not-read', detail: 'the process ended before the content of its executable could be taken; its hash was' });
  return { ...base, left: true };
}

function baseOf({ row }: FoundProcess, { sha256, size, head, ctime }: HashedExecutable, ctx: StepContext): Artifact {
  const { container, containerId, pid, executable } = row;
  const { device, inode } = executable;
  const source: ArtifactSource = { container, containerId, place: { kind: 'process', pid }, path: executable.path };
  return {
    id: artifactId('process-executable', source),
    kind: 'process-executable',
    sha256,
    size,
    content: contentTypeOf(head, size),
    source,
    method: 'node',
    known: false,
    ...(device === undefined || inode === undefined ? {} : { identity: { device, inode, ctime } }),
    acquiredAt: ctx.clock().toISOString(),
  };
}
