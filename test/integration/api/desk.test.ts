import { describe, expect, it } from 'vitest';
import { openDoor, openRun } from './door.js';
import { finish } from './fakes.js';
import { at, hex, lookupOf, reportOf } from './samples.js';

const door = openDoor();
const sha256 = hex('a');

describe('GET /runs/{run}/summary', () => {
  it('says why there is none yet', async () => {
    const id = await openRun(door);
    const answer = await door.get(`/api/v1/runs/${id}/summary`).expect(404);
    expect(answer.body).toMatchObject({ code: 'not-found' });
    expect(answer.text).toContain('it may still come');
    await door.get('/api/v1/runs/r9/summary').expect(404);
  });

  it('is the report in short, and not sent twice', async () => {
    const id = await openRun(door);
    finish(door.runs, door.evidence, id, 'malicious', 'Bad.');
    const answer = await door.get(`/api/v1/runs/${id}/summary`).expect(200);
    expect(answer.body).toMatchObject({ run: id, reportVersion: 1, verdict: 'malicious', headline: 'Bad.', links: { run: `/api/v1/runs/${id}` } });
    await door
      .get(`/api/v1/runs/${id}/summary`)
      .set('If-None-Match', answer.headers['etag'] ?? '')
      .expect(304);
  });

  it('is of the newest version', async () => {
    const id = await openRun(door);
    finish(door.runs, door.evidence, id, 'inconclusive', 'Open.');
    const second = { ...reportOf(door.runs.of(id).view, 'malicious', 'Version 2: bad.'), version: 2 };
    const json = door.evidence.keep(JSON.stringify(second));
    door.runs.change(id, {
      amendments: [
        {
          version: 2,
          at,
          answered: 1,
          pending: 0,
          verdict: 'malicious',
          verdictBefore: 'inconclusive',
          completeness: 'full',
          lookups: hex('lookups'),
          report: { json, markdown: json, html: json, timeline: json },
        },
      ],
    });
    const answer = await door.get(`/api/v1/runs/${id}/summary`).expect(200);
    expect(answer.body).toMatchObject({ reportVersion: 2, verdict: 'malicious' });
  });

  it('is no summary of what is no report', async () => {
    const id = await openRun(door);
    door.runs.step(id, 'write-report', 'succeeded', {
      report: { json: door.evidence.keep('{}'), markdown: hex('m'), html: hex('h'), timeline: hex('t'), version: 1 },
    });
    await door.get(`/api/v1/runs/${id}/summary`).expect(500);
  });
});

describe('GET /quota', () => {
  it('shows each key and what waits', async () => {
    const counts = (minute: number, day: number, month: number) => ({ minute, day, month });
    door.office.status = {
      source: 'virustotal',
      keys: [
        {
          key: '0123456789ab',
          limits: counts(4, 500, 15_500),
          used: counts(4, 10, 10),
          left: counts(0, 490, 15_490),
          waitMs: 14_000,
          why: 'burst',
          reportedAt: at,
        },
      ],
      waiting: { interactive: 2, webhook: 0, batch: 7 },
      eta: at,
    };
    expect((await door.get('/api/v1/quota').expect(200)).body).toEqual(door.office.status);
    await door.get('/api/v1/quota').unset('Authorization').expect(401);
  });
});

describe('/lookups', () => {
  it('says that nobody has asked, asks, says when the answer is expected, and gives it', async () => {
    expect((await door.get(`/api/v1/lookups/${sha256}`).expect(404)).body).toMatchObject({ code: 'not-found' });
    const asked = await door.post('/api/v1/lookups', { sha256 }).expect(202);
    expect([asked.headers['location'], asked.body]).toEqual([`/api/v1/lookups/${sha256}`, { state: 'waiting' }]);
    door.office.known.set(sha256, { state: 'waiting', eta: at });
    expect((await door.get(`/api/v1/lookups/${sha256}`).expect(200)).body).toEqual({ state: 'waiting', eta: at });
    door.office.known.set(sha256, { state: 'answered', lookup: lookupOf('a') });
    expect((await door.get(`/api/v1/lookups/${sha256}`).expect(200)).body).toEqual({ state: 'answered', lookup: lookupOf('a') });
    expect((await door.post('/api/v1/lookups', { sha256 }).expect(202)).body).toMatchObject({ state: 'answered' });
  });

  it('refuses what is no sha256', async () => {
    const before = door.office.asked.length;
    for (const wrong of ['abc', 'A'.repeat(64), `${'a'.repeat(64)}\n`]) {
      await door.get(`/api/v1/lookups/${encodeURIComponent(wrong)}`).expect(400);
      await door.post('/api/v1/lookups', { sha256: wrong }).expect(400);
    }
    await door.post('/api/v1/lookups', { sha256, more: 1 }).expect(400);
    expect(door.office.asked).toHaveLength(before);
  });

  it('are an outage without Redis, which is told without its secrets', async () => {
    door.office.broken = true;
    for (const path of ['/api/v1/quota', `/api/v1/lookups/${sha256}`]) {
      const answer = await door.get(path).expect(503);
      expect(answer.text).not.toContain('secret');
    }
    door.office.broken = false;
  });
});
