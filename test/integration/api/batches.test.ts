import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FleetReport } from '../../../playbooks/fleet/report.js';
import { type Door, openDoor } from './door.js';
import { FakeBatches } from './fake-batches.js';
import { at } from './samples.js';

const batchId = `b${'0'.repeat(19)}`;
const where = { select: { where: { namespace: 'shop' } } };
let batches: FakeBatches;
let door: Door;

beforeEach(() => {
  batches = new FakeBatches();
  door = openDoor({ batches });
});
afterEach(() => expect(door.logged.filter((line) => line.includes('broke the contract'))).toEqual([]));

const post = (path: string, body?: unknown) => door.post(path, body);

/** A door whose caller reaches one namespace only. */
function held(namespace: string): Door {
  const reach = [{ cluster: 'default', namespace }];
  const holder = { id: 'key-2', name: 'held', scopes: ['runs:read' as const, 'runs:write' as const], reach };
  return openDoor({ batches, keys: { verify: () => Promise.resolve(holder) } });
}

describe('a new batch', () => {
  test('is answered at once, with where it is and what it was asked for', async () => {
    const answer = await post('/api/v1/batches', { ...where, caseId: 'c-1', concurrency: { total: 4 } });
    expect(answer.status).toBe(202);
    const { id } = answer.body as { id: string };
    expect(answer.headers['location']).toBe(`/api/v1/batches/${id}`);
    expect(answer.body).toMatchObject({
      state: 'expanding',
      requestedBy: 'key:key-1',
      request: {
        cluster: 'default',
        caseId: 'c-1',
        playbook: 'a-f-02',
        concurrency: { total: 4, perNode: 2 },
        maxPods: 100,
        options: { priority: 'batch' },
      },
    });
    expect((await door.get(`/api/v1/batches/${id}`)).body).toEqual(answer.body);
    expect((await door.get('/api/v1/batches')).body).toEqual({ batches: [answer.body] });
  });

  test.each([
    [{}, 400],
    [{ select: {} }, 400],
    [{ select: { where: {} } }, 400],
    [{ select: { all: false } }, 400],
    [{ select: { targets: [] } }, 400],
    [{ select: { targets: [{ namespace: 'shop', pod: '../x' }] } }, 400],
    [{ select: { all: true, where: { namespace: 'shop' } } }, 400],
    [{ ...where, more: 1 }, 400],
    [{ ...where, concurrency: { total: 0 } }, 400],
    [{ ...where, playbook: 'nothing' }, 422],
    [{ ...where, cluster: 'other' }, 422],
    [{ ...where, notify: ['nobody'] }, 422],
    [{ ...where, maxPods: 101 }, 422],
    [{ select: { targets: Array.from({ length: 101 }, (_, n) => ({ namespace: 'shop', pod: `p-${n}` })) } }, 422],
  ])('of %j is refused with %i', async (body, status) => {
    expect((await post('/api/v1/batches', body)).status).toBe(status);
    expect(batches.views.size).toBe(0);
  });

  test('of ten thousand named pods is read', async () => {
    door = openDoor({ batches, maxBatchPods: 10_000 });
    const targets = Array.from({ length: 10_000 }, (_, n) => ({ namespace: 'shop', pod: `pod-with-a-name-${n}` }));
    expect((await post('/api/v1/batches', { select: { targets }, maxPods: 10_000 })).status).toBe(202);
  });
});

describe('a caller who reaches one namespace', () => {
  test('may ask for it, and for all that he reaches, and for no other', async () => {
    const mine = held('shop');
    const status = async (body: object): Promise<number> => (await mine.post('/api/v1/batches', body)).status;
    expect(await status(where)).toBe(202);
    expect(await status({ select: { all: true } })).toBe(202);
    expect(await status({ select: { where: { namespace: 'bank' } } })).toBe(403);
    expect(
      await status({
        select: {
          targets: [
            { namespace: 'shop', pod: 'a' },
            { namespace: 'bank', pod: 'b' },
          ],
        },
      }),
    ).toBe(403);
  });

  test('finds the batches of others only where he reaches every pod', async () => {
    await batches.open({ ...(await bodyOf({ select: { where: { namespace: 'bank' } } })) }, { actor: 'key:other', reach: 'all' }, batchId);
    for (const path of ['', '/targets', '/report']) expect((await held('shop').get(`/api/v1/batches/${batchId}${path}`)).status).toBe(404);
    for (const wish of ['pause', 'resume', 'cancel', 'retry'])
      expect((await held('shop').post(`/api/v1/batches/${batchId}/${wish}`)).status).toBe(404);
    expect((await held('bank').get(`/api/v1/batches/${batchId}`)).status).toBe(200);
    expect((await held('shop').get('/api/v1/batches')).body).toEqual({ batches: [] });
  });
});

async function bodyOf(body: object): Promise<Parameters<FakeBatches['open']>[0]> {
  const made = await post('/api/v1/batches', body);
  return (made.body as { request: Parameters<FakeBatches['open']>[0] }).request;
}

describe('a batch', () => {
  beforeEach(async () => {
    await batches.open(await bodyOf(where), { actor: 'key:key-1', reach: 'all' }, batchId);
  });
  const set = (change: object): void => void batches.views.set(batchId, { ...batches.views.get(batchId)!, ...change });

  test('is told by 202, by 200 where it is that already, and by 409 where it cannot be', async () => {
    set({ state: 'running' });
    const tell = async (wish: string): Promise<number> => (await post(`/api/v1/batches/${batchId}/${wish}`)).status;
    expect([await tell('pause'), await tell('pause'), await tell('resume'), await tell('retry'), await tell('cancel'), await tell('resume')]).toEqual(
      [202, 200, 202, 409, 202, 409],
    );
    expect(batches.told.map(({ wish, by }) => [wish, by])).toEqual(['pause', 'resume', 'cancel'].map((wish) => [wish, 'key:key-1']));
  });

  test('is answered with a tag that changes with it, and not with the time that is expected', async () => {
    set({ state: 'running', eta: at });
    const first = await door.get(`/api/v1/batches/${batchId}`);
    const tag = String(first.headers['etag']);
    set({ eta: '2030-01-01T00:00:00.000Z' });
    expect((await door.get(`/api/v1/batches/${batchId}`).set('If-None-Match', tag)).status).toBe(304);
    set({ round: 2 });
    expect((await door.get(`/api/v1/batches/${batchId}`).set('If-None-Match', tag)).status).toBe(200);
  });

  test('shows its pods page by page, by state', async () => {
    const pods = Array.from({ length: 5 }, (_, number) => ({
      number,
      namespace: 'shop',
      pod: `p-${number}`,
      state: number === 3 ? ('failed' as const) : ('pending' as const),
    }));
    batches.pods.set(batchId, pods);
    const get = async (query: string): Promise<unknown> => (await door.get(`/api/v1/batches/${batchId}/targets?${query}`)).body;
    expect(await get('limit=2')).toEqual({ targets: pods.slice(0, 2), next: '2' });
    expect(await get('limit=2&cursor=4')).toEqual({ targets: pods.slice(4) });
    expect(await get('state=failed')).toEqual({ targets: [pods[3]] });
    expect((await door.get(`/api/v1/batches/${batchId}/targets?state=nowhere`)).status).toBe(400);
  });

  test('has a report as JSON and as CSV once it was written', async () => {
    const path = `/api/v1/batches/${batchId}/report`;
    expect((await door.get(path)).status).toBe(404);
    const report: FleetReport = { version: 1, batch: batchId, at, groups: [], pods: [], unknown: [], artifacts: [], left: 0 };
    set({ state: 'completed', report: { sha256: door.evidence.keep(JSON.stringify(report)), at } });
    const json = await door.get(path);
    expect(json.body).toEqual(report);
    const csv = await door.get(`${path}?format=csv`);
    expect([csv.status, csv.type, csv.text.startsWith('"rarity","level"')]).toEqual([200, 'text/csv', true]);
    expect(csv.headers['content-disposition']).toBe(`attachment; filename=${batchId}.csv`);
    expect((await door.get(path).set('If-None-Match', String(json.headers['etag']))).status).toBe(304);
    set({ report: { sha256: door.evidence.keep('{"version":2}'), at } });
    expect((await door.get(path)).status).toBe(500);
  });
});

test('what no batch can be called is not there', async () => {
  expect((await door.get('/api/v1/batches/r0000000000000000000')).status).toBe(404);
  expect((await door.get('/api/v1/batches/a%2Fb')).status).toBe(400);
});
