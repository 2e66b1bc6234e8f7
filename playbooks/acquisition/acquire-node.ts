import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import { TriageError } from '../domain/error.js';
import type { NodeContainer } from '../facts.js';
import type { NodeSession, StepContext } from '../ports.js';
import { acquireGroup } from './acquire-group.js';

/** A group is what is hashed and moved at a time: small enough that a crash costs little. */
const group = { files: 500, bytes: 256 * 1024 * 1024 };

/** Files of one directory tree of the node. */
interface Tree {
  readonly root: string;
  readonly changes: Change[];
}

/** Hashes the files on the node, moves those that the evidence store lacks, and records each with its custody entry. */
export async function artifactsFromNode(
  session: NodeSession,
  containers: readonly NodeContainer[],
  take: readonly Change[],
  ctx: StepContext,
): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const tree of treesOf(containers, take)) {
    for (const changes of groupsOf(tree.changes)) {
      const made = await acquireGroup(session, tree.root, changes, ctx);
      await ctx.recordArtifacts(made);
      artifacts.push(...made);
    }
  }
  return artifacts;
}

function treesOf(containers: readonly NodeContainer[], take: readonly Change[]): Tree[] {
  const trees = new Map<string, Tree>();
  for (const change of take) {
    const root = rootOf(containers, change);
    const tree = trees.get(root) ?? { root, changes: [] };
    tree.changes.push(change);
    trees.set(root, tree);
  }
  return [...trees.values()];
}

/** With metacopy the upper directory can hold zeros in place of content: then the node's own merged mount is read. */
function rootOf(containers: readonly NodeContainer[], change: Change): string {
  const container = containers.find(({ id }) => id === change.containerId);
  const { place } = change;
  const root =
    place.kind === 'volume'
      ? container?.volumes.find(({ volume, mountPath }) => volume === place.volume && mountPath === place.mountPath)?.source
      : container?.overlay?.metacopy === true
        ? container.overlay.merged
        : container?.overlay?.upper;
  if (root === undefined) throw new TriageError('internal', `no directory of the node is known for container ${change.container}`);
  return root;
}

function* groupsOf(changes: readonly Change[]): Generator<Change[]> {
  let current: Change[] = [];
  let bytes = 0;
  for (const change of changes) {
    const size = change.size ?? 0;
    if (current.length > 0 && (current.length >= group.files || bytes + size > group.bytes)) {
      yield current;
      current = [];
      bytes = 0;
    }
    current.push(change);
    bytes += size;
  }
  if (current.length > 0) yield current;
}
