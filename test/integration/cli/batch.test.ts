import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { FleetReport } from '../../../playbooks/fleet/report.js';
import type { BatchView } from '../../../store/batches-view.js';
import { at } from '../api/samples.js';
import { openStand, type Stand } from './command.js';

let stand: Stand;
beforeEach(async () => {
  stand = await openStand();
});
afterEach(() => stand.close());

const counts = { pending: 0, running: 0, completed: 2, failed: 0, cancelled: 0, gone: 0, foreign: 0 };

/** The one batch that there is, as soon as the command has opened it. */
async function opened(): Promise<BatchView> {
  for (;;) {
    const view = [...stand.door.batches.views.values()].at(-1);
    if (view !== undefined) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function set(view: BatchView, change: Partial<BatchView>): void {
  stand.door.batches.views.set(view.id, { ...view, ...change });
}

function fleet(batch: string, change: Partial<FleetReport> = {}): FleetReport {
  const pods = ['web-0', 'web-1'].map((pod, number) => ({
    number,
    namespace: 'shop',
    pod,
    group: 0,
    state: 'completed' as const,
    verdict: 'no-findings' as const,
  }));
  const groups = [{ namespace: 'shop', owner: { kind: 'Deployment', name: 'web' }, images: ['i'], pods: 2, examined: 2 }];
  return { version: 1, batch, at, groups, pods, unknown: [], artifacts: [], left: 0, ...change };
}

const outlier: FleetReport['artifacts'][number] = {
  group: 0,
  container: 'c',
  place: 'rootfs',
  path: pathName(Buffer.from('tmp/\x1b[31mx')),
  sha256: 'a'.repeat(64),
  size: 5,
  level: 'suspicious',
  rarity: 'outlier',
  pods: [1],
  found: 1,
  elsewhere: 0,
};

/** Lets a batch end with this report. */
function end(view: BatchView, report: FleetReport): void {
  set(view, { state: 'completed', counts, finishedAt: at, report: { sha256: stand.door.evidence.keep(JSON.stringify(report)), at } });
}

describe('podtriage batch', () => {
  test('shows how it goes on, and ends with the outliers and what was not looked at', async () => {
    const command = stand.start('batch', '-n', 'shop', '-l', 'app=web', '--case', 'c-1', '--total', '4', '--per-node', '1');
    const view = await opened();
    expect(view.request).toMatchObject({
      select: { where: { namespace: 'shop', labels: 'app=web' } },
      caseId: 'c-1',
      concurrency: { total: 4, perNode: 1 },
    });
    set(view, { state: 'running', counts: { ...counts, pending: 1, completed: 1 } });
    await command.says('running: 1 pending, 1 completed');
    const unknown = [{ number: 0, what: 'not-examined' as const, reason: 'node-unreachable' }];
    end(view, fleet(view.id, { artifacts: [outlier], unknown }));
    const { code, stdout, stderr } = await command.outcome;
    expect(stdout).toMatch(/outliers.*\n.*LEVEL.*\nsuspicious +1\/2 +shop\/Deployment\/web +\/tmp\/\\x1b\[31mx +aaaaaaaaaaaa +web-1\n/);
    expect(stdout).toMatch(/unknown is not clean\n.*\nnot-examined +shop\/web-0 +node-unreachable/);
    expect(`${stdout}${stderr}`).not.toContain('\x1b');
    expect(code).toBe(3);
  });

  test.each([
    ['nothing was found', {}, 0],
    ['something was found', { verdict: 'suspicious' as const }, 2],
    ['nobody can tell', { verdict: 'inconclusive' as const }, 3],
  ])('says by its exit status that %s', async (_what, pod, code) => {
    const command = stand.start('batch', '--owner', 'Deployment/web', '--json');
    const view = await opened();
    const { pods, ...report } = fleet(view.id);
    end(view, { ...report, pods: pods.map((each, number) => (number === 0 ? { ...each, ...pod } : each)) });
    const outcome = await command.outcome;
    expect(outcome.code).toBe(code);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ batch: view.id, pods: [{ pod: 'web-0' }, { pod: 'web-1' }] });
  });

  test('a dry run prints the plan, and a batch that failed why', async () => {
    const dry = stand.start('batch', '--all', '--dry-run');
    const plan = { pods: 7, nodes: 2, estimatedSeconds: 90, lookups: { most: 350, leftToday: 12 } };
    set(await opened(), { state: 'planned', plan });
    const planned = await dry.outcome;
    expect([planned.code, planned.stdout]).toEqual([
      0,
      'pods     7\nnodes    2\ntime     about 2 min\nlookups  at most 350 requests; 12 are left today\n',
    ]);
    stand.door.batches.views.clear();
    const failing = stand.start('batch', '--image', 'web:1');
    set(await opened(), { state: 'failed', error: { code: 'batch-too-large', message: 'the selection has 9 pods' } });
    expect(await failing.outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('the selection has 9 pods') as string });
  });

  test('without or with two kinds of selection it asks which pods', async () => {
    for (const words of [[], ['--all', '-n', 'shop'], ['--pod', 'shop/a', '--all'], ['--pod', 'a'], ['--owner', 'web']]) {
      const { code, stderr } = await stand.run('batch', ...words);
      expect([code, /say which pods|must be/.test(stderr)]).toEqual([1, true]);
    }
    expect(stand.door.batches.views.size).toBe(0);
  });

  test('detached it prints the id, by which it is shown, listed, told and reported', async () => {
    const { stdout } = await stand.run('batch', '--pod', 'shop/web-0', '--pod', 'shop/web-1', '--detach');
    const id = stdout.trim();
    const view = await opened();
    expect(view).toMatchObject({ id, request: { select: { targets: [{ pod: 'web-0' }, { pod: 'web-1' }] } } });
    set(view, { state: 'running', counts });
    stand.door.batches.pods.set(id, [{ number: 0, namespace: 'shop', pod: 'web-0', state: 'failed', error: { code: 'pod-gone', message: 'm' } }]);
    expect((await stand.run('batch', 'show', id)).stdout).toMatch(/running: 2 completed\n.*\nshop\/web-0 +- +failed \(pod-gone\)/s);
    expect((await stand.run('batches')).stdout).toMatch(new RegExp(`${id} +${at} +running +a-f-02 +2 completed`));
    expect((await stand.run('batch', 'pause', id)).stdout).toBe(`${id} paused: 2 completed\n`);
    expect((await stand.run('batch', 'retry', id)).code).toBe(1);
    expect(await stand.run('batch', 'report', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('no report yet') as string });
    end(view, fleet(id, { artifacts: [outlier] }));
    expect((await stand.run('batch', 'report', id, '--format', 'csv')).stdout.split('\r\n')[1]).toMatch(
      /^"outlier","suspicious","shop","Deployment\/web"/,
    );
    expect(JSON.parse((await stand.run('batch', 'report', id, '--format', 'json')).stdout)).toMatchObject({ artifacts: [{ rarity: 'outlier' }] });
  });
});
