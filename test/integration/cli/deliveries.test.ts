import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeliveryView } from '../../../store/delivery-record.js';
import { FakeDeliveries } from '../api/fake-deliveries.js';
import { at } from '../api/samples.js';
import { openStand, type Stand } from './command.js';

const id = `d${'1'.repeat(33)}`;
const soar = {
  name: 'soar',
  kind: 'webhook',
  url: 'https://hooks.example/',
  secretFile: '/s',
  milestones: ['verdict.ready', 'run.amended'],
  reach: 'all',
} as const;
let stand: Stand;
const deliveries = new FakeDeliveries();
beforeAll(async () => {
  stand = await openStand({ deliveries, endpoints: [{ ...soar, milestones: [...soar.milestones] }] });
  const told: DeliveryView = { id, run: 'r1', endpoint: 'soar', milestone: 'verdict.ready', at, state: 'dead', attempts: 31, createdAt: at };
  deliveries.all.set(id, { ...told, lastError: { code: 'delivery-failed', message: 'the endpoint answered 500' } });
  const other = `d${'2'.repeat(33)}`;
  deliveries.all.set(other, { ...told, id: other, run: 'r2', state: 'pending', attempts: 1, nextAt: at });
});
afterAll(() => stand.close());

it('lists deliveries with why they were not taken', async () => {
  const { code, stdout } = await stand.run('deliveries');
  expect(code).toBe(0);
  expect(stdout).toContain(`dead (31 attempts): the endpoint answered 500`);
  expect(stdout).toContain(`pending (1 attempt, next ${at})`);
  const dead = await stand.run('deliveries', '--dead', '--json');
  expect(JSON.parse(dead.stdout)).toMatchObject([{ id, state: 'dead' }]);
});

it('sends one again', async () => {
  const { code, stdout } = await stand.run('deliveries', 'resend', id);
  expect([code, stdout]).toEqual([0, `${id}: endpoint soar is told verdict.ready again\n`]);
  expect(deliveries.all.get(id)).toMatchObject({ state: 'pending', resentBy: 'key:key-1' });
});

it('lists endpoints, and names them for a run', async () => {
  expect((await stand.run('endpoints')).stdout).toContain('verdict.ready, run.amended');
  const run = (await stand.run('triage', '-n', 'shop', 'web-0', '--notify', 'soar', '--detach')).stdout.trim();
  expect(stand.door.runs.of(run).view.request.notify).toEqual(['soar']);
  const { code, stderr } = await stand.run('triage', '-n', 'shop', 'web-0', '--notify', 'sorry', '--detach');
  expect(code).toBe(1);
  expect(stderr).toContain('there is no endpoint "sorry"');
});
