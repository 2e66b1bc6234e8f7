import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { deletePod, labCommand } from '../e2e/lab.js';
import { TestService } from '../e2e/service.js';
import type { Case, Row, Seen, Where } from './case.js';
import { contentOf, linesOf, rowsOf } from './compare.js';
import { makePod, type PodShape, plantAll } from './pod.js';
import { NodeSecret } from './secret.js';

/** Cases that share one pod on each node and one run. */
export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
  /** Images of `lab load`. */
  readonly images?: readonly string[];
  readonly shape?: PodShape | ((node: string, secret: string) => PodShape);
  /** The run's options. */
  readonly options?: object;
  /** Changes the node while pod, or pod and run, are made. Both nodes have the same kernel. */
  readonly kernel?: { set(): void; reset(): void; during: 'pod' | 'run' };
  /** How many runs are made, for what only a race shows. Default 1; the last one is looked at. */
  readonly runs?: number;
  /** A run that takes longer than this hangs. */
  readonly withinMs?: number;
}

const nodes = ['node-a', 'node-b'] as const;

/** One node's pod. What is undone at the end is here as soon as it is there. */
interface Planted {
  readonly secret: NodeSecret;
  service?: TestService;
  seen?: Seen;
}

/** Declares the tests of a group: each case on each node, and what must hold for the whole. */
export function corpus(group: Group): void {
  describe(group.name, () => {
    const planted = new Map<string, Planted>();
    beforeAll(async () => {
      await labCommand('load', ...(group.images ?? ['corpus']));
      for (const node of nodes) planted.set(node, { secret: new NodeSecret(podOf(group, node)) });
      await plantAndTriage(group, planted);
    });
    afterAll(async () => {
      for (const [node, { service, secret }] of planted) {
        await service?.stop();
        await deletePod(podOf(group, node));
        secret.remove();
      }
    });
    describe.each(nodes)('%s', (node) => {
      const at = () => planted.get(node)!;
      for (const [each, where] of placed(group, node)) {
        it(each.name, () => {
          check(each, where, at().seen!);
        });
      }
      declareWhole(group, node, at);
    });
  });
}

function check(each: Case, where: Where, seen: Seen): void {
  const rows = typeof each.rows === 'function' ? each.rows(where) : each.rows;
  if (rows !== 'moving') {
    const { wanted, listed } = linesOf(withDirectory(each, rows), seen, where, each.atRoot ?? []);
    expect(listed).toEqual(wanted);
  }
  each.check?.(seen, where);
}

function declareWhole(group: Group, node: string, at: () => Planted): void {
  it('does not hang', () => {
    const seen = at().seen!;
    expect(seen.run.state, JSON.stringify(seen.run.steps)).toBe('completed');
    expect(seen.took).toBeLessThan(group.withinMs ?? 120_000);
  });

  it('gives nothing of the node away', () => {
    const { secret, service } = at();
    expect(secret.leaks(join(service!.data, 'evidence'))).toEqual([]);
  });

  it('lists nothing that nobody planted', () => {
    const seen = at().seen!;
    const ours = new Set(placed(group, node).flatMap(([each, where]) => rowsOf(seen, where, each.atRoot ?? [])));
    const foreign = seen.changes.filter((change) => change.origin === 'container' && change.place.kind === 'rootfs' && !ours.has(change));
    expect(foreign.map(({ kind, path }) => `${kind} ${path.text}`)).toEqual([]);
  });

  it('loses nothing silently: each file that is listed was taken, or a gap or limit names it', () => {
    const seen = at().seen!;
    const lost = seen.changes.filter((change) => change.origin === 'container' && contentOf(change, seen) === 'lost');
    // Of very many only the first are named, and the rest is counted.
    const counted = seen.limits.reduce((sum, { subject }) => sum + Number(/^(\d+) more files$/.exec(subject)?.[1] ?? 0), 0);
    if (counted > 0) expect(lost.length).toBe(counted);
    else expect(lost.map(({ path }) => path.text)).toEqual([]);
  });
}

function podOf(group: Group, node: string): string {
  return `corpus-${group.name.replaceAll(' ', '-')}-${node}`;
}

/** Each case of a node with its place; those that work on a stage get one each, in order. */
function placed(group: Group, node: string): [Case, Where][] {
  let stages = 0;
  const secret = `/opt/podtriage-secret-${podOf(group, node)}`;
  return group.cases
    .filter(({ only }) => only === undefined || only === node)
    .map((each, index) => {
      const dir = each.stage === true ? `corpus/stage-${String(stages++).padStart(2, '0')}` : `corpus/case-${index}`;
      return [each, { node, dir, secret }];
    });
}

/** A case's own directory is new as well, where it is none of the image. */
function withDirectory(each: Case, rows: readonly Row[]): readonly Row[] {
  return each.stage === true || rows.some(({ path, in: place }) => path.length === 0 && place === undefined)
    ? rows
    : [{ path: '', kind: 'added', type: 'directory', mode: '0755' }, ...rows];
}

async function plantAndTriage(group: Group, planted: ReadonlyMap<string, Planted>): Promise<void> {
  const { kernel } = group;
  kernel?.set();
  try {
    await each(planted, ([node, { secret }]) => plantedPod(group, node, secret));
    if (kernel?.during === 'pod') kernel.reset();
    await each(planted, ([node, made]) => triaged(group, node, made));
  } finally {
    kernel?.reset();
  }
}

/** All at once; the first failure is told when all have ended. */
async function each<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
  for (const one of await Promise.allSettled([...items].map(act))) if (one.status === 'rejected') throw one.reason;
}

async function plantedPod(group: Group, node: string, secret: NodeSecret): Promise<void> {
  const pod = podOf(group, node);
  await deletePod(pod);
  await makePod(pod, node, typeof group.shape === 'function' ? group.shape(node, secret.folder) : (group.shape ?? {}));
  await plantAll(
    pod,
    placed(group, node).map(([planting, where]) => ({ case: planting, where })),
  );
}

async function triaged(group: Group, node: string, made: Planted): Promise<void> {
  const service = await TestService.start();
  made.service = service;
  const options = { acquire: 'all', ...group.options };
  for (let again = 1; again < (group.runs ?? 1); again += 1) await service.triage(podOf(group, node), { options });
  const began = performance.now();
  const run = await service.triage(podOf(group, node), { options });
  const took = performance.now() - began;
  const { gaps, limits } = (await service.api(`/runs/${run.id}/report?format=json`)).body as Pick<Seen, 'gaps' | 'limits'>;
  made.seen = {
    run,
    took,
    gaps,
    limits,
    changes: await service.rows<Change>(run.id, 'changes'),
    artifacts: await service.rows<Artifact>(run.id, 'artifacts'),
    processes: await service.rows(run.id, 'processes'),
    content: ({ sha256 }) => readFileSync(join(service.data, 'evidence', 'sha256', sha256.slice(0, 2), sha256.slice(2))),
  };
}
