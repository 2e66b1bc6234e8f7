import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { milestoneEventSchema } from '../../../playbooks/delivery/event.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { openDelivery } from '../../../store/deliveries.js';
import { hashOf } from '../engine/late-playbook.js';
import { withEngine } from '../engine/with-engine.js';
import { DeliveryStand, otherSecret, secret } from './delivery-stand.js';
import { status } from './receiver.js';

const engine = withEngine();
let stand: DeliveryStand;
beforeEach(async () => {
  stand = await DeliveryStand.create(engine());
});
afterEach(() => stand.close());

const three = ['acquisition.finished', 'report.written', 'verdict.ready'];

test('each milestone of a run is told once, signed, and stands in its custody', async () => {
  await stand.runner();
  const run = await stand.open();
  const all = await stand.ended(run, 3);
  expect(stand.types().sort()).toEqual(three);
  const view = await engine().ended(run);
  for (const { headers, body } of stand.receiver.received) {
    const event = milestoneEventSchema.parse(new Webhook(secret).verify(body, headers as Record<string, string>));
    if (event.type === 'batch.finished') throw new Error('of no batch');
    const delivery = all.find(({ id }) => id === headers['webhook-id'])!;
    expect(delivery).toMatchObject({ run, endpoint: 'soar', milestone: event.type, at: event.timestamp, attempts: 1, lastStatus: 200 });
    expect(event.data.run).toMatchObject({
      id: run,
      target: view.request.target,
      caseId: 'INC-7',
      playbook: 'few',
      links: { run: `/api/v1/runs/${run}` },
    });
    const entry = (await engine().entries(run)).find(({ detail }) => detail['delivery'] === delivery.id)!;
    expect(entry).toMatchObject({ act: 'result.delivered', subject: 'soar', actor: 'worker:test' });
    expect(entry.detail).toEqual({ endpoint: 'soar', milestone: event.type, delivery: delivery.id, sha256: sha256Hex(body), status: 200 });
  }
  const told = Object.fromEntries(
    stand.receiver.received.map(({ body }) => [
      (JSON.parse(body) as { type: string }).type,
      (JSON.parse(body) as { data: { run: object } }).data.run,
    ]),
  );
  expect(told['acquisition.finished']).toMatchObject({ state: 'running', counts: { artifacts: 3, changes: 0 } });
  expect(told['acquisition.finished']).not.toHaveProperty('verdict');
  expect(told['verdict.ready']).toMatchObject({ state: 'running', verdict: view.verdict, counts: { lookups: { undetected: 3 }, findings: 0 } });
  expect(told['report.written']).toMatchObject({
    state: 'completed',
    verdict: view.verdict,
    completeness: view.completeness,
    reportVersion: 1,
    milestones: view.milestones,
    links: { report: `/api/v1/runs/${run}/report` },
  });
  // Nobody who waits for a change of the run is woken, and what was signed still holds.
  await stand.it.verified(run);
  expect(await engine().redis.zcard(engine().keys.delivering)).toBe(0);
});

test('a run that names nobody tells nobody, and is not looked at again', async () => {
  await stand.runner();
  const run = await stand.open('few', { notify: [] });
  await engine().ended(run);
  expect(await stand.deliveries(run)).toEqual([]);
  expect(await engine().redis.zcard(engine().keys.telling)).toBe(0);
});

test('an endpoint hears of its milestones and namespaces only', async () => {
  await stand.runner();
  const near = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  await stand.ended(near, 1);
  expect(stand.types()).toEqual(['verdict.ready']);
  expect(() =>
    new Webhook(otherSecret).verify(stand.receiver.received[0]!.body, stand.receiver.received[0]!.headers as Record<string, string>),
  ).not.toThrow();
  const far = await stand.open('few', { notify: ['team'], namespace: 'shop' });
  await engine().ended(far);
  expect(await stand.deliveries(far)).toEqual([]);
});

test('a late amendment is told once, with what it has changed', async () => {
  const held = [1, 2].map((at) => hashOf(`p${at}`));
  stand.source.hold(...held);
  const runner = await stand.runner({ timings: { amendDebounceMs: 200 } });
  const run = await stand.open('few', { lookups: { deadlineSeconds: 1 } });
  await stand.ended(run, 3);
  // It may be amended: it is still looked after.
  await runner.reconcile();
  expect(await engine().redis.zscore(engine().keys.telling, run)).not.toBeNull();
  stand.source.release(...held);
  const all = await stand.ended(run, 4);
  expect(all[0]).toMatchObject({ milestone: 'run.amended', version: 2 });
  const amended = JSON.parse(stand.receiver.received.at(-1)!.body) as { data: { run: object } };
  expect(amended.data.run).toMatchObject({
    reportVersion: 2,
    verdict: 'no-findings',
    amendment: { answered: 2, pending: 0, verdictBefore: 'inconclusive' },
  });
  stand.ahead = 600_000;
  await runner.reconcile();
  expect(stand.types()).toHaveLength(4);
  expect(await engine().redis.zcard(engine().keys.telling)).toBe(0);
});

test('no name of a file is told, and no secret is in Redis, in the log or in what is told', async () => {
  await stand.runner();
  stand.receiver.answers = [status(500)];
  const run = await stand.open();
  await stand.until(run, (all) => all.length === 3 && all.every(({ attempts }) => attempts > 0));
  const aof = readFileSync(`${engine().server.folder}/appendonlydir/appendonly.aof.1.incr.aof`, 'latin1');
  expect(aof.length).toBeGreaterThan(10_000);
  const key = secret.replace('whsec_', '');
  const told = stand.receiver.received.map(({ body }) => body).join();
  for (const text of [aof, stand.logged.join(), told]) {
    expect(text).not.toContain(key);
    expect(text).not.toContain('what only the receiver knows');
  }
  // Files of the run are p0, p1 and p2.
  expect(told).not.toMatch(/"p[012]"/);
  for (const text of [aof, stand.logged.join()]) expect(text).not.toContain(stand.receiver.url);
});

test('what nobody told when it happened is told by the next worker that can', async () => {
  const silent = await stand.it.runner();
  const run = await stand.open();
  await engine().ended(run);
  await silent.stop(2_000);
  expect(await stand.deliveries(run)).toEqual([]);
  const runner = await stand.runner();
  await runner.reconcile();
  const all = await stand.ended(run, 3);
  // The endpoint forgets nothing either: a job that was lost is made anew.
  await stand.office.resend(all[0]!.id, 'key:admin', 'all');
  await stand.ended(run, 3);
  expect(stand.types()).toHaveLength(4);
});

test('a delivery whose job was lost is sent all the same', async () => {
  const run = await stand.open();
  const { redis, keys, queues } = engine();
  const silent = await stand.it.runner();
  await engine().ended(run);
  await silent.stop(2_000);
  const { finishedAt: at } = (await engine().reader.get(run))!.steps.find(({ name }) => name === 'take')!;
  const place = { run, endpoint: 'soar', milestone: 'acquisition.finished', at: at! } as const;
  await openDelivery({ redis, keys, queues, clock: stand.clock }, { ...place, cluster: 'default', namespace: 'shop' });
  await queues.get('delivery').obliterate({ force: true });
  stand.ahead = 60_000;
  const runner = await stand.runner();
  await runner.reconcile();
  await stand.ended(run, 3);
  expect(stand.types().sort()).toEqual(three);
});
