import { expect, it } from 'vitest';
import type { Amendment } from '../../../playbooks/domain/amendment.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { type Door, openDoor, openRun } from './door.js';
import { finish } from './fakes.js';
import { at, hex, lookupOf } from './samples.js';

const shared = openDoor();

/** A run that was judged without one answer. */
async function judgedEarly(door: Door): Promise<string> {
  const id = await openRun(door);
  finish(door.runs, door.evidence, id, 'inconclusive', 'Version one.');
  const pending: Lookup = { sha256: hex('late'), source: 'virustotal', status: 'pending', askedAt: at, cached: false };
  door.runs.step(id, 'locate-node', 'succeeded', { lookups: { sha256: listing(door, pending), count: 1, counts: { pending: 1 } } });
  door.runs.change(id, { completeness: 'partial', reportVersion: 1, pendingLookups: 1 });
  return id;
}

function listing(door: Door, lookup: Lookup): string {
  return door.evidence.keep(`${JSON.stringify(lookup)}\n`);
}

function amend(door: Door, id: string): void {
  const amendment: Amendment = {
    version: 2,
    at,
    answered: 1,
    pending: 0,
    verdict: 'malicious',
    verdictBefore: 'inconclusive',
    completeness: 'full',
    lookups: listing(door, lookupOf('late')),
    report: {
      json: door.evidence.keep('{"version":2}'),
      markdown: door.evidence.keep('# Version 2\n'),
      html: door.evidence.keep('<!DOCTYPE html><title>Version 2</title>'),
      timeline: door.evidence.keep('message\r\nsecond\r\n'),
    },
  };
  const found = door.runs.of(id);
  found.view = { ...found.view, verdict: 'malicious', completeness: 'full', reportVersion: 2, amendments: [amendment] };
  delete (found.view as { pendingLookups?: number }).pendingLookups;
  door.runs.announce(id);
}

it('shows what a later version of the report has changed', async () => {
  const id = await judgedEarly(shared);
  amend(shared, id);
  const body: unknown = (await shared.get(`/api/v1/runs/${id}`).expect(200)).body;
  expect(body).toMatchObject({ reportVersion: 2, verdict: 'malicious', amendments: [{ version: 2, verdictBefore: 'inconclusive', answered: 1 }] });
  expect(body).not.toHaveProperty('pendingLookups');
});

it('gives the newest report, and older ones by their version', async () => {
  const id = await judgedEarly(shared);
  const text = async (version: string): Promise<string> => (await shared.get(`/api/v1/runs/${id}/report?format=markdown${version}`).expect(200)).text;
  expect(await text('')).toBe('# Report\n');
  amend(shared, id);
  expect(await text('')).toBe('# Version 2\n');
  expect(await text('&version=2')).toBe('# Version 2\n');
  expect(await text('&version=1')).toBe('# Report\n');
  for (const [format, first, second] of [
    ['html', 'Report', 'Version 2'],
    ['csv', 'first', 'second'],
  ] as const) {
    expect((await shared.get(`/api/v1/runs/${id}/report?format=${format}&version=1`).expect(200)).text).toContain(first);
    expect((await shared.get(`/api/v1/runs/${id}/report?format=${format}`).expect(200)).text).toContain(second);
  }
  await shared.get(`/api/v1/runs/${id}/report?version=3`).expect(404);
  await shared.get(`/api/v1/runs/${id}/report?version=0`).expect(400);
});

it('lists the lookups as the newest version has them, pending ones included', async () => {
  const id = await judgedEarly(shared);
  const statuses = async (): Promise<unknown> => (await shared.get(`/api/v1/runs/${id}/lookups`).expect(200)).body as unknown;
  expect(await statuses()).toMatchObject({ lookups: [{ status: 'pending' }], count: 1 });
  amend(shared, id);
  expect(await statuses()).toMatchObject({ lookups: [{ status: 'detected' }], count: 1 });
});

it('waits for an amendment with who knows the run as it is, and with nobody else', async () => {
  const door = openDoor();
  const id = await judgedEarly(door);
  const { headers } = await door.get(`/api/v1/runs/${id}?wait=60`).expect(200);
  const answer = door
    .get(`/api/v1/runs/${id}?wait=60`)
    .set('If-None-Match', headers['etag'] ?? '')
    .expect(200);
  const settled = answer.then(({ body }) => (body as { reportVersion: number }).reportVersion);
  await new Promise((resolve) => setTimeout(resolve, 100));
  amend(door, id);
  expect(await settled).toBe(2);
  // Nothing more is to come: whoever knows that gets it at once.
  const last = await door.get(`/api/v1/runs/${id}`).expect(200);
  await door
    .get(`/api/v1/runs/${id}?wait=60`)
    .set('If-None-Match', last.headers['etag'] ?? '')
    .expect((got) => expect([200, 304]).toContain(got.status));
});
