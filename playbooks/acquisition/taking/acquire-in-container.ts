import type { Artifact } from '../../domain/artifact.js';
import type { Change } from '../../domain/change.js';
import { asTriageError, TriageError, throwIfAborted } from '../../domain/error.js';
import type { Facts } from '../../facts.js';
import type { StagedEvidence, StepContext } from '../../ports.js';
import { type Copied, copyOut } from './container-copy.js';
import { fileArtifact, gapOf, subjectOf } from './file-artifact.js';

/** Files between two looks at whether their containers are still the ones that were listed. */
const groupFiles = 25;

/** So many transfers may hang before the rest is given up: a hostile tar could hold each for minutes, and the step has two hours. */
const maxHangs = 20;

/** What is wrong with one file; the others can still be had. */
const ofOneFile: ReadonlySet<string> = new Set([
  'command-failed',
  'container-not-running',
  'limit-exceeded',
  'pod-not-found',
  'timeout',
  'transfer-truncated',
]);

/** A file that came, before it is known whose it is. */
interface Taken {
  readonly change: Change;
  readonly staged: StagedEvidence;
}

/**
 * Takes files one by one through the suspect's own tar, as `kubectl cp` does: what it sends is what the container wants us to see, so each
 * artifact is marked `in-container`. Exec finds a container by its name only: what came is kept once its container is seen to be the one
 * that was listed, after as well as before.
 */
export async function artifactsFromContainer(ctx: StepContext, target: Facts['target'], take: readonly Change[]): Promise<Artifact[]> {
  const copier = new Copier(ctx, target);
  const artifacts: Artifact[] = [];
  let there = (await containersNow(ctx, target)) ?? new Map<string, string>();
  for (let at = 0; at < take.length; at += groupFiles) {
    const before = there;
    const group = take.slice(at, at + groupFiles).filter((change) => isThere(ctx, before, change));
    const taken = await copier.group(group);
    try {
      const now = taken.length === 0 ? there : await containersNow(ctx, target);
      there = now ?? new Map<string, string>();
      const kept = await keepWhatIsTheirs(ctx, taken, now);
      await ctx.recordArtifacts(kept);
      artifacts.push(...kept);
    } finally {
      await discardAll(taken);
    }
  }
  return artifacts;
}

class Copier {
  private bytesLeft: number;
  private hangs = 0;

  constructor(
    private readonly ctx: StepContext,
    private readonly target: Facts['target'],
  ) {
    this.bytesLeft = ctx.run.limits.totalBytes;
  }

  async group(changes: readonly Change[]): Promise<Taken[]> {
    const taken: Taken[] = [];
    try {
      for (const change of changes) taken.push(...(await this.one(change)));
      return taken;
    } catch (error) {
      await discardAll(taken);
      throw error;
    }
  }

  /** What was cut is tried once more: connections break, too. */
  private async copy(change: Change): Promise<Copied> {
    const allowance = { fileBytes: this.ctx.run.limits.fileBytes, totalBytes: this.bytesLeft };
    try {
      return await copyOut(this.ctx, this.target, change, allowance);
    } catch (error) {
      if (asTriageError(error).code !== 'transfer-truncated') throw error;
      return copyOut(this.ctx, this.target, change, allowance);
    }
  }

  private async one(change: Change): Promise<Taken[]> {
    const { ctx } = this;
    try {
      if (this.hangs >= maxHangs) throw new TriageError('timeout', `not tried, as ${maxHangs} transfers from this pod did not come to an end`);
      const copied = await this.copy(change);
      if (copied.outcome === 'taken') {
        this.bytesLeft -= copied.staged.size;
        noteSize(ctx, change, copied.staged.size);
        return [{ change, staged: copied.staged }];
      }
      ctx.limit({ subject: subjectOf(change), reason: copied.reason, detail: copied.detail });
    } catch (error) {
      throwIfAborted(ctx.signal);
      const known = asTriageError(error);
      if (!ofOneFile.has(known.code)) throw known;
      if (known.code === 'timeout') this.hangs += 1;
      gapOf(ctx, change, known.code, known.message);
    }
    return [];
  }
}

/** `containers` undefined: the pod was deleted meanwhile. What came before that is kept, as nobody can get it again, and labelled. */
async function keepWhatIsTheirs(ctx: StepContext, taken: readonly Taken[], containers: Containers | undefined): Promise<Artifact[]> {
  const kept: Artifact[] = [];
  for (const { change, staged } of taken) {
    if (containers === undefined)
      gapOf(ctx, change, 'pod-gone', 'it was taken, but the pod was deleted before it could be seen that its container was still the one listed');
    else if (!isThere(ctx, containers, change)) continue;
    kept.push(fileArtifact(change, 'in-container', await staged.keep(), ctx));
  }
  return kept;
}

/** Ids of the pod's running containers by name. */
type Containers = ReadonlyMap<string, string>;

/** Empty when another pod has its name now, undefined when none has. */
async function containersNow(ctx: StepContext, target: Facts['target']): Promise<Containers | undefined> {
  const pod = await ctx.cluster.pod(target, ctx.signal).catch((error: unknown) => {
    const known = asTriageError(error);
    if (known.code !== 'pod-not-found') throw known;
    return undefined;
  });
  if (pod === undefined) return undefined;
  const containers = pod.uid === target.uid ? pod.containers : [];
  return new Map(containers.flatMap(({ name, id, instance }) => (instance === 'current' ? [[name, id]] : [])));
}

/** Says whether an exec reaches the container that was listed; if not, that is a gap. */
function isThere(ctx: StepContext, containers: Containers, change: Change): boolean {
  if (change.instance !== 'previous' && change.place.kind !== 'process' && containers.get(change.container) === change.containerId) return true;
  const what = change.instance === 'previous' ? 'is of an instance that has ended' : 'is of a container that was restarted or deleted meanwhile';
  gapOf(ctx, change, 'container-not-running', `it ${what}; tar can only be run in one that runs`);
  return false;
}

/** The listing was made on the node: what came by the container's tar is kept, but not as if it were the same. */
function noteSize(ctx: StepContext, change: Change, size: number): void {
  if (change.size === undefined || change.size === size) return;
  gapOf(ctx, change, 'differs', `the node listed ${change.size} bytes, the container's tar sent ${size}`);
}

async function discardAll(taken: readonly Taken[]): Promise<void> {
  await Promise.all(taken.map(({ staged }) => staged.discard()));
}
