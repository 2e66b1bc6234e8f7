import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRun } from '../api/door.js';
import { finish } from '../api/fakes.js';
import { openStand, type Stand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

it('holds, releases and destroys the evidence of a run, each for a reason', async () => {
  const { runs, evidence } = stand.door;
  const id = await openRun(stand.door);
  finish(runs, evidence, id, 'no-findings');
  expect((await stand.run('hold', id)).stderr).toContain('--reason');
  expect(await stand.run('hold', id, '--reason', 'litigation')).toMatchObject({ code: 0, stdout: expect.stringContaining('is held') as string });
  expect(runs.of(id).view.held).toMatchObject({ by: 'key:key-1', reason: 'litigation' });
  expect((await stand.run('runs')).stdout).toMatch(/no-findings \(.*held\)/);
  const refused = await stand.run('destroy', id, '--reason', 'done', '--yes');
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain('held by key:key-1');
  expect((await stand.run('release', id, '--reason', 'settled')).code).toBe(0);

  const unsaid = await stand.run('destroy', id, '--reason', 'done');
  expect([unsaid.code, unsaid.stderr]).toEqual([1, expect.stringContaining('--yes') as string]);
  expect(runs.of(id).view.evidenceDestroyed).toBeUndefined();
  expect((await stand.run('destroy', id, '--reason', 'done', '--yes')).code).toBe(0);
  expect(runs.of(id).view.evidenceDestroyed).toMatchObject({ reason: 'done' });
  const report = await stand.run('report', id);
  expect([report.code, report.stderr]).toEqual([1, expect.stringContaining('was destroyed at') as string]);
}, 300_000);

it('asks for a time of its own for the evidence of a run', async () => {
  const words = ['triage', '-n', 'shop', 'web-0', '--detach', '--retention'];
  const { code, stdout } = await stand.run(...words, '30');
  expect(code).toBe(0);
  expect(stand.door.runs.of(stdout.trim()).view.request.options.retentionDays).toBe(30);
  expect((await stand.run(...words, '0')).code).not.toBe(0);
  expect((await stand.run(...words, '3651')).code).not.toBe(0);
}, 300_000);
