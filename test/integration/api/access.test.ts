import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import supertest from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../../../api/server.js';
import { minimal } from './door.js';
import { openIssuer } from './issuer.js';
import { ask, openRealAccess, type RealAccess } from './real-access.js';
import { hex } from './samples.js';

let real: RealAccess;
beforeAll(async () => {
  real = await openRealAccess();
});
afterAll(() => real.close());
beforeEach(() => real.redis.flushall());

const wrong = `pt_0123456789abcdef_${'w'.repeat(43)}`;
const shop = [{ cluster: 'default', namespace: 'shop' }];

describe('a key', () => {
  it('is told its missing scope before its body is looked at', async () => {
    const door = await real.open();
    const secret = await real.secretOf({ scopes: ['runs:read'] });
    const answer = await supertest(door.app)
      .post('/api/v1/runs')
      .set('X-Api-Key', secret)
      .set('Content-Type', 'application/json')
      .send('{"not json')
      .expect(403);
    expect(answer.body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('runs:write') as string });
  });

  it('with one scope may do what that is for, and no more', async () => {
    const door = await real.open();
    const reads = await real.secretOf({ scopes: ['runs:read'] });
    const writes = await real.secretOf({ scopes: ['runs:write'] });
    await ask(door, reads).expect(200);
    await ask(door, writes).expect(403);
    await supertest(door.app).post('/api/v1/runs').set('X-Api-Key', writes).send(minimal).expect(202);
  });

  it('that has expired or was revoked opens nothing', async () => {
    const door = await real.open();
    const key = await real.ring.create({ name: 'x', scopes: ['runs:read'], reach: 'all' }, 'key:test');
    await ask(door, key.secret).expect(200);
    await real.ring.revoke(key.id, 'key:test');
    await ask(door, key.secret).expect(401);
  });

  it('is made, rotated and ended over HTTP, and its secret is in no list and no log', async () => {
    const door = await real.open();
    const admin = await real.secretOf({});
    const agent = supertest.agent(door.app).set('X-Api-Key', admin);
    const made = await agent
      .post('/api/v1/keys')
      .send({ name: 'a\u202eb', scopes: ['runs:read'], reach: shop, expiresAt: '2199-01-01T00:00:00+01:00' })
      .expect(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { id, secret } = made.body as { id: string; secret: string };
    expect(made.headers['location']).toBe(`/api/v1/keys/${id}`);
    expect(made.body).toMatchObject({
      name: 'a\\xe2\\x80\\xaeb',
      reach: shop,
      createdBy: `key:${admin.slice(3, 19)}`,
      expiresAt: '2198-12-31T23:00:00.000Z',
    });
    await ask(door, secret).expect(200);
    const rotated = await agent.post(`/api/v1/keys/${id}/rotate`).send({ graceSeconds: 0 }).expect(200);
    const { secret: next } = rotated.body as { secret: string };
    await ask(door, secret).expect(401);
    await ask(door, next).expect(200);
    await agent.post(`/api/v1/keys/${id}/rotate`).send({}).expect(200);
    const listed = await agent.get('/api/v1/keys').expect(200);
    expect((listed.body as { keys: object[] }).keys).toHaveLength(2);
    await agent.delete(`/api/v1/keys/${id}`).expect(204);
    await agent.delete(`/api/v1/keys/${id}`).expect(404);
    await ask(door, next).expect(401);
    const told = `${listed.text}${door.logged.join('')}`;
    for (const each of [admin, secret, next]) expect(told).not.toContain(each.slice(20));
    expect(door.logged.filter((line) => line.includes(`"key":"${id}"`))).toHaveLength(4);
  });

  it.each([
    ['an admin of a part', { name: 'x', scopes: ['admin'], reach: shop }],
    ['no scope', { name: 'x', scopes: [] }],
    ['a scope that is none', { name: 'x', scopes: ['root'] }],
    ['a name of blanks', { name: '  ', scopes: ['runs:read'] }],
    ['a time that is over', { name: 'x', scopes: ['runs:read'], expiresAt: '2001-01-01T00:00:00Z' }],
    ['a namespace that can be none', { name: 'x', scopes: ['runs:read'], reach: [{ cluster: 'default', namespace: 'Shop*' }] }],
  ])('is not made of %s', async (_what, body) => {
    const door = await real.open();
    const answer = await supertest(door.app)
      .post('/api/v1/keys')
      .set('X-Api-Key', await real.secretOf({}))
      .send(body)
      .expect(400);
    expect(answer.body).toMatchObject({ code: 'invalid-request' });
    expect(await real.ring.list()).toHaveLength(1);
  });
});

describe('a path', () => {
  it.each(['\\steps#', '\\steps', '\\..\\..\\keys#', '#/../../keys'])('that two readers could read in two ways is none: %s', async (end) => {
    const door = await real.open();
    const run = await door.runs.open({ ...openable, target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } } as never, 'key:test');
    const api = await startApi(door.app, '127.0.0.1', 0);
    const { hostname, port } = new URL(api.url);
    const answers = [];
    for (const key of [await real.secretOf({ scopes: ['runs:read'] }), wrong]) {
      const sent = request({ hostname, port, path: `/api/v1/runs/${run}${end}`, headers: { 'X-Api-Key': key } }).end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answers.push(answer.resume().statusCode);
    }
    expect(answers).toEqual([404, 401]);
    await api.stop(100);
  });
});

describe('a caller who reaches one namespace', () => {
  it('sees of the register what he may see, and the verdict of the whole', async () => {
    const door = await real.open();
    const bounded = await real.secretOf({ scopes: ['runs:read'], reach: shop });
    const mine = await door.runs.open({ ...openable, target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } } as never, 'key:test');
    await door.runs.open({ ...openable, target: { cluster: 'default', namespace: 'vault', pod: 'web-0' } } as never, 'key:test');
    const page = await ask(door, bounded, '/api/v1/register?verify=true').expect(200);
    expect(page.body).toMatchObject({ entries: [{ subject: mine }], verification: { ok: true, entries: 2 } });
    const whole = await ask(door, await real.secretOf({}), '/api/v1/register').expect(200);
    expect((whole.body as { entries: object[] }).entries).toHaveLength(2);
    const lines = await ask(door, bounded, '/api/v1/register')
      .set('Accept', 'application/x-ndjson')
      .buffer(true)
      .parse(lineCount as never)
      .expect(200);
    expect(lines.body).toBe(1);
  });

  it('is told of a hash only if he has asked about it himself', async () => {
    const door = await real.open();
    const [one, other] = [
      await real.secretOf({ scopes: ['runs:read', 'runs:write'], reach: shop }),
      await real.secretOf({ scopes: ['runs:read'], reach: shop }),
    ];
    const path = `/api/v1/lookups/${hex('file')}`;
    await supertest(door.app)
      .post('/api/v1/lookups')
      .set('X-Api-Key', await real.secretOf({}))
      .send({ sha256: hex('file') })
      .expect(202);
    await ask(door, one, path).expect(404);
    await supertest(door.app)
      .post('/api/v1/lookups')
      .set('X-Api-Key', one)
      .send({ sha256: hex('file') })
      .expect(202);
    await ask(door, one, path).expect(200);
    await ask(door, other, path).expect(404);
    await ask(door, await real.secretOf({}), path).expect(200);
  });
});

/** A parser for supertest: how many lines there were. */
function lineCount(res: unknown, done: (error: Error | null, count: number) => void): void {
  let count = 0;
  const stream = res as Readable;
  stream.on('data', (chunk: Buffer) => {
    count += chunk.toString().split('\n').length - 1;
  });
  stream.on('end', () => done(null, count));
}

const openable = { playbook: 'a-f-02', options: { priority: 'interactive', limits: {}, acquire: 'selected', lookups: {} } };

describe('the setting PODTRIAGE_OIDC', () => {
  it('takes tokens of its issuer beside keys', async () => {
    const issuer = await openIssuer();
    const file = join(real.folder, 'oidc.yaml');
    await writeFile(file, JSON.stringify(issuer.config));
    const door = await real.open({ PODTRIAGE_OIDC: file });
    await ask(door, await issuer.token()).expect(200);
    await ask(door, await real.secretOf({})).expect(200);
    // A guess with tokens is one with keys.
    for (let time = 0; time < 20; time++) await ask(door, await issuer.token({ sub: 'mallory' }, { kid: 'none' })).expect(401);
    await ask(door, wrong).expect(429);
    await ask(door, await issuer.token()).expect(200);
    await issuer.stop();
  });

  it('names the file and the field that is not right', async () => {
    const file = join(real.folder, 'oidc.yaml');
    await writeFile(file, 'issuer: http://issuer.example\naudience: podtriage\nclaim: /groups\nroles: []\n');
    await expect(real.open({ PODTRIAGE_OIDC: file })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/issuer: .*\n.*roles: /) as string,
    });
    await expect(real.open({ PODTRIAGE_OIDC: '/nowhere.yaml' })).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
