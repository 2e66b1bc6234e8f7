import { beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryView } from '../../../store/delivery-record.js';
import { type Door, minimal, openDoor, openRun } from './door.js';
import { FakeDeliveries } from './fake-deliveries.js';
import { at } from './samples.js';

const id = `d${'1'.repeat(33)}`;
const endpoints = [
  { name: 'soar', kind: 'webhook', url: 'https://hooks.example/token-in-path', secretFile: '/srv/soar', milestones: ['verdict.ready'], reach: 'all' },
  {
    name: 'bank',
    kind: 'slack',
    channel: 'C0123',
    tokenFile: '/srv/bot',
    milestones: ['verdict.ready'],
    reach: [{ cluster: 'default', namespace: 'bank' }],
  },
] as const;
const open = endpoints.map((endpoint) => ({
  ...endpoint,
  milestones: [...endpoint.milestones],
  ...(endpoint.reach === 'all' ? {} : { reach: [...endpoint.reach] }),
}));

let deliveries: FakeDeliveries;
let door: Door;
let run: string;

function doorFor(who: { scopes: ('runs:read' | 'runs:write' | 'admin')[]; reach: 'all' | { cluster: string; namespace: string }[] }): Door {
  const keys = { verify: () => Promise.resolve({ id: 'key-2', name: 'somebody', ...who }) };
  return openDoor({ deliveries, endpoints: open as never, keys });
}

/** The answer's body, whatever it is. */
async function bodyOf(request: PromiseLike<{ body: unknown }>): Promise<unknown> {
  return (await request).body;
}

beforeEach(async () => {
  deliveries = new FakeDeliveries();
  door = openDoor({ deliveries, endpoints: open as never });
  run = await openRun(door);
  const view: DeliveryView = {
    id,
    run,
    endpoint: 'soar',
    milestone: 'verdict.ready',
    at,
    state: 'dead',
    attempts: 31,
    createdAt: at,
    triedAt: at,
    diedAt: at,
  };
  deliveries.all.set(id, { ...view, lastStatus: 500, lastError: { code: 'delivery-failed', message: 'the endpoint answered 500' } });
});

describe('/endpoints', () => {
  it('shows addresses to admins, and secrets to nobody', async () => {
    const body = await bodyOf(door.get('/api/v1/endpoints').expect(200));
    expect(body).toEqual({
      endpoints: [
        { name: 'soar', kind: 'webhook', milestones: ['verdict.ready'], url: 'https://hooks.example/token-in-path' },
        { name: 'bank', kind: 'slack', milestones: ['verdict.ready'] },
      ],
    });
    const reader = doorFor({ scopes: ['runs:read'], reach: [{ cluster: 'default', namespace: 'shop' }] });
    expect((await reader.get('/api/v1/endpoints').expect(200)).body).toEqual({
      endpoints: [{ name: 'soar', kind: 'webhook', milestones: ['verdict.ready'] }],
    });
  });
});

describe('a run', () => {
  it('may name endpoints that hear of its namespace', async () => {
    const body = await bodyOf(door.post('/api/v1/runs', { ...minimal, notify: ['soar'] }).expect(202));
    expect(body).toMatchObject({ request: { notify: ['soar'] } });
  });

  it.each([
    ['that there are not', 'sorry'],
    ['that hear of other namespaces', 'bank'],
  ])('may name none %s', async (_what, name) => {
    const opened = door.runs.runs.size;
    const body = await bodyOf(door.post('/api/v1/runs', { ...minimal, notify: ['soar', name] }).expect(422));
    expect(body).toMatchObject({
      code: 'endpoint-unknown',
      detail: expect.stringMatching(`^notify: there is no endpoint "${name}" that may hear of namespace shop`) as string,
    });
    expect(door.runs.runs.size).toBe(opened);
  });
});

describe('/deliveries', () => {
  it('lists what the caller reaches, by state and run', async () => {
    const body = await bodyOf(door.get('/api/v1/deliveries?state=dead').expect(200));
    expect(body).toMatchObject({ deliveries: [{ id, run, state: 'dead', lastError: { code: 'delivery-failed' } }] });
    expect((await door.get(`/api/v1/runs/${run}/deliveries?state=pending`).expect(200)).body).toEqual({ deliveries: [] });
    await door.get('/api/v1/runs/r-not-there/deliveries').expect(404);
    await door.get('/api/v1/deliveries?state=lost').expect(400);
    const reach = [{ cluster: 'default', namespace: 'bank' }];
    await doorFor({ scopes: ['runs:read'], reach })
      .get(`/api/v1/deliveries?run=${run}&limit=7`)
      .expect(200);
    expect(deliveries.asked.at(-1)).toEqual({ reach, about: run, limit: 7 });
  });

  it('sends one again for an admin, and for nobody else', async () => {
    await doorFor({ scopes: ['runs:read', 'runs:write'], reach: 'all' })
      .post(`/api/v1/deliveries/${id}/resend`)
      .expect(403);
    const body = await bodyOf(door.post(`/api/v1/deliveries/${id}/resend`).expect(202));
    expect(body).toMatchObject({ id, state: 'pending', resentBy: 'key:key-1' });
    expect((await door.post(`/api/v1/deliveries/${id}/resend`).expect(409)).body).toMatchObject({ code: 'conflict' });
    await door.post(`/api/v1/deliveries/d${'2'.repeat(33)}/resend`).expect(404);
    await door.post('/api/v1/deliveries/not-one/resend').expect(400);
  });
});
