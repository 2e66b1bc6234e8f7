import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import type { RunView } from '../../store/run-view.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

it('a run that does not wait for its answers is amended when they come, and its chain holds', { timeout: 180_000 }, async () => {
  const id = await service.open('web-a', { options: { lookups: { deadlineSeconds: 0, budget: 1_000 } } });
  const first = await service.ended(id);
  expect(first).toMatchObject({ reportVersion: 1, amendments: [], completeness: 'partial' });
  expect(first.pendingLookups).toBeGreaterThan(0);
  await expect.poll(async () => (await service.run(id)).pendingLookups, { timeout: 120_000, interval: 500 }).toBeUndefined();
  const view: RunView = await service.run(id);
  expect(view.verdict).toBe('malicious');
  expect(view.amendments.map(({ version }) => version)).toEqual(Array.from({ length: view.amendments.length }, (_, at) => at + 2));
  const lookups = await service.rows<Lookup>(id, 'lookups');
  expect(lookups.some(({ status }) => status === 'pending')).toBe(false);
  expect(lookups.some(({ status }) => status === 'detected')).toBe(true);
  const version = async (query: string): Promise<unknown> => (await service.api(`/runs/${id}/report?format=json${query}`)).body as unknown;
  expect(await version('')).toMatchObject({ version: view.reportVersion, completeness: view.completeness, verdict: { level: 'malicious' } });
  expect(await version('&version=1')).toMatchObject({ version: 1, completeness: 'partial' });
  expect((await service.api(`/runs/${id}/custody?verify=true&limit=1`)).body).toMatchObject({ verification: { ok: true } });
});
