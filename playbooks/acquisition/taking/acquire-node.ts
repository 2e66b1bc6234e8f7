import type { Artifact } from '../../domain/artifact.js';
import type { Change } from '../../domain/change.js';
import { TriageError } from '../../domain/error.js';
import type { NodeContainer } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { Trees } from '../trees/tree-of-change.js';
import type { TreeReader } from '../trees/tree-reader.js';
import { candidateOf, prepareGroup, takeGroup } from './acquire-group.js';
import { gapOf } from './file-artifact.js';
import { overlapped } from './overlapped.js';
import { rankOf } from './plan.js';
import type { Candidate } from './settle.js';

/** A group is what is hashed and moved at a time: small enough that a crash costs little, large enough that a login's commands do not count. */
const group = { files: 2_500, bytes: 256 * 1024 * 1024 };

/** Files of one directory tree. */
interface Group {
  readonly reader: TreeReader;
  readonly candidates: Candidate[];
}

/**
 * Hashes the files on the node, moves those that policy wants and the evidence store lacks, and records each with its custody entry.
 * While one group moves, the next one is hashed, and what came of the one before is made durable and recorded.
 */
export async function artifactsFromNode(
  session: NodeSession,
  containers: readonly NodeContainer[],
  take: readonly Change[],
  ctx: StepContext,
): Promise<Artifact[]> {
  const mode = ctx.run.request.options.acquire;
  const gone = new GoneTrees(ctx);
  const groups = await overlapped(
    groupsOf(new Trees(session, containers, ctx.run.limits.changes), take, ctx),
    {
      prepare: ({ reader, candidates }, signal) => gone.tolerate(() => prepareGroup(reader, candidates, mode, signal)),
      take: async (group, prepared, signal, next) => {
        const taken = prepared === undefined ? undefined : await gone.tolerate(() => takeGroup(group.reader, prepared, { ...ctx, signal }, next));
        if (taken === undefined) gone.add(group);
        else await ctx.recordArtifacts(taken);
        return taken ?? [];
      },
    },
    ctx.signal,
  );
  const artifacts = groups.flat();
  if (artifacts.length === 0) gone.throwIfAny();
  return artifacts;
}

/** Trees that were removed while we read: a container that ends, or a pod that is deleted, takes its own with it and not those of others. */
class GoneTrees {
  private first: TriageError | undefined;

  constructor(private readonly ctx: StepContext) {}

  /** Undefined when the tree is gone. */
  async tolerate<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof TriageError) || error.code !== 'pod-gone') throw error;
      this.first ??= error;
      return undefined;
    }
  }

  add({ reader, candidates }: Group): void {
    const detail = `${reader.name} was removed before ${candidates.length} of its files were acquired`;
    this.ctx.gap({ subject: `${candidates.length} files`, reason: 'pod-gone', detail });
  }

  throwIfAny(): void {
    if (this.first !== undefined) throw this.first;
  }
}

/** In the order of the plan, tree by tree within each rank. */
function* groupsOf(trees: Trees, take: readonly Change[], ctx: StepContext): Generator<Group> {
  const byTree = new Map<string, { reader: TreeReader; changes: Change[] }>();
  for (const change of take) {
    const reader = trees.readerOf(change);
    if ('reason' in reader) {
      gapOf(ctx, change, reader.reason, reader.detail);
      continue;
    }
    const key = `${rankOf(change)} ${reader.name}`;
    const tree = byTree.get(key) ?? { reader, changes: [] };
    tree.changes.push(change);
    byTree.set(key, tree);
  }
  for (const { reader, changes } of byTree.values()) for (const candidates of cut(changes)) yield { reader, candidates };
}

function* cut(changes: readonly Change[]): Generator<Candidate[]> {
  let current: Candidate[] = [];
  let bytes = 0;
  for (const change of changes) {
    const candidate = candidateOf(change);
    if (current.length > 0 && (current.length >= group.files || bytes + candidate.size > group.bytes)) {
      yield current;
      current = [];
      bytes = 0;
    }
    current.push(candidate);
    bytes += candidate.size;
  }
  if (current.length > 0) yield current;
}
