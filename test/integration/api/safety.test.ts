import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startApi } from '../../../api/server.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { minimal, openDoor, openRun, secret } from './door.js';

const door = openDoor();

describe('who may come in', () => {
  it.each([
    ['no key', {}],
    ['a wrong key', { Authorization: `Bearer pt_0123456789abcdef_${'x'.repeat(43)}` }],
    ['another scheme', { Authorization: `Basic ${secret}` }],
    ['an empty key', { 'x-api-key': '' }],
  ])('sends away who has %s', async (_what, headers) => {
    const answer = await door.get('/api/v1/runs').unset('Authorization').set(headers).expect(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="podtriage"');
    expect(answer.body).toMatchObject({ code: 'unauthorized', type: 'urn:podtriage:problem:unauthorized' });
  });

  it('takes the key in either header', async () => {
    await door.get('/api/v1/runs').expect(200);
    await door.get('/api/v1/runs').unset('Authorization').set('X-Api-Key', secret).expect(200);
  });

  it('tells those without a key nothing of what there is, whatever the path and body', async () => {
    await door.get('/api/v1/nothing').unset('Authorization').expect(401);
    await door.get('/HEALTHZ/').unset('Authorization').expect(401);
    await door.post('/api/v1/runs').unset('Authorization').set('Content-Type', 'application/json').send('{"x').expect(401);
  });

  it('never logs a key', async () => {
    await door.get('/api/v1/runs').expect(200);
    await door.get('/api/v1/runs').unset('Authorization').set('X-Api-Key', secret).expect(200);
    expect(door.logged.length).toBeGreaterThan(0);
    expect(door.logged.join('')).not.toContain(secret);
  });
});

describe('how it answers', () => {
  it('answers what it does not serve with problems: 404, 405 with what is allowed', async () => {
    expect((await door.get('/api/v1/nothing').expect(404)).body).toMatchObject({ code: 'not-found' });
    const answer = await door.post('/api/v1/playbooks', {}).expect(405);
    expect(answer.body).toMatchObject({ code: 'method-not-allowed' });
    expect(answer.headers['allow']).toBe('GET');
  });

  it('sets the headers of helmet and hides what it is made of', async () => {
    const { headers } = await door.get('/healthz').expect(200);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBeDefined();
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('keeps a harmless request id and replaces any other', async () => {
    expect((await door.get('/healthz').set('X-Request-Id', 'abc-1')).headers['x-request-id']).toBe('abc-1');
    expect((await door.get('/healthz').set('X-Request-Id', 'a b')).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('hides the inside of an error that it does not know, and logs it under the request id', async () => {
    const broken = openDoor({ keys: { verify: () => Promise.reject(new Error('secret internals')) } });
    const answer = await broken.get('/api/v1/runs').expect(500);
    expect(answer.text).not.toContain('secret internals');
    const { instance } = answer.body as { instance: string };
    const entry = broken.logged.find((line) => line.includes('secret internals'));
    expect(entry).toContain(instance);
  });
});

describe('when the store is away', () => {
  it.each(['throws', 'hangs'] as const)('answers 503 with Retry-After in bounded time when it %s', async (broken) => {
    const lost = openDoor();
    const id = await openRun(lost);
    lost.runs.broken = broken;
    for (const path of ['/api/v1/runs', `/api/v1/runs/${id}`, `/api/v1/runs/${id}?wait=60`, `/api/v1/runs/${id}/custody?verify=true`]) {
      const answer = await lost.get(path).expect(503);
      expect(answer.body).toMatchObject({ code: 'redis-unavailable' });
      expect(answer.headers['retry-after']).toBe('5');
      expect(answer.text).not.toContain('secret');
    }
    await lost.post('/api/v1/runs', minimal).expect(503);
    await lost.get('/healthz').expect(200);
  });

  it('does not hang when keys cannot be read', async () => {
    const lost = openDoor({ keys: { verify: () => new Promise(() => undefined) } });
    await lost.get('/api/v1/runs').expect(503);
  });

  it('is not ready then, and names the check', async () => {
    const answer = await openDoor({ ready: () => Promise.resolve([{ name: 'redis', ok: false, found: 'gone' }]) })
      .get('/readyz')
      .expect(503);
    expect(answer.body).toEqual({ status: 'not-ready', checks: [{ name: 'redis', ok: false }] });
    await openDoor({ ready: () => Promise.reject(new TriageError('redis-unavailable', 'gone')) })
      .get('/readyz')
      .expect(503);
    expect((await door.get('/readyz').expect(200)).body).toMatchObject({ status: 'ready' });
  });
});

describe('an answer that breaks the contract', () => {
  const playbooks = [{ name: 'x', title: 't', summary: 's', sha256: '0'.repeat(64), steps: [], permissions: [], surplus: 1 }];

  it('is a 500 where the contract is enforced', async () => {
    await openDoor({ playbooks }).get('/api/v1/playbooks/x').expect(500);
  });

  it('is sent and logged where it is reported', async () => {
    const lenient = openDoor({ playbooks, answers: 'report' });
    await lenient.get('/api/v1/playbooks/x').expect(200);
    expect(lenient.logged.join('')).toContain('broke the contract');
  });
});

describe('stopping', () => {
  it('ends long polls with an answer and closes connections that idle', async () => {
    const { app, runs } = openDoor();
    const api = await startApi(app, '127.0.0.1', 0);
    const headers = { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' };
    await fetch(`${api.url}/api/v1/runs`, { method: 'POST', headers, body: JSON.stringify(minimal) });
    const [id] = runs.runs.keys();
    const poll = fetch(`${api.url}/api/v1/runs/${id ?? ''}?wait=60`, { headers });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await api.stop();
    expect((await poll).status).toBe(200);
    await expect(fetch(`${api.url}/healthz`)).rejects.toThrow();
  });

  it('cuts off who does not end within the deadline', async () => {
    const api = await startApi(openDoor().app, '127.0.0.1', 0);
    const { port } = new URL(api.url);
    const slow = connect(Number(port), '127.0.0.1');
    await once(slow, 'connect');
    slow.write('POST /api/v1/runs HTTP/1.1\r\nHost: x\r\n');
    slow.on('error', () => undefined);
    const closed = once(slow, 'close');
    await api.stop(100);
    await closed;
  });

  it('says so when the port is taken', async () => {
    const api = await startApi(door.app, '127.0.0.1', 0);
    const { port } = new URL(api.url);
    await expect(startApi(door.app, '127.0.0.1', Number(port))).rejects.toMatchObject({ code: 'config-invalid' });
    await api.stop();
  });
});
