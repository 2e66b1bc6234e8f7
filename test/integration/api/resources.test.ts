import { createPublicKey } from 'node:crypto';
import type { Readable } from 'node:stream';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import { pathBytes } from '../../../playbooks/domain/path-name.js';
import { openDoor, openRun } from './door.js';
import { finish, listChanges } from './fakes.js';
import { artifactOf, changeOf, hostileName, lookupOf } from './samples.js';

const door = openDoor();

interface Page {
  next?: string;
  count: number;
  changes: { path: { b64: string; text: string } }[];
  artifacts: { id: string }[];
  entries: { seq?: number; unreadable?: string }[];
  verification?: object;
}
const page = (answer: { body: unknown }) => answer.body as Page;

/** supertest's parser for types that it does not know: the text as it came. */
function asText(res: unknown, done: (error: Error | null, text: string) => void): void {
  const stream = res as Readable;
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  stream.on('end', () => done(null, text));
}

const lines = (path: string) =>
  door
    .get(path)
    .set('Accept', 'application/x-ndjson')
    .buffer(true)
    .parse(asText as never);

describe('GET /runs/{run}/steps', () => {
  it('gives facts, which the run itself does not carry', async () => {
    const id = await openRun(door);
    door.runs.step(id, 'locate-node', 'succeeded', { node: { name: 'worker-1', address: '192.0.2.7' } });
    const answer = await door.get(`/api/v1/runs/${id}/steps`).expect(200);
    expect(answer.body).toMatchObject({ steps: [{ name: 'locate-node', state: 'succeeded', facts: { node: { name: 'worker-1' } } }, {}, {}] });
    expect((await door.get(`/api/v1/runs/${id}`).expect(200)).text).not.toContain('worker-1');
    await door.get('/api/v1/runs/r9/steps').expect(404);
  });
});

describe('GET /runs/{run}/changes', () => {
  it('says why there are none yet, which is not an empty list', async () => {
    const id = await openRun(door);
    const answer = await door.get(`/api/v1/runs/${id}/changes`).expect(404);
    expect(answer.body).toMatchObject({ code: 'not-found' });
    expect(answer.text).toContain('diff-filesystem pending');
  });

  it('pages through a listing of the evidence store, each change once', async () => {
    const id = await openRun(door);
    const names = Array.from({ length: 25 }, (_, n) => `etc/file-${n}`);
    listChanges(
      door.runs,
      door.evidence,
      id,
      names.map((name) => changeOf(name)),
    );
    const seen: string[] = [];
    let cursor = '';
    do {
      const part = page(await door.get(`/api/v1/runs/${id}/changes?limit=10${cursor}`).expect(200));
      expect(part.count).toBe(25);
      seen.push(...part.changes.map(({ path }) => path.text));
      cursor = part.next === undefined ? '' : `&cursor=${part.next}`;
    } while (cursor !== '');
    expect(seen).toEqual(names);
  });

  it('answers with an empty page past the end, and refuses a cursor that is none', async () => {
    const id = await openRun(door);
    listChanges(door.runs, door.evidence, id, [changeOf('a')]);
    expect(page(await door.get(`/api/v1/runs/${id}/changes?cursor=7`).expect(200)).changes).toEqual([]);
    await door.get(`/api/v1/runs/${id}/changes?cursor=-1`).expect(400);
    await door.get(`/api/v1/runs/${id}/changes?cursor=x`).expect(400);
  });

  it('streams the whole listing byte for byte as NDJSON', async () => {
    const id = await openRun(door);
    const text = listChanges(
      door.runs,
      door.evidence,
      id,
      Array.from({ length: 300 }, (_, n) => changeOf(`tmp/ü-${n}`)),
    );
    const answer = await lines(`/api/v1/runs/${id}/changes`).expect(200);
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    expect(answer.body).toBe(text);
  });

  it('gives a hostile name as exact bytes and as text without control characters', async () => {
    const id = await openRun(door);
    listChanges(door.runs, door.evidence, id, [changeOf(hostileName)]);
    const [change] = page(await door.get(`/api/v1/runs/${id}/changes`).expect(200)).changes;
    expect(pathBytes(change!.path)).toEqual(hostileName);
    expect(change!.path.text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('does not show what is no change: the store is broken then', async () => {
    const id = await openRun(door);
    const sha256 = door.evidence.keep('{"container":1}\n');
    const facts = { sha256, count: 1, added: 1, changed: 0, deleted: 0, present: 0, method: 'overlay', first: [] };
    door.runs.step(id, 'diff-filesystem', 'succeeded', { changes: facts });
    await door.get(`/api/v1/runs/${id}/changes`).expect(500);
  });
});

describe('GET /runs/{run}/artifacts and lookups', () => {
  it('pages, and gives all as NDJSON', async () => {
    const id = await openRun(door);
    const names = ['a', 'b', 'c'];
    door.runs.of(id).artifacts = names.map(artifactOf);
    door.runs.of(id).lookups = names.map(lookupOf);
    const first = page(await door.get(`/api/v1/runs/${id}/artifacts?limit=2`).expect(200));
    expect([first.artifacts.length, first.count, first.next]).toEqual([2, 3, '2']);
    const last = page(await door.get(`/api/v1/runs/${id}/artifacts?limit=2&cursor=2`).expect(200));
    expect([last.artifacts.length, last.next]).toEqual([1, undefined]);
    const all = await lines(`/api/v1/runs/${id}/artifacts`).expect(200);
    expect(
      String(all.body)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(names.map(artifactOf));
    const answer = await door.get(`/api/v1/runs/${id}/lookups`).expect(200);
    expect(answer.body).toEqual({ lookups: names.map(lookupOf), count: 3 });
  });

  it('is empty, not missing, before anything was acquired', async () => {
    const id = await openRun(door);
    expect((await door.get(`/api/v1/runs/${id}/artifacts`).expect(200)).body).toEqual({ artifacts: [], count: 0 });
    await door.get('/api/v1/runs/r9/artifacts').expect(404);
    await door.get('/api/v1/runs/r9/lookups').expect(404);
  });
});

describe('GET /runs/{run}/custody', () => {
  it('pages through the chain and verifies it when asked', async () => {
    const id = await openRun(door);
    const first = page(await door.get(`/api/v1/runs/${id}/custody?limit=3&verify=true`).expect(200));
    expect(first.entries.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(first.verification).toMatchObject({ ok: true, entries: 5 });
    const last = page(await door.get(`/api/v1/runs/${id}/custody?limit=3&cursor=${first.next ?? ''}`).expect(200));
    expect([last.entries.length, last.next, last.verification]).toEqual([2, undefined, undefined]);
  });

  it('verifies chains longer than one reading', async () => {
    const id = await openRun(door);
    door.runs.of(id).custody = door.signer.chain(
      id,
      Array.from({ length: 600 }, () => 'cluster.request' as const),
    );
    expect(page(await door.get(`/api/v1/runs/${id}/custody?limit=1&verify=true`).expect(200)).verification).toMatchObject({ ok: true, entries: 600 });
  });

  it('names the first broken entry', async () => {
    const id = await openRun(door);
    const chain = door.runs.of(id).custody;
    chain[2] = chain[2]!.replace('"n":2', '"n":7');
    const answer = await door.get(`/api/v1/runs/${id}/custody?verify=true`).expect(200);
    expect(page(answer).verification).toEqual({ ok: false, at: 2, problem: 'has been altered: its hash does not fit its content' });
  });

  it('shows what is no entry as such, safe to print', async () => {
    const id = await openRun(door);
    door.runs.of(id).custody[1] = 'no\x1b[2J entry';
    const answer = page(await door.get(`/api/v1/runs/${id}/custody`).expect(200));
    expect(answer.entries[1]).toEqual({ unreadable: 'no\\x1b[2J entry' });
  });

  it('gives the chain and the keys with which anybody can check it', async () => {
    const id = await openRun(door);
    const published = await door.get('/.well-known/jwks.json').unset('Authorization').expect(200);
    const { keys } = published.body as { keys: { kid: string }[] };
    expect(keys[0]).not.toHaveProperty('d');
    const trusted = new Map(keys.map((key) => [key.kid, createPublicKey({ key: key as never, format: 'jwk' })]));
    const answer = await lines(`/api/v1/runs/${id}/custody`).expect(200);
    expect(verifyChain(id, String(answer.body).trimEnd().split('\n'), trusted)).toMatchObject({ ok: true, entries: 5 });
  });
});

describe('GET /runs/{run}/report', () => {
  it('says why there is none yet', async () => {
    const id = await openRun(door);
    const answer = await door.get(`/api/v1/runs/${id}/report`).expect(404);
    expect(answer.text).toContain('it may still come');
    door.runs.change(id, { state: 'failed' });
    expect((await door.get(`/api/v1/runs/${id}/report`).expect(404)).text).toContain('will not');
  });

  it('comes as JSON or Markdown, by parameter or by Accept', async () => {
    const id = await openRun(door);
    finish(door.runs, door.evidence, id, 'malicious', 'Bad.', '# Bad\n');
    expect((await door.get(`/api/v1/runs/${id}/report`).expect(200)).body).toMatchObject({ verdict: { level: 'malicious' } });
    expect((await door.get(`/api/v1/runs/${id}/report?format=markdown`).expect(200)).text).toBe('# Bad\n');
    const byHeader = await door.get(`/api/v1/runs/${id}/report`).set('Accept', 'text/markdown').expect(200);
    expect([byHeader.text, byHeader.headers['content-type']]).toEqual(['# Bad\n', 'text/markdown; charset=utf-8']);
    await door.get(`/api/v1/runs/${id}/report?format=pdf`).expect(400);
    await door
      .get(`/api/v1/runs/${id}/report`)
      .set('If-None-Match', byHeader.headers['etag'] ?? '')
      .set('Accept', 'text/markdown')
      .expect(304);
  });

  it('comes as a page that a browser may only show, and its timeline as a file to keep', async () => {
    const id = await openRun(door);
    finish(door.runs, door.evidence, id, 'malicious', 'Bad.');
    const page = await door.get(`/api/v1/runs/${id}/report`).set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8').expect(200);
    expect(page.text).toBe('<!DOCTYPE html><title>Report</title>');
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' });
    const policy = (page.headers['content-security-policy'] ?? '').split('; ');
    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", 'sandbox', "frame-ancestors 'none'"]));
    expect(policy.join(' ')).not.toMatch(/script|http|\*/);
    const csv = await door.get(`/api/v1/runs/${id}/report?format=csv`).expect(200);
    expect(csv.text).toBe('message\r\nfirst\r\n');
    expect(csv.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename=${id}-timeline.csv`,
      'x-content-type-options': 'nosniff',
    });
  });

  it('has a schema that anybody may read', async () => {
    const answer = await supertest(door.app).get('/schemas/report.json').expect(200);
    expect(answer.body).toMatchObject({ $id: expect.stringMatching(/^urn:podtriage:schema:report:2\./) as string, type: 'object' });
  });
});

describe('what needs no run', () => {
  it('lists playbooks', async () => {
    const answer = await door.get('/api/v1/playbooks').expect(200);
    expect(answer.body).toMatchObject({ playbooks: [{ name: 'a-f-02', steps: ['locate-node', 'write-report'] }] });
  });

  it('shows a playbook with what its steps need, or says that there is none', async () => {
    const answer = await door.get('/api/v1/playbooks/a-f-02').expect(200);
    const pods = { kind: 'cluster', apiGroup: '', resource: 'pods', verb: 'get' };
    expect(answer.body).toMatchObject({ steps: [{ name: 'locate-node', permissions: [pods] }, { name: 'write-report' }], permissions: [pods] });
    await door.get('/api/v1/playbooks/other').expect(404);
  });

  it('gives health and contract to everybody', async () => {
    expect((await door.get('/healthz').unset('Authorization').expect(200)).body).toEqual({ status: 'ok', version: '9.9.9' });
    const answer = await door
      .get('/openapi.yaml')
      .unset('Authorization')
      .buffer(true)
      .parse(asText as never)
      .expect(200);
    expect(String(answer.body)).toMatch(/^openapi: 3\.1/);
  });
});
