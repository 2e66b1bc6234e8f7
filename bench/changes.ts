import { overlayDiff } from '../playbooks/acquisition/changes/overlay-diff.js';
import { collect, nodeCommand } from '../playbooks/acquisition/node/node-command.js';
import { walkTree } from '../playbooks/acquisition/node/walk-tree.js';
import { factSchemas, type NodeContainer } from '../playbooks/facts.js';
import type { NodeSession } from '../playbooks/ports.js';
import { createPod, deletePod, inPod, lab, labCommand } from '../test/e2e/lab.js';
import { labNodes, listPod } from './acquisition.js';
import { median } from './median.js';

const pod = 'bench-changes';
const changed = 100;
const sizes = [10, 100_000] as const;
const signal = new AbortController().signal;

/** Medians for an image of so many files, in milliseconds. `ssh`: a command that does nothing, with sudo and time limit as all have them. */
interface Result {
  readonly ssh: number;
  readonly nerdctl: number;
  readonly walk: number;
  readonly diff: number;
}

/**
 * `nerdctl diff` against our diff, both through our own adapter and one login, on a pod with 100 changed files: of an image with 100,000 files,
 * and of one with 10, to show that the cost does not grow with the image. Ours is all of it: walk, lower layers, attributes, rows compared;
 * `ratio_walk` is of the walk alone. The lab must be up; PODTRIAGE_CHANGES_ROUNDS, default 9.
 */
export async function changes(): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_CHANGES_ROUNDS'] ?? '9');
  await labCommand('load', ...sizes.map((size) => `files-${size}`));
  const [small, large] = [await measured(sizes[0], rounds), await measured(sizes[1], rounds)];
  const named = (size: number, result: Result): [string, number][] =>
    Object.entries<number>({ ...result }).map(([key, value]) => [`${key}_ms_${size}`, round(value)]);
  return {
    rounds,
    changed,
    ...Object.fromEntries([...named(sizes[0], small), ...named(sizes[1], large)]),
    growth: round(large.diff / small.diff),
    ratio_walk: round(large.nerdctl / large.walk),
    ratio: round(large.nerdctl / large.diff),
  };
}

async function measured(size: number, rounds: number): Promise<Result> {
  await deletePod(pod);
  await createPod(pod, 'node-a', { image: `localhost/lab/files-${size}:1` });
  const nodes = labNodes();
  try {
    await inPod(pod, `i=0; while [ $i -lt ${changed} ]; do echo changed >/tmp/file-$i; i=$((i + 1)); done`);
    const { board } = await listPod(pod);
    const [container] = factSchemas.containers.parse(board.containers);
    const { name, address } = factSchemas.node.parse(board.node);
    if (container === undefined) throw new Error('the pod has no container');
    const session = await nodes.connect({ cluster: 'default', name, address }, signal);
    try {
      return await rest(session, container, size, rounds);
    } finally {
      await session.close();
    }
  } finally {
    await nodes.close();
    await deletePod(pod);
  }
}

async function rest(session: NodeSession, container: NodeContainer, size: number, rounds: number): Promise<Result> {
  const { overlay } = container;
  if (overlay === undefined) throw new Error('the container has no overlay');
  const acts = {
    ssh: () => collect(session, nodeCommand('nothing', ['true']), signal),
    nerdctl: () => nerdctlDiff(session, container.id),
    walk: () => walkTree(session, overlay.upper, 100_000, signal),
    diff: () => ourDiff(session, overlay),
  };
  const times: Record<keyof typeof acts, number[]> = { ssh: [], nerdctl: [], walk: [], diff: [] };
  for (let at = 0; at < rounds; at += 1) {
    for (const act of Object.keys(acts) as (keyof typeof acts)[]) times[act].push(await timeOf(acts[act]));
    const last = Object.entries(times).map(([act, list]) => `${act} ${round(list.at(-1) ?? 0)} ms`);
    process.stdout.write(`image of ${size} files, round ${at + 1}: ${last.join(', ')}\n`);
  }
  return { ssh: median(times.ssh), nerdctl: median(times.nerdctl), walk: median(times.walk), diff: median(times.diff) };
}

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

async function nerdctlDiff(session: NodeSession, id: string): Promise<void> {
  const argv = [lab.programs.nerdctl, '--address', lab.nodes[0]?.socket ?? '', '-n', 'k8s.io', 'diff', id];
  const { stdout, outcome } = await collect(session, nodeCommand('nerdctl-diff', argv), signal);
  const found = stdout.toString('latin1').split('\nA /tmp/file-').length - 1;
  if (outcome.exitCode !== 0 || found !== changed)
    throw new Error(`nerdctl diff lists ${found} files, status ${outcome.exitCode}: ${outcome.stderr}`);
}

async function ourDiff(session: NodeSession, overlay: NonNullable<NodeContainer['overlay']>): Promise<void> {
  const { differences, complete, problems } = await overlayDiff(session, { overlay }, 100_000, signal);
  const found = differences.filter(({ kind, path }) => kind === 'added' && path.toString('latin1').startsWith('tmp/file-')).length;
  if (found !== changed || !complete || problems.length > 0) throw new Error(`our diff lists ${found} files: ${JSON.stringify(problems)}`);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
