import { describe, expect, it } from 'vitest';
import type { Problem } from '../../../api/error.js';
import { minimal, openDoor, openRun } from './door.js';
import { finish } from './fakes.js';
import { at } from './samples.js';

interface RunBody {
  id: string;
  state: string;
  request: { playbook: string; target: { cluster: string }; options: { priority: string } };
  requestedBy: string;
  steps: { state: string }[];
}

const problem = (answer: { body: unknown }): Problem => answer.body as Problem;
const runBody = (answer: { body: unknown }): RunBody => answer.body as RunBody;
const pageBody = (answer: { body: unknown }) => answer.body as { runs: RunBody[]; next?: string };
const pointers = (answer: { body: unknown }) => (problem(answer).errors ?? []).map((field) => `${field.in} ${field.pointer}`);

/** For tests that leave nothing behind: the contract is compiled once. */
const shared = openDoor();

describe('POST /runs', () => {
  it('opens a run in the name of the key, with all defaults filled in', async () => {
    const door = openDoor();
    const answer = await door.post('/api/v1/runs', minimal).expect(202);
    const run = runBody(answer);
    expect(answer.headers['location']).toBe(`/api/v1/runs/${run.id}`);
    expect(run).toMatchObject({
      state: 'queued',
      requestedBy: 'key:key-1',
      request: { playbook: 'a-f-02', target: { cluster: 'default' }, options: { priority: 'interactive' } },
    });
    expect(run.steps).toHaveLength(3);
  });

  it('takes a request that says all there is to say', async () => {
    const limits = { fileBytes: 1, files: 1, totalBytes: 1, changes: 1 };
    const full = {
      target: { ...minimal.target, cluster: 'default', container: 'web' },
      playbook: 'a-f-02',
      caseId: 'C-1',
      reason: 'alert',
      options: { priority: 'batch', limits, acquire: 'all', lookups: { budget: 5, deadlineSeconds: 60, upload: 'never' } },
    };
    const answer = await shared.post('/api/v1/runs', full).expect(202);
    expect(runBody(answer).request).toEqual(full);
  });

  it.each([
    ['a name of 254 characters', { namespace: 'shop', pod: 'a'.repeat(254) }, 'body #/target/pod'],
    ['a path for a name', { namespace: 'shop', pod: '../../etc' }, 'body #/target/pod'],
    ['upper case', { namespace: 'Shop', pod: 'web-0' }, 'body #/target/namespace'],
    ['a namespace with a dot', { namespace: 'a.b', pod: 'web-0' }, 'body #/target/namespace'],
    ['a line end', { namespace: 'shop', pod: 'web-0\n' }, 'body #/target/pod'],
    ['a number for a name', { namespace: 'shop', pod: 7 }, 'body #/target/pod'],
    ['a missing pod', { namespace: 'shop' }, 'body #/target/pod'],
    ['an option for a container', { namespace: 'shop', pod: 'web-0', container: '--help' }, 'body #/target/container'],
  ])('refuses %s and names the field', async (_what, target, pointer) => {
    const before = shared.runs.runs.size;
    const answer = await shared.post('/api/v1/runs', { target }).expect(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(problem(answer)).toMatchObject({ type: 'urn:podtriage:problem:invalid-request', status: 400, code: 'invalid-request' });
    expect(pointers(answer)).toContain(pointer);
    expect(shared.runs.runs.size).toBe(before);
  });

  it.each([
    ['at the top', { ...minimal, evil: 1 }, 'body #/evil'],
    ['in the target', { target: { ...minimal.target, uid: 'x' } }, 'body #/target/uid'],
    ['in the limits', { ...minimal, options: { limits: { depth: 1 } } }, 'body #/options/limits/depth'],
  ])('refuses an unknown field %s and names it', async (_where, request, pointer) => {
    const answer = await shared.post('/api/v1/runs', request).expect(400);
    expect(pointers(answer)).toContain(pointer);
  });

  it('refuses a field that reaches for the prototype', async () => {
    await shared
      .post('/api/v1/runs')
      .set('Content-Type', 'application/json')
      .send('{"target":{"namespace":"shop","pod":"web-0"},"__proto__":{"x":1}}')
      .expect(400);
  });

  it('tells of all wrong fields at once', async () => {
    const answer = await shared.post('/api/v1/runs', { target: { namespace: 'A', pod: 'B' } }).expect(400);
    expect(pointers(answer)).toEqual(expect.arrayContaining(['body #/target/namespace', 'body #/target/pod']));
  });

  it('refuses JSON that is none, without a word of internals', async () => {
    const answer = await shared.post('/api/v1/runs').set('Content-Type', 'application/json').send('{"target":').expect(400);
    expect(problem(answer).code).toBe('invalid-request');
    expect(answer.text).not.toContain('node_modules');
  });

  it('refuses a body of another type', async () => {
    const answer = await shared.post('/api/v1/runs').set('Content-Type', 'text/plain').send('x').expect(415);
    expect(problem(answer).code).toBe('unsupported-media-type');
  });

  it('refuses a body of more than 64 KiB', async () => {
    const answer = await shared.post('/api/v1/runs', { ...minimal, reason: 'x'.repeat(70_000) }).expect(413);
    expect(problem(answer).code).toBe('body-too-large');
  });

  it('does not know a playbook or a cluster that is not there', async () => {
    const door = openDoor();
    expect(problem(await door.post('/api/v1/runs', { ...minimal, playbook: 'nope' }).expect(422)).code).toBe('playbook-unknown');
    const elsewhere = { target: { ...minimal.target, cluster: 'elsewhere' } };
    expect(problem(await door.post('/api/v1/runs', elsewhere).expect(422)).code).toBe('unknown-cluster');
  });
});

describe('GET /runs', () => {
  it('pages from the newest to the oldest and gives no steps', async () => {
    const door = openDoor();
    const opened: string[] = [];
    for (let n = 0; n < 5; n++) opened.unshift(await openRun(door));
    const ids: string[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      const path: string = `/api/v1/runs?limit=2${next === '' ? '' : `&cursor=${next}`}`;
      const page: { runs: RunBody[]; next?: string } = pageBody(await door.get(path).expect(200));
      ids.push(...page.runs.map(({ id }) => id));
      expect(page.runs[0]).not.toHaveProperty('steps');
      next = page.next;
    }
    expect(ids).toEqual(opened);
  });

  it('filters by state', async () => {
    const door = openDoor();
    const id = await openRun(door);
    await openRun(door);
    finish(door.runs, door.evidence, id, 'malicious');
    const answer = await door.get('/api/v1/runs?state=completed').expect(200);
    expect(pageBody(answer).runs.map((run) => run.id)).toEqual([id]);
  });

  it.each([
    ['namespace=shop&pod=web-0&cluster=default', true],
    ['case=C/1:%20a%26b', true],
    ['case=C/1', false],
    ['verdict=suspicious&state=completed', true],
    ['from=2026-01-02T03:04:05.678Z&to=2026-01-02T03:04:05.678Z', true],
    ['from=2026-01-02T04:04:05.678%2B01:00', true],
    ['from=2026-01-02T03:04:05.679Z', false],
    ['to=2026-01-02T03:04:05.677Z', false],
    ['batch=b1', false],
    ['pod=web', false],
  ])('filters by %s', async (query, fits) => {
    const door = openDoor();
    const answer = await door.post('/api/v1/runs', { ...minimal, caseId: 'C/1: a&b' }).expect(202);
    const { id } = answer.body as { id: string };
    finish(door.runs, door.evidence, id, 'suspicious');
    expect(pageBody(await door.get(`/api/v1/runs?${query}`).expect(200)).runs.map((run) => run.id)).toEqual(fits ? [id] : []);
  });

  it('refuses a time that there is not', async () => {
    const answer = await shared.get('/api/v1/runs?to=2026-13-01T00:00:00Z').expect(400);
    expect(problem(answer).detail).toContain('to: ');
  });

  it('shows nothing that the caller does not reach', async () => {
    const reach = [{ cluster: 'default', namespace: 'shop' }];
    const door = openDoor({ keys: { verify: () => Promise.resolve({ id: 'key-1', name: 'tester', scopes: ['runs:read', 'runs:write'], reach }) } });
    const mine = await openRun(door);
    await door.runs.open({ ...door.runs.of(mine).view.request, target: { cluster: 'default', namespace: 'other', pod: 'web-0' } }, 'key:other');
    expect(pageBody(await door.get('/api/v1/runs').expect(200))).toMatchObject({ runs: [{ id: mine }] });
    expect(pageBody(await door.get('/api/v1/runs?namespace=other').expect(200))).toEqual({ runs: [] });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'state=dead', 'colour=red', 'cursor=', 'from=yesterday', 'pod=A', 'case='])(
    'refuses ?%s',
    async (query) => {
      const answer = await shared.get(`/api/v1/runs?${query}`).expect(400);
      expect(pointers(answer)[0]).toMatch(/^query #\//);
    },
  );
});

describe('GET /runs/{run}', () => {
  it('answers 404 for a run that is not there', async () => {
    const answer = await shared.get('/api/v1/runs/r9').expect(404);
    expect(problem(answer)).toMatchObject({ code: 'not-found', status: 404 });
  });

  it.each(['a'.repeat(65), 'r%2F..%2F', '%00'])('refuses the id %s', async (id) => {
    await shared.get(`/api/v1/runs/${id}`).expect(400);
  });

  it('answers 304 to who knows it already', async () => {
    const door = openDoor();
    const id = await openRun(door);
    const first = await door.get(`/api/v1/runs/${id}`).expect(200);
    await door
      .get(`/api/v1/runs/${id}`)
      .set('If-None-Match', first.headers['etag'] ?? '')
      .expect(304);
    door.runs.step(id, 'locate-node', 'running');
    await door
      .get(`/api/v1/runs/${id}`)
      .set('If-None-Match', first.headers['etag'] ?? '')
      .expect(200);
  });

  it('waits for a change and answers with it', async () => {
    const door = openDoor();
    const id = await openRun(door);
    const answer = door.get(`/api/v1/runs/${id}?wait=60`).expect(200);
    const settled = answer.then((got) => runBody(got).steps[0]?.state);
    await new Promise((resolve) => setTimeout(resolve, 100));
    door.runs.announce(id); // changes nothing that the answer shows
    door.runs.step(id, 'locate-node', 'running');
    expect(await settled).toBe('running');
  });

  it('does not wait for who missed a change, nor for a run that has ended', async () => {
    const door = openDoor();
    const id = await openRun(door);
    const { headers } = await door.get(`/api/v1/runs/${id}`).expect(200);
    door.runs.step(id, 'locate-node', 'running');
    await door
      .get(`/api/v1/runs/${id}?wait=60`)
      .set('If-None-Match', headers['etag'] ?? '')
      .expect(200);
    finish(door.runs, door.evidence, id, 'suspicious');
    const ended = await door.get(`/api/v1/runs/${id}?wait=60`).expect(200);
    expect(ended.body).toMatchObject({ state: 'completed', verdict: 'suspicious', finishedAt: at });
  });

  it('answers at the end of the wait when nothing happens', async () => {
    const door = openDoor();
    const id = await openRun(door);
    await door.get(`/api/v1/runs/${id}?wait=1`).expect(200);
  });

  it.each(['61', '-1', '1.5', 'x'])('refuses ?wait=%s', async (wait) => {
    await shared.get(`/api/v1/runs/r1?wait=${wait}`).expect(400);
  });
});

describe('POST /runs/{run}/cancel', () => {
  it('stops a run, says so again, and leaves one that has ended alone', async () => {
    const door = openDoor();
    const id = await openRun(door);
    expect(runBody(await door.post(`/api/v1/runs/${id}/cancel`).expect(202)).state).toBe('cancelling');
    await door.post(`/api/v1/runs/${id}/cancel`).expect(202);
    finish(door.runs, door.evidence, id, 'no-findings');
    expect(runBody(await door.post(`/api/v1/runs/${id}/cancel`).expect(200)).state).toBe('completed');
    await door.post('/api/v1/runs/r9/cancel').expect(404);
  });
});
