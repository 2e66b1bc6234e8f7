import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { defaultPrefix, keysOf } from '../../store/keys.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start({ PODTRIAGE_LOCK_SECONDS: '2' });
});

afterAll(async () => {
  await service.stop();
});

const steps = [
  'locate-node',
  'list-containers',
  'read-logs',
  'list-processes',
  'diff-filesystem',
  'check-packages',
  'export-files',
  'hash-files',
  'lookup-hashes',
  'upload-unknown',
  'judge',
  'write-report',
];

describe('a service killed in the middle of a step and started again', () => {
  it.each(steps)('%s: the run completes, nothing is there twice, custody verifies', async (step) => {
    const redis = service.redis;
    const id = await service.open('web-a');
    // The attempt's entry stands in the chain as soon as it begins: the process dies within the step.
    const attempts = keysOf(defaultPrefix).fences(id);
    for (let tries = 0; (await redis.hget(attempts, step)) === null; tries += 1) {
      if (tries > 60_000) throw new Error(`${step} did not begin`);
      await sleep(1);
    }
    await service.kill();
    redis.disconnect();
    await service.spawn();
    const run = await service.ended(id);
    expect(run).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'malicious' });
    const ids = (await service.rows<Artifact>(id, 'artifacts')).map((artifact) => artifact.id);
    expect(new Set(ids).size).toBe(ids.length);
    const acts = await custodyActs(id);
    const subjects = acts.filter(({ act }) => act.startsWith('artifact.')).map(({ subject }) => subject);
    expect(new Set(subjects).size).toBe(subjects.length);
    const answered = acts.filter(({ act }) => act === 'lookup.answered').map(({ subject }) => subject);
    expect(new Set(answered).size).toBe(answered.length);
    // Of the steps one has nothing to do: nobody asked for uploads.
    const ended = acts.filter(({ act }) => act === 'step.finished' || act === 'step.skipped').map(({ subject }) => subject);
    expect(ended.sort()).toEqual([...steps].sort());
    expect(await service.command('verify', id)).toMatchObject({ code: 0 });
  });

  it('has asked VirusTotal at most once more than there are hashes for each kill', () => {
    const { perHash } = service.virusTotal.requests;
    const asked = [...perHash.values()].reduce((sum, count) => sum + count, 0);
    expect(asked).toBeLessThanOrEqual(perHash.size + steps.length);
  });
});

async function custodyActs(id: string): Promise<{ act: string; subject?: string }[]> {
  const entries: { act: string; subject?: string }[] = [];
  for (let cursor = ''; ; ) {
    const { body } = (await service.api(`/runs/${id}/custody?limit=500${cursor}`)) as { body: { entries: typeof entries; next?: string } };
    entries.push(...body.entries);
    if (body.next === undefined) return entries;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
}
