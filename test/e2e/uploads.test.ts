import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { TestService } from './service.js';

let service: TestService | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});

it('by default no content leaves: VirusTotal gets questions only, even for a run that asks for uploads', async () => {
  service = await TestService.start();
  const run = await service.triage('web-a', { options: { lookups: { upload: 'public' } } });
  expect(run).toMatchObject({ state: 'completed', completeness: 'full' });
  const { virusTotal } = service;
  expect([...virusTotal.requests.perMethod.keys()]).toEqual(['GET']);
  expect(virusTotal.uploaded).toEqual([]);
});

it('where installation and run want it, no file is sent twice, though the service is killed while it waits', async () => {
  service = await TestService.start({ PODTRIAGE_VT_UPLOAD: 'public', PODTRIAGE_LOCK_SECONDS: '5' });
  const { virusTotal } = service;
  const id = await service.open('web-a', { options: { lookups: { upload: 'public' } } });
  while (virusTotal.uploaded.length === 0) await sleep(5);
  await service.kill();
  await service.spawn();
  const run = await service.ended(id, 240_000);
  expect(run.state).toBe('completed');
  const sent = virusTotal.uploaded.map(({ sha256 }) => sha256);
  expect(sent.length).toBeLessThanOrEqual(5);
  expect(new Set(sent).size).toBe(sent.length);
  const step = run.steps.find(({ name }) => name === 'upload-unknown');
  expect(step).toMatchObject({ state: 'succeeded' });
}, 400_000);
