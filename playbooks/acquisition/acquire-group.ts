import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import { pathBytes } from '../domain/path-name.js';
import type { NodeSession, StepContext } from '../ports.js';
import { fileArtifact, gapOf, headOf } from './file-artifact.js';
import { hashOnNode } from './node-hash.js';
import { type Moved, moveFiles } from './transfer.js';

/** One file on its way: where it stands, and the hash that the node took of it. */
interface Candidate {
  readonly change: Change;
  readonly path: Buffer;
  readonly sha256: string;
}

/** What one try at a group gave: artifacts, and the files that changed between hash and transfer. */
interface Attempt {
  readonly artifacts: Artifact[];
  readonly unsettled: Change[];
}

/** Hashes a group of files of one tree on the node, then moves those whose content the evidence store does not have. */
export async function acquireGroup(session: NodeSession, root: string, changes: readonly Change[], ctx: StepContext): Promise<Artifact[]> {
  const first = await attempt(session, root, changes, true, ctx);
  // A file that changed meanwhile is taken again; if it will not hold still, what came is kept and labelled.
  const second = await attempt(session, root, first.unsettled, true, ctx);
  const third = await attempt(session, root, second.unsettled, false, ctx);
  for (const change of third.unsettled) gapOf(ctx, change, 'unstable', 'it changed each time it was read');
  return [...first.artifacts, ...second.artifacts, ...third.artifacts];
}

async function attempt(session: NodeSession, root: string, changes: readonly Change[], strict: boolean, ctx: StepContext): Promise<Attempt> {
  const candidates = await hashed(session, root, changes, ctx);
  const moving = await lacking(candidates, ctx);
  const files = [...moving.values()].map(({ change, path, sha256 }) => ({ path, sha256, size: change.size ?? 0 }));
  const moved = files.length === 0 ? new Map<string, Moved>() : await moveFiles({ session, evidence: ctx.evidence, root, strict }, files, ctx.signal);
  const result: Attempt = { artifacts: [], unsettled: [] };
  for (const candidate of candidates) {
    if (moving.get(candidate.sha256) === candidate) settleMoved(candidate, moved.get(candidate.path.toString('latin1')), result, ctx);
  }
  for (const candidate of candidates) {
    if (moving.get(candidate.sha256) !== candidate) await settleKnown(candidate, result, ctx);
  }
  return result;
}

async function hashed(session: NodeSession, root: string, changes: readonly Change[], ctx: StepContext): Promise<Candidate[]> {
  const paths = changes.map(({ path }) => pathBytes(path));
  const sums = await hashOnNode(session, root, paths, ctx.signal);
  return changes.flatMap((change, index) => {
    const path = paths[index] ?? Buffer.alloc(0);
    const sha256 = sums.get(path.toString('latin1'));
    if (sha256 !== undefined) return [{ change, path, sha256 }];
    gapOf(ctx, change, 'could-not-read', 'it vanished, or cannot be read on the node');
    return [];
  });
}

/** The first candidate of each content that the store does not have: each content is moved once. */
async function lacking(candidates: readonly Candidate[], ctx: StepContext): Promise<Map<string, Candidate>> {
  const moving = new Map<string, Candidate>();
  for (const candidate of candidates) {
    if (!moving.has(candidate.sha256) && !(await ctx.evidence.has(candidate.sha256))) moving.set(candidate.sha256, candidate);
  }
  return moving;
}

function settleMoved({ change, sha256 }: Candidate, moved: Moved | undefined, result: Attempt, ctx: StepContext): void {
  if (moved === undefined) gapOf(ctx, change, 'could-not-read', 'it vanished while it was acquired');
  else if (moved.outcome === 'not-a-file')
    gapOf(ctx, change, 'not-a-file', 'it was replaced by something that is no regular file while it was acquired');
  else if (moved.outcome === 'differs') result.unsettled.push(change);
  else {
    const { evidence } = moved;
    const unstable = evidence.sha256 === sha256 ? {} : { unstable: true };
    result.artifacts.push({ ...fileArtifact(change, 'node', evidence, ctx), ...unstable });
  }
}

/** Content that the store has already, or that another file of the group has just brought. */
async function settleKnown({ change, sha256 }: Candidate, result: Attempt, ctx: StepContext): Promise<void> {
  if (!(await ctx.evidence.has(sha256))) {
    result.unsettled.push(change);
    return;
  }
  const { head, size } = await headOf(ctx.evidence, sha256);
  result.artifacts.push({ ...fileArtifact(change, 'node', { sha256, head, size }, ctx), known: true });
}
