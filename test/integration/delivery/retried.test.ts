import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { retryPlan } from '../../../playbooks/delivery/retry.js';
import { queueDelivery } from '../../../store/deliveries.js';
import { deliveryId } from '../../../store/delivery-record.js';
import type { Runner } from '../../../workers/runner/create-runner.js';
import { withEngine } from '../engine/with-engine.js';
import { DeliveryStand } from './delivery-stand.js';
import { status } from './receiver.js';

const engine = withEngine();
let stand: DeliveryStand;
beforeEach(async () => {
  stand = await DeliveryStand.create(engine());
});
afterEach(() => stand.close());

/** A run whose only delivery is of `verdict.ready`, and has been tried once. */
async function tried(runner?: Runner): Promise<{ run: string; id: string; runner: Runner }> {
  const started = runner ?? (await stand.runner());
  const run = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  const [delivery] = await stand.until(run, ([first]) => first?.lastError !== undefined);
  await engine().ended(run);
  return { run, id: delivery!.id, runner: started };
}

/** Moves the clock, and lets the reconciler find what is due. */
async function later(runner: Runner, ms: number): Promise<void> {
  stand.ahead += ms;
  await runner.reconcile();
}

async function acts(run: string): Promise<string[]> {
  return (await engine().entries(run)).map(({ act }) => act).filter((act) => act.startsWith('result.'));
}

test('what is not taken is tried again, under the same id and with the same words, until it is', async () => {
  stand.receiver.answers = [status(500), (_req, res) => res.destroy(), status(302), status(200)];
  const { run, id, runner } = await tried();
  expect((await stand.deliveries(run))[0]).toMatchObject({
    state: 'pending',
    lastStatus: 500,
    lastError: { code: 'delivery-failed', message: 'the endpoint answered 500' },
  });
  for (const attempts of [2, 3, 4]) {
    await later(runner, 60_000);
    const reason = attempts === 2 ? 'the connection was cut' : 'the endpoint answered 302: redirects are not followed';
    await stand.until(run, ([first]) => (attempts === 4 ? first!.state === 'delivered' : first!.lastError?.message === reason));
    expect(await stand.deliveries(run)).toMatchObject([{ attempts }]);
  }
  const { received } = stand.receiver;
  expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  expect(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4);
  expect(await acts(run)).toEqual(['result.delivered']);
  expect((await stand.deliveries(run))[0]).not.toHaveProperty('lastError');
});

test('the first wait is about five seconds, and nobody tries before', async () => {
  stand.receiver.answers = [status(500), status(200)];
  const { run, runner } = await tried();
  const { id, nextAt, triedAt } = await stand.single(run);
  const wait = Date.parse(nextAt!) - Date.parse(triedAt!);
  expect(wait).toBeGreaterThanOrEqual(retryPlan.firstMs);
  // The attempt itself may take ten.
  expect(wait).toBeLessThan(retryPlan.firstMs + 10_000);
  await queueDelivery(engine().queues, id);
  await runner.reconcile();
  await sleep(300);
  expect(stand.receiver.received).toHaveLength(1);
  // By itself, without anybody's help.
  expect(await stand.until(run, ([first]) => first!.state === 'delivered')).toMatchObject([{ attempts: 2 }]);
});

test('an endpoint that asks for time gets it', async () => {
  stand.receiver.answers = [status(429, { 'retry-after': '7200' })];
  const { run } = await tried();
  const { nextAt } = await stand.single(run);
  expect(Math.abs(Date.parse(nextAt!) - Date.now() - 7_200_000)).toBeLessThan(20_000);
});

test('an endpoint that hangs costs its time and no more', async () => {
  stand.receiver.answers = [() => undefined];
  const { run } = await tried(await stand.runner({ timings: { deliverTimeoutMs: 300 } }));
  expect(await stand.deliveries(run)).toMatchObject([
    { state: 'pending', attempts: 1, lastError: { code: 'delivery-failed', message: 'the endpoint did not answer within 0.3 s' } },
  ]);
});

test('after 24 hours it is given up, which is in custody; sent again, it has another 24', async () => {
  stand.receiver.answers = [status(500)];
  const { run, id, runner } = await tried();
  await later(runner, retryPlan.totalMs - 60_000);
  await stand.until(run, ([first]) => first!.attempts === 2);
  expect(await stand.deliveries(run)).toMatchObject([{ state: 'pending' }]);
  await later(runner, 120_000);
  await stand.until(run, ([first]) => first!.state === 'dead');
  expect(await acts(run)).toEqual(['result.undeliverable']);
  const entry = (await engine().entries(run)).find(({ act }) => act === 'result.undeliverable')!;
  expect(entry.detail).toMatchObject({ endpoint: 'team', milestone: 'verdict.ready', delivery: id, error: 'delivery-failed', attempts: 3 });
  expect((await stand.office.list({ reach: 'all', state: 'dead', limit: 10 })).deliveries).toMatchObject([{ id }]);
  // Nobody tries it any more.
  await later(runner, 3_600_000);
  expect((await stand.deliveries(run))[0]).toMatchObject({ state: 'dead', attempts: 3 });
  expect(await stand.office.resend(id, 'key:admin', 'all')).toMatchObject({ state: 'pending', attempts: 0, resentBy: 'key:admin' });
  await stand.until(run, ([first]) => first!.attempts === 1 && first!.lastError !== undefined);
  stand.receiver.answers = [status(200)];
  await later(runner, 60_000);
  await stand.ended(run, 1);
  expect(await acts(run)).toEqual(['result.undeliverable', 'result.delivered']);
  expect(new Set(stand.receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  await stand.it.verified(run);
});

test('what was delivered can be sent again, too, and what is pending cannot', async () => {
  await stand.runner();
  const run = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  await stand.ended(run, 1);
  const { id } = await stand.single(run);
  await stand.office.resend(id, 'key:admin', 'all');
  await expect(stand.office.resend(id, 'key:admin', 'all')).rejects.toMatchObject({ code: 'conflict' });
  await stand.until(run, ([first]) => first!.state === 'delivered');
  expect(stand.receiver.received).toHaveLength(2);
  expect(await acts(run)).toEqual(['result.delivered', 'result.delivered']);
  await expect(stand.office.resend(`d${'0'.repeat(33)}`, 'key:admin', 'all')).rejects.toMatchObject({ code: 'not-found' });
  await expect(stand.office.resend(id, 'key:admin', [{ cluster: 'default', namespace: 'shop' }])).rejects.toMatchObject({ code: 'not-found' });
});

test.each([
  ['410', status(410), 'delivery-failed'],
  ['an address that nothing is sent to', undefined, 'address-refused'],
])('%s ends it at once', async (_what, answer, code) => {
  const { config } = stand;
  if (answer !== undefined) stand.receiver.answers = [answer];
  const runner = await stand.runner({}, answer === undefined ? { ...config, allow: { ...noEndpoints.allow, http: true } } : config);
  const { run } = await tried(runner);
  expect(await stand.deliveries(run)).toMatchObject([{ state: 'dead', attempts: 1, lastError: { code } }]);
  expect(await acts(run)).toEqual(['result.undeliverable']);
  expect(stand.receiver.connections).toBe(answer === undefined ? 0 : 1);
});

test('an endpoint that was taken out of the configuration is not passed over: it shows, and can be sent to once it is back', async () => {
  const gone = await stand.runner({}, { ...stand.config, endpoints: stand.config.endpoints.filter(({ name }) => name !== 'soar') });
  const run = await stand.open();
  const dead = await stand.ended(run, 3, 'dead');
  expect(dead.map(({ lastError }) => lastError?.code)).toEqual(Array.from({ length: 3 }, () => 'endpoint-unknown'));
  await gone.stop(2_000);
  await stand.runner();
  for (const { id } of dead) await stand.office.resend(id, 'key:admin', 'all');
  await stand.ended(run, 3);
  expect(stand.types().sort()).toEqual(['acquisition.finished', 'report.written', 'verdict.ready']);
});

test('an endpoint that hangs does not hold up another one', async () => {
  const hanging: (() => void)[] = [];
  stand.receiver.answers = [(_req, res) => void hanging.push(() => res.writeHead(200).end())];
  const { config } = stand;
  const other = await DeliveryStand.create(engine());
  const endpoints = config.endpoints.map((each) => (each.name === 'team' && each.kind === 'webhook' ? { ...each, url: other.receiver.url } : each));
  // Longer than this test takes on a busy machine.
  await stand.runner({ concurrency: { deliveries: 6 }, timings: { deliverTimeoutMs: 90_000 } }, { ...config, endpoints });
  for (let count = 0; count < 3; count += 1) await stand.open('few', { notify: ['soar'] });
  await stand.until('', () => hanging.length === 4);
  const run = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  await stand.ended(run, 1);
  expect(hanging).toHaveLength(4);
  other.close();
});

test('a delivery that nothing signed confirms is not sent', async () => {
  await stand.runner();
  const run = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  await stand.ended(run, 1);
  const sent = await stand.single(run);
  const { redis, keys, queues } = engine();
  const made = { run, endpoint: 'soar', milestone: 'verdict.ready', at: sent.at } as const;
  const forge = async (id: string, fields: Record<string, string>): Promise<void> => {
    await redis.hset(keys.delivery(id), { state: 'pending', since: '1', createdAt: sent.at, cluster: 'default', namespace: 'bank', ...fields });
    await redis.zadd(keys.deliveriesOf(run), 0, id);
    await queueDelivery(queues, id);
  };
  // To an endpoint that the signed request does not name; of what has not been reached; under a foreign id; a second time.
  await forge(deliveryId(made), { ...made });
  const early = { ...made, endpoint: 'team', at: '2026-01-01T00:00:00.000Z' };
  await forge(deliveryId(early), early);
  await forge(`d${'f'.repeat(33)}`, { ...made, endpoint: 'team' });
  await redis.hset(keys.delivery(sent.id), { state: 'pending' });
  await queueDelivery(queues, sent.id);
  const all = await stand.until(run, (found) => found.length === 4 && found.every(({ state }) => state === 'dead'));
  expect(all.every(({ lastError }) => lastError?.code === 'custody-broken')).toBe(true);
  expect(stand.receiver.received).toHaveLength(1);
  expect(await acts(run)).toEqual(['result.delivered']);
  expect(stand.logged.filter((line) => line.includes('"code":"custody-broken"'))).toHaveLength(4);
  // Nobody but the API can wish for it again.
  await redis.hset(keys.delivery(sent.id), {
    state: 'pending',
    wish: engine().texts.sign({ purpose: 'delivery-wish', about: sent.id }, { ends: 1 }),
  });
  await queueDelivery(queues, sent.id);
  await stand.until(run, (found) => found.every(({ state }) => state === 'dead'));
  expect(stand.receiver.received).toHaveLength(1);
});

test('a run that nobody has asked for is told to nobody, and is not looked at for ever', async () => {
  const runner = await stand.runner();
  const { redis, keys } = engine();
  await redis.zadd(keys.telling, 0, 'r1forged');
  await redis.hset(keys.run('r1forged'), { request: '{"notify":["soar"]}' });
  await runner.reconcile();
  expect(await redis.zcard(keys.telling)).toBe(0);
  expect(stand.logged.filter((line) => line.includes('"code":"custody-broken"'))).toHaveLength(1);
  expect(stand.receiver.connections).toBe(0);
});

test('a batch that has ended is told once, whatever else is in Redis', async () => {
  await stand.runner();
  const event = { id: 'b1', state: 'completed', cluster: 'default', counts: { completed: 3 }, links: { batch: '/api/v1/batches/b1' } } as const;
  const told = { notify: ['soar', 'team'], event, at: '2026-01-02T03:04:05.000Z', namespace: 'bank' };
  await stand.office.tellBatch(told);
  await stand.office.tellBatch(told);
  const [delivery] = await stand.ended('b1', 1);
  expect(delivery).toMatchObject({ batch: 'b1', endpoint: 'soar', milestone: 'batch.finished' });
  expect(stand.receiver.received.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    { type: 'batch.finished', timestamp: told.at, data: { batch: event } },
  ]);
  const place = { batch: 'b2', endpoint: 'soar', milestone: 'batch.finished', at: told.at } as const;
  const id = deliveryId(place);
  const { redis, keys, queues } = engine();
  const forged = engine().texts.sign({ purpose: 'delivery-event', about: id }, { ...event, id: 'b2' });
  await redis.hset(keys.delivery(id), {
    ...place,
    state: 'pending',
    since: '1',
    createdAt: told.at,
    cluster: 'default',
    namespace: '*',
    event: forged,
  });
  await redis.zadd(keys.deliveriesOf('b2'), 0, id);
  await queueDelivery(queues, id);
  expect(await stand.ended('b2', 1, 'dead')).toMatchObject([{ lastError: { code: 'custody-broken' } }]);
  expect(stand.receiver.received).toHaveLength(1);
});
