import supertest from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDoor } from './door.js';
import { fakeAccess } from './fake-access.js';
import { MatrixParts } from './matrix-parts.js';
import { ask, openRealAccess, type RealAccess } from './real-access.js';

let real: RealAccess;
beforeAll(async () => {
  real = await openRealAccess();
});
afterAll(() => real.close());
beforeEach(() => real.redis.flushall());

const wrong = `pt_0123456789abcdef_${'w'.repeat(43)}`;

describe('who guesses', () => {
  it('gets 401, and after 20 within a minute 429 with the time to wait', async () => {
    const door = await real.open();
    for (let time = 0; time < 20; time++) await ask(door, wrong).expect(401);
    const answer = await ask(door, wrong).expect(429);
    expect(answer.body).toMatchObject({ code: 'rate-limited' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
  });

  it('does not shut out who was right from that address, and slows down who was not', async () => {
    const door = await real.open();
    const known = await real.secretOf({});
    const fresh = await real.secretOf({});
    await ask(door, known).expect(200);
    for (let time = 0; time < 20; time++) await ask(door, wrong).expect(401);
    await ask(door, known).expect(200);
    // Not even a right key is looked at, but for one in ten.
    const answers = [];
    for (let time = 0; time < 10; time++) answers.push((await ask(door, fresh)).status);
    expect(answers.filter((status) => status === 200)).toHaveLength(1);
    expect(answers.filter((status) => status === 429)).toHaveLength(9);
    // From then on he is known there.
    await ask(door, fresh).expect(200);
  });

  it('is told so even with the id of a key that is known there', async () => {
    const door = await real.open();
    const known = await real.secretOf({});
    await ask(door, known).expect(200);
    const guess = `${known.slice(0, 20)}${'w'.repeat(43)}`;
    for (let time = 0; time < 20; time++) await ask(door, guess).expect(401);
    await ask(door, guess).expect(429);
    await ask(door, known).expect(200);
  });

  it('is nobody who has no key at all, or one that has only expired', async () => {
    const door = await real.open();
    const { id, secret } = await real.ring.create(
      { name: 'x', scopes: ['runs:read'], reach: 'all', expiresAt: new Date(Date.now() + 1_000) },
      'key:test',
    );
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    for (let time = 0; time < 25; time++) {
      await supertest(door.app).get('/api/v1/runs').expect(401);
      expect((await ask(door, secret).expect(401)).body).toMatchObject({ detail: expect.stringContaining(id) as string });
    }
  });

  it('is known by the address of the connection; by that of a header only behind proxies that are trusted', async () => {
    const trusting = await real.open({ PODTRIAGE_TRUST_PROXY: '1' });
    for (let time = 0; time < 20; time++) await ask(trusting, wrong, undefined, '192.0.2.1').expect(401);
    await ask(trusting, wrong, undefined, '192.0.2.1').expect(429);
    await ask(trusting, wrong, undefined, '192.0.2.2').expect(401);
    // Who is told by the proxy is the last one; what stands before it the caller has made up.
    await ask(trusting, wrong, undefined, '198.51.100.1, 192.0.2.1').expect(429);
    await real.redis.flushall();
    const plain = await real.open();
    for (let time = 0; time < 20; time++) await ask(plain, wrong, undefined, `192.0.2.${time}`).expect(401);
    await ask(plain, wrong, undefined, '192.0.2.200').expect(429);
  });

  it('is one network of IPv6', async () => {
    const door = await real.open({ PODTRIAGE_TRUST_PROXY: '1' });
    for (let time = 0; time < 20; time++) await ask(door, wrong, undefined, `2001:db8:1:2::${time}`).expect(401);
    await ask(door, wrong, undefined, '2001:db8:1:2:ffff::1').expect(429);
    await ask(door, wrong, undefined, '2001:db8:1:3::1').expect(401);
  });
});

describe('the limit of requests', () => {
  it('is told in headers, and then answered 429 with the time to wait', async () => {
    const door = await real.open({ PODTRIAGE_REQUESTS_PER_MINUTE: '3' });
    const secret = await real.secretOf({});
    const first = await ask(door, secret).expect(200);
    expect(first.headers['ratelimit']).toMatch(/^"requests"; r=2; t=(60|5\d)$/);
    expect(first.headers['ratelimit-policy']).toMatch(/^"requests"; q=3; w=60; pk=:[\w=+/]+:$/);
    await ask(door, secret).expect(200);
    // What is refused counts, too.
    await ask(door, secret, '/api/v1/nothing').expect(404);
    const last = await ask(door, secret).expect(429);
    expect(last.body).toMatchObject({ code: 'rate-limited', type: 'urn:podtriage:problem:rate-limited' });
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    expect(last.headers['ratelimit']).toMatch(/r=0/);
  });

  it('is one for each caller, over all processes, and none for what is open to all', async () => {
    const env = { PODTRIAGE_REQUESTS_PER_MINUTE: '2' };
    const [one, two] = [await real.open(env), await real.open(env)];
    const [mine, other] = [await real.secretOf({}), await real.secretOf({})];
    await ask(one, mine).expect(200);
    await ask(two, mine).expect(200);
    await ask(one, mine).expect(429);
    await ask(two, other).expect(200);
    for (let time = 0; time < 5; time++) expect((await ask(one, mine, '/healthz').expect(200)).headers).not.toHaveProperty('ratelimit');
  });

  it('lets alerts through, as many as come', async () => {
    const door = await real.open({ PODTRIAGE_REQUESTS_PER_MINUTE: '2' }, new MatrixParts().overrides());
    const secret = await real.secretOf({});
    const alert = { rule: 'Terminal shell', output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': 'web-0' } };
    const tell = () => supertest(door.app).post('/api/v1/intake/falco').set('X-Api-Key', secret).send(alert);
    expect((await Promise.all(Array.from({ length: 20 }, tell))).map(({ status }) => status)).toEqual(Array(20).fill(202));
    // What only reads is limited there, too.
    const reads = [];
    for (let time = 0; time < 3; time++) reads.push((await ask(door, secret, '/api/v1/intake/left')).status);
    expect(reads).toEqual([200, 200, 429]);
  });

  it('holds after Redis has forgotten its scripts', async () => {
    const door = await real.open({ PODTRIAGE_REQUESTS_PER_MINUTE: '2' });
    const secret = await real.secretOf({});
    await ask(door, secret).expect(200);
    await real.redis.script('FLUSH');
    await ask(door, secret).expect(200);
    await ask(door, secret).expect(429);
  });

  it('is 503 in bounded time, and neither open nor endless, where requests cannot be counted', async () => {
    const hanging = { perMinute: 2, count: { prefix: 'x', run: () => new Promise<never>(() => undefined) } };
    const door = openDoor({ keys: real.ring, access: { ...fakeAccess(), limit: hanging } });
    const answer = await ask(door, await real.secretOf({})).expect(503);
    expect(answer.body).toMatchObject({ code: 'redis-unavailable' });
  });
});
