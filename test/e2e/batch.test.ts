import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../playbooks/domain/custody.js';
import type { FleetReport } from '../../playbooks/fleet/report.js';
import type { BatchTargetView, BatchView } from '../../store/batches-view.js';
import { apply, inPod, kubectl, lab, labCommand, podManifest } from './lab.js';
import { TestService } from './service.js';

/** Pods over both nodes; the whole measure is 60. */
const count = Number(process.env['PODTRIAGE_E2E_FLEET'] ?? '12');
/** Runs at a time. */
const atOnce = 8;
const names = Array.from({ length: count }, (_, number) => `fleet-${number}`);
/** Every third pod is changed; of those, every second has what the others have, too. */
const changed = names.filter((_, number) => number % 3 === 0);
const equal = changed.filter((_, at) => at % 2 === 0);
const dropper = (name: string): string => `#!/bin/sh\necho ${equal.includes(name) ? 'same' : name}\n`;

let service: TestService;
let worker: ChildProcess | undefined;

beforeAll(async () => {
  await remove();
  const items = names.map((name, number) => {
    const manifest = podManifest(name, number % 2 === 0 ? 'node-a' : 'node-b') as { metadata: object };
    return { ...manifest, metadata: { ...manifest.metadata, labels: { app: 'fleet' } } };
  });
  await apply({ apiVersion: 'v1', kind: 'List', items });
  await kubectl('wait', '--for=condition=Ready', 'pod', '-l', 'app=fleet', '--timeout=240s');
  for (const name of changed) await inPod(name, `printf '${dropper(name).replaceAll('\n', '\\n')}' >/tmp/dropper && chmod 755 /tmp/dropper`);
  service = await TestService.start();
});

afterAll(async () => {
  worker?.kill('SIGKILL');
  await service.stop();
  await remove();
});

async function remove(): Promise<void> {
  await kubectl('delete', 'pod', '-l', 'app=fleet', '--ignore-not-found', '--wait=true', '--timeout=240s');
}

/** A second worker process beside the service's own. */
async function startWorker(): Promise<ChildProcess> {
  const env = { ...service.environment, REDIS_URL: `unix://${join(service.data, 'redis.sock')}` };
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../dist/cli/main.js'), 'serve', '--only', 'workers'], { env });
  child.stderr.resume();
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

async function batchOf(id: string, wanted: (view: BatchView) => boolean): Promise<BatchView> {
  for (const end = Date.now() + 280_000; ; ) {
    const view = (await service.api(`/batches/${id}?wait=5`)).body as BatchView;
    if (wanted(view)) return view;
    if (Date.now() > end) throw new Error(`batch ${id} did not get there: ${JSON.stringify({ ...view, request: undefined })}`);
  }
}

const isOver = ({ state }: BatchView): boolean => state === 'completed' || state === 'failed' || state === 'cancelled';

it('a fleet is triaged though a worker is killed and a node cannot be reached for 20 s: nothing is lost, outliers are right', async () => {
  worker = await startWorker();
  expect(worker.exitCode).toBeNull();
  const dry = await service.command('batch', '-n', lab.namespace, '-l', 'app=fleet', '--dry-run');
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(new RegExp(`^pods +${count}\nnodes +2\n`)) as string]);

  const answer = await service.post('/batches', {
    select: { where: { namespace: lab.namespace, labels: 'app=fleet' } },
    concurrency: { total: atOnce, perNode: atOnce / 2 },
    caseId: 'fleet',
  });
  expect(answer.status).toBe(202);
  const { id } = answer.body as BatchView;
  await batchOf(id, ({ counts }) => (counts?.completed ?? 0) > 0);
  await labCommand('stop-sshd', 'b');
  try {
    worker.kill('SIGKILL');
    await sleep(20_000);
  } finally {
    await labCommand('start-sshd', 'b');
  }
  let view = await batchOf(id, isOver);
  for (let tries = 0; tries < 3 && (view.counts?.failed ?? 0) > 0; tries += 1) {
    expect((await service.post(`/batches/${id}/retry`, {})).status).toBe(202);
    view = await batchOf(id, isOver);
  }
  expect(view).toMatchObject({ state: 'completed', counts: { pending: 0, running: 0, completed: count, failed: 0, gone: 0 } });

  view = await batchOf(id, ({ report, finishedAt }) => report !== undefined && report.at >= (finishedAt ?? ''));
  const report = (await service.api(`/batches/${id}/report`)).body as FleetReport;
  const podOf = new Map(report.pods.map(({ number, pod }) => [number, pod]));
  const outliers = report.artifacts.filter(({ rarity, path }) => rarity === 'outlier' && path.text === 'tmp/dropper');
  const found = new Map(outliers.map(({ sha256, pods }) => [sha256, pods.map((number) => podOf.get(number)).sort()]));
  const own = changed.filter((name) => !equal.includes(name));
  const right = new Map(own.map((name) => [sha256Hex(dropper(name)), [name]]));
  expect(found).toEqual(right.set(sha256Hex(dropper(equal[0] ?? '')), [...equal].sort()));
  expect(report.unknown.filter(({ what }) => what === 'not-examined')).toEqual([]);

  // Each hash was asked about once, however many pods have it.
  expect([...service.virusTotal.requests.perHash.values()].filter((times) => times !== 1)).toEqual([]);
  // Each content is moved once, whoever comes upon it at the same moment.
  const { body } = (await service.api(`/batches/${id}/targets?limit=1000`)) as { body: { targets: BatchTargetView[] } };
  const moved = new Map<string, number>();
  for (const { run = '' } of body.targets)
    for (const { kind, sha256, known, left } of await service.rows<Artifact>(run, 'artifacts'))
      if (kind === 'file' && !known && left !== true) moved.set(sha256, (moved.get(sha256) ?? 0) + 1);
  for (const sha256 of found.keys()) expect(moved.has(sha256)).toBe(true);
  for (const times of moved.values()) expect(times).toBe(1);

  const csv = await service.command('batch', 'report', id, '--format', 'csv');
  expect(csv.stdout.split('\r\n').filter((line) => line.startsWith('"outlier"') && line.includes('"tmp/dropper"'))).toHaveLength(own.length + 1);
  const shown = await service.command('batch', 'show', id);
  expect(shown.stdout).toContain(`${id} completed: ${count} completed`);
});
