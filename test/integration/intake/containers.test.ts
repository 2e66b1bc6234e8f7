import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeResolved } from '../../../api/dispatch/resolved.js';
import { type ListedPod, listedPodSchema } from '../../../playbooks/domain/batch.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { type Alert, alertSchema } from '../../../playbooks/domain/trigger.js';
import type { PodFilter, PodListPort } from '../../../playbooks/ports.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import { resolveQueue } from '../../../store/container-alerts.js';
import { fakePorts } from '../engine/fake-ports.js';
import { withEngine } from '../engine/with-engine.js';
import { apiProcess } from './intake-stand.js';

const engine = withEngine();
const by = { actor: 'key:falco', reach: 'all' } as const;
const config = parseIntakes('test.yaml', 'rules: [{ name: shop, playbook: brief, namespaces: [shop] }]');
const id = (start: string): string => start.padEnd(64, '0');

function listed(namespace: string, pod: string, ...containerIds: string[]): ListedPod {
  const uid = `${sha256Hex(pod).slice(0, 8)}-1111-4111-8111-111111111111`;
  return listedPodSchema.parse({ namespace, pod, uid, phase: 'Running', images: [], imageDigests: [], containerIds });
}

/** A cluster whose pods the test sets. */
class Cluster implements PodListPort {
  readonly asked: PodFilter[] = [];
  pods: ListedPod[] = [];
  broken = false;

  // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
  async *list(_cluster: string, filter: PodFilter): AsyncGenerator<readonly ListedPod[]> {
    this.asked.push(filter);
    if (this.broken) throw new TriageError('cluster-unreachable', 'not now');
    yield [];
    yield filter.node === undefined ? this.pods : this.pods.filter(({ node }) => node === filter.node);
  }
}

function about(containerId: string, more: { rule?: string; node?: string } = {}): Alert {
  const { rule = 'Shell', node } = more;
  return alertSchema.parse({
    intake: 'falco',
    fingerprint: sha256Hex(randomUUID()),
    rule,
    priority: 'warning',
    at: new Date().toISOString(),
    suspect: { containerId: { cluster: 'default', id: containerId, ...(node === undefined ? {} : { node }) } },
  });
}

let api: ReturnType<typeof apiProcess>;
let cluster: Cluster;
let stop: () => Promise<void>;
beforeEach(async () => {
  cluster = new Cluster();
  api = apiProcess(engine(), config);
  const { containers, desk, triggers } = api;
  const { prefix, server } = engine();
  stop = takeResolved({ connection: server.endpoint, prefix, containers, desk, triggers, log: pino({ level: 'silent' }) });
  await engine().runner({ ports: { ...fakePorts, pods: cluster } });
});
afterEach(async () => {
  await stop();
  api.close();
});

async function runs(wanted: number): Promise<readonly string[]> {
  for (;;) {
    const found = await engine().redis.zrange(engine().keys.all, '0', '-1');
    if (found.length >= wanted) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function left(): Promise<unknown> {
  for (;;) {
    const found = await api.triggers.left();
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** All jobs of the queue as if their time had come, until there are none. */
async function drain(): Promise<void> {
  const queue = engine().queues.get(resolveQueue('default'));
  while ((await queue.getJobCountByTypes('wait', 'prioritized', 'active', 'delayed')) > 0) {
    await queue.promoteJobs().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('an alert about a container', () => {
  it('leads to a run of its pod, by the first digits of its id', async () => {
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'), id('bbbbbbbbbbbb')), listed('shop', 'web-1', id('cccccccccccc'))];
    expect(await api.desk.take(about('bbbbbbbbbbbb'), by)).toMatchObject({ outcome: 'resolving' });
    const [run] = await runs(1);
    expect(await engine().ended(run!)).toMatchObject({
      requestedBy: 'key:falco',
      request: { target: { namespace: 'shop', pod: 'web-0' } },
      origin: { trigger: { rule: 'Shell', startedBy: 'shop' } },
    });
  });

  it('is taken at once when its pod has been found before', async () => {
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'))];
    await api.desk.take(about('aaaaaaaaaaaa'), by);
    const [run] = await runs(1);
    expect(await api.desk.take(about('aaaaaaaaaaaa'), by)).toMatchObject({ run });
    expect(cluster.asked).toHaveLength(1);
  });

  it('is looked for on the node that it names, then everywhere', async () => {
    cluster.pods = [{ ...listed('shop', 'web-0', id('aaaaaaaaaaaa')), node: 'node-a' }];
    await api.desk.take(about('aaaaaaaaaaaa', { node: 'falco-4cvkq' }), by);
    await runs(1);
    expect(cluster.asked).toEqual([{ node: 'falco-4cvkq' }, {}]);
  });

  it('is in a flood of 300 one run and few questions to the cluster', async () => {
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'))];
    await Promise.all(Array.from({ length: 300 }, () => api.desk.take(about('aaaaaaaaaaaa'), by)));
    const [run] = await runs(1);
    await engine().until(run!, ({ triggers }) => triggers?.count === 300);
    expect(await runs(1)).toHaveLength(1);
    expect(cluster.asked.length).toBeLessThan(5);
  });

  it('that the cluster does not know is looked for again, and is left at the end', async () => {
    await api.desk.take(about('dddddddddddd'), by);
    await drain();
    expect(await left()).toMatchObject([{ subject: 'default/dddddddddddd', reason: 'container-not-found', count: 1 }]);
    expect(await engine().redis.zcard(engine().keys.all)).toBe(0);
  });

  it('is taken once the cluster can be asked, and knows it', async () => {
    cluster.broken = true;
    await api.desk.take(about('eeeeeeeeeeee'), by);
    while (cluster.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    cluster.broken = false;
    cluster.pods = [listed('shop', 'late-0', id('eeeeeeeeeeee'))];
    await drain();
    await runs(1);
  });

  it('whose first digits fit two pods is left', async () => {
    cluster.pods = [listed('shop', 'web-0', id('ffffffffffff0')), listed('shop', 'web-1', id('ffffffffffff1'))];
    await api.desk.take(about('ffffffffffff'), by);
    await drain();
    expect(await left()).toMatchObject([{ reason: 'conflict' }]);
  });

  it('starts nothing in a namespace that no rule fits, or that who tells it does not reach', async () => {
    cluster.pods = [listed('other', 'x-0', id('aaaaaaaaaaaa')), listed('shop', 'web-0', id('bbbbbbbbbbbb'))];
    await api.desk.take(about('aaaaaaaaaaaa'), by);
    await api.desk.take(about('bbbbbbbbbbbb'), { ...by, reach: [{ cluster: 'default', namespace: 'other' }] });
    await drain();
    const known = async (start: string) => api.containers.podOf(`default/${start}`);
    expect([await known('aaaaaaaaaaaa'), await known('bbbbbbbbbbbb')]).toMatchObject([{ pod: 'x-0' }, { pod: 'web-0' }]);
    const resolved = engine().queues.get('resolved');
    while ((await resolved.getJobCountByTypes('wait', 'active', 'delayed')) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await engine().redis.zcard(engine().keys.all)).toBe(0);
    expect(await api.desk.take(about('bbbbbbbbbbbb'), { ...by, reach: [{ cluster: 'default', namespace: 'other' }] })).toMatchObject({
      outcome: 'ignored',
      reason: 'the credential does not reach its pod',
    });
  });
});

describe('who can write to Redis', () => {
  it('can have an alert that is on its way start one run, however often he sends it again', async () => {
    const { redis, keys, queues } = engine();
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'))];
    const alert = about('aaaaaaaaaaaa');
    const queue = queues.get(resolveQueue('default'));
    await queue.pause();
    await api.desk.take(alert, by);
    const seen: unknown = (await queue.getJob(`alert.${alert.fingerprint}`))!.data;
    await queue.resume();
    const [run] = await runs(1);
    await engine().ended(run!);
    const pod = { cluster: 'default', namespace: 'shop', pod: 'web-0' };
    await redis.del(keys.told(pod, alert.fingerprint), keys.podRuns(pod), keys.podClaim(pod), keys.triggered(pod));
    const again = await queues.get('resolved').add('alert', seen, { removeOnComplete: false });
    while (!(await again.isCompleted())) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await runs(1)).toEqual([run]);
  });

  it('can put no alert of his own on its way', async () => {
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'))];
    const alert = about('aaaaaaaaaaaa');
    // Signed by a worker, as one that was broken into could.
    const text = engine().texts.sign({ purpose: 'alert', about: alert.fingerprint }, { alert, actor: 'key:eve', reach: 'all', once: false });
    for (const queue of [resolveQueue('default'), 'resolved']) {
      const job = await engine().queues.get(queue).add('alert', { fingerprint: alert.fingerprint, alert: text }, { removeOnComplete: false });
      while (!(await job.isCompleted())) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(cluster.asked).toEqual([]);
    expect(await engine().redis.zcard(engine().keys.all)).toBe(0);
  });

  it('cannot say which pod a container is of', async () => {
    const { redis, keys } = engine();
    const text = JSON.stringify({ value: { namespace: 'shop', pod: 'other-0', uid: 'x' }, by: 'nobody', sig: 'none' });
    await redis.set(keys.containerPod('default/aaaaaaaaaaaa'), text);
    cluster.pods = [listed('shop', 'web-0', id('aaaaaaaaaaaa'))];
    await api.desk.take(about('aaaaaaaaaaaa'), by);
    const [run] = await runs(1);
    expect((await engine().reader.get(run!))!.request.target.pod).toBe('web-0');
  });
});
