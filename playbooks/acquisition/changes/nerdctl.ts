import { z } from 'zod';
import type { Change } from '../../domain/change.js';
import { TriageError } from '../../domain/error.js';
import { displayText } from '../../domain/path-name.js';
import type { Facts, NodeContainer, PodContainer } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { ancestorsOf } from '../node/ancestors.js';
import type { TreeEntry } from '../node/find-records.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import { podNamespace } from '../node/pod-namespace.js';
import { changeOfDifference, pathOf } from './change-rows.js';
import { describePaths } from './describe-paths.js';
import { originOf } from './origin.js';

const rowSchema = z.object({ ID: z.string() });

/** Finds the pod's containers in what `nerdctl ps` prints, by id. */
export async function nerdctlContainers(
  session: NodeSession,
  target: Facts['target'],
  wanted: readonly PodContainer[],
  ctx: StepContext,
): Promise<NodeContainer[]> {
  const argv = [...ctx.nerdctl, ...podNamespace, 'ps', '--no-trunc', '--format', '{{json .}}'];
  const command = nodeCommand('nerdctl-ps', argv, { timeoutMs: 60_000 });
  const { stdout, outcome } = await collect(session, command, ctx.signal);
  checkExit(command, session.node.name, outcome);
  const ids = parseNerdctlPs(stdout.toString('utf8'));
  if (ids.size === 0)
    throw new TriageError('command-failed', `nerdctl ps on node ${session.node.name} lists no container at all; is its containerd address right?`);
  return wanted.flatMap((container) => {
    const { name, id, kind, instance } = container;
    if (ids.has(id)) return [{ name, id, kind, instance, state: 'running' as const, runtime: 'containerd' as const, volumes: [], mountPaths: [] }];
    ctx.gap({
      subject: `container ${container.name}`,
      reason: 'container-not-running',
      detail: `nerdctl ps does not list it for pod ${target.namespace}/${target.pod}`,
    });
    return [];
  });
}

/** Ids in the JSON lines of `nerdctl ps`; lines of another form are left out. */
export function parseNerdctlPs(text: string): Set<string> {
  const rows = text.split('\n').flatMap((line) => {
    try {
      return [rowSchema.parse(JSON.parse(line)).ID];
    } catch {
      return [];
    }
  });
  return new Set(rows);
}

/**
 * Lists a container's changes as `nerdctl diff` prints them. Types, sizes and owners are not in its answer; they are read from the container's
 * root file system where it is known on the node.
 * @throws TriageError `tool-missing`, `command-failed`
 */
export async function nerdctlDiff(session: NodeSession, container: NodeContainer, ctx: StepContext): Promise<Change[]> {
  const { lines, foreign } = parseNerdctlDiff(await runDiff(session, container, ctx));
  for (const line of foreign) {
    ctx.gap({
      subject: `${container.name}: ${displayText(line.subarray(0, 200))}`,
      reason: 'unreadable-line',
      detail: 'nerdctl diff does not escape names: a newline in one breaks its line, or forges another',
    });
  }
  const parents = new Set(lines.flatMap(({ path }) => ancestorsOf(path.toString('latin1'))));
  // nerdctl repeats the directories on the way to a change as changed themselves.
  const own = lines.filter(({ kind, path }) => kind !== 'changed' || !parents.has(path.toString('latin1')));
  const entries = await standing(session, container, own, ctx);
  return own.map(({ kind, path }) => {
    const key = path.toString('latin1');
    const now = entries.get(key);
    if (now === undefined || kind === 'deleted') return rowOf(container, kind, path, parents.has(key) ? 'directory' : 'unknown');
    return { ...changeOfDifference(container, { kind, path, now }), method: 'nerdctl' };
  });
}

async function runDiff(session: NodeSession, { id, name, overlay }: NodeContainer, ctx: StepContext): Promise<Buffer> {
  const command = nodeCommand('nerdctl-diff', [...ctx.nerdctl, ...podNamespace, 'diff', id], { timeoutMs: 10 * 60_000 });
  try {
    const { stdout, outcome } = await collect(session, command, ctx.signal);
    checkExit(command, session.node.name, outcome);
    return stdout;
  } catch (error) {
    if (!(error instanceof TriageError) || error.code !== 'tool-missing') throw error;
    const why =
      overlay === undefined
        ? `the snapshotter of container ${name} keeps no upper directory, so that only nerdctl diff can list its changes, and `
        : '';
    const todo = 'set PODTRIAGE_NERDCTL to where it is on the nodes, and PODTRIAGE_CONTAINERD_ADDRESS';
    throw new TriageError('tool-missing', `${why}node ${session.node.name} has no ${ctx.nerdctl[0] ?? 'nerdctl'}; ${todo}`, { cause: error });
  }
}

/** What stands at the listed paths now. A path that is not there was removed since, or its line was forged by a name with a newline. */
async function standing(
  session: NodeSession,
  { name, rootfs }: NodeContainer,
  lines: readonly DiffLine[],
  ctx: StepContext,
): Promise<ReadonlyMap<string, TreeEntry>> {
  const paths = lines.flatMap(({ kind, path }) => (kind === 'deleted' ? [] : [path]));
  if (rootfs === undefined) return new Map();
  const entries = await describePaths(session, rootfs, paths, ctx.signal);
  const missing = paths.filter((path) => !entries.has(path.toString('latin1'))).length;
  const detail = `${missing} paths that nerdctl diff lists are not there: they were removed since, or are parts of names with a newline`;
  if (missing > 0) ctx.gap({ subject: `container ${name}`, reason: 'unreadable-line', detail });
  return entries;
}

interface DiffLine {
  readonly kind: 'added' | 'changed' | 'deleted';
  readonly path: Buffer;
}

const kinds: Readonly<Record<string, DiffLine['kind']>> = { A: 'added', C: 'changed', D: 'deleted' };

/** Parses `A|C|D /path` lines of raw bytes; what has not that form is returned apart. */
export function parseNerdctlDiff(stdout: Buffer): { lines: DiffLine[]; foreign: Buffer[] } {
  const lines: DiffLine[] = [];
  const foreign: Buffer[] = [];
  let from = 0;
  while (from < stdout.length) {
    const end = stdout.indexOf(10, from);
    const line = stdout.subarray(from, end === -1 ? stdout.length : end);
    from = end === -1 ? stdout.length : end + 1;
    const kind = kinds[line.subarray(0, 1).toString('latin1')];
    if (kind !== undefined && line.subarray(1, 3).toString('latin1') === ' /') {
      if (line.length > 3) lines.push({ kind, path: line.subarray(3) });
    } else if (line.length > 0) foreign.push(line);
  }
  return { lines, foreign };
}

function rowOf(container: NodeContainer, kind: DiffLine['kind'], path: Buffer, type: Change['type']): Change {
  return {
    ...pathOf(container, { kind: 'rootfs' }, path),
    kind,
    type,
    // Without type and size a placeholder cannot be told from what was written into it; its own name is all there is to say it.
    origin: originOf(path.toString('latin1'), { kind, type: 'directory' }, container.mountPaths),
    method: 'nerdctl',
  };
}
