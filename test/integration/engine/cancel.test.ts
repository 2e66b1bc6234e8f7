import { expect, test } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { stateOf } from './engine.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

test('a cancel stops the active step in another process, and the report is still written', async () => {
  await engine().child();
  const run = await engine().open('slow');
  await engine().until(run, (view) => stateOf(view, 'diff') === 'running');
  expect(await engine().commander.cancel(run, 'alice')).toBe(true);
  const view = await engine().ended(run, 10_000);
  expect(view.state).toBe('cancelled');
  expect(view.steps.map(({ name, state, reason }) => [name, state, reason])).toEqual([
    ['locate', 'succeeded', undefined],
    ['list', 'succeeded', undefined],
    ...['diff', 'acquire', 'hash', 'lookup', 'judge'].map((name) => [name, 'skipped', 'cancelled']),
    ['report', 'succeeded', undefined],
  ]);
  expect(view.completeness).toBe('partial');
  const acts = (await engine().entries(run)).map(({ act, actor }) => [act, actor]);
  expect(acts).toContainEqual(['run.cancel-requested', 'alice']);
  expect(verifyChain(run, await engine().reader.custody(run, 0, 1_000), await readPublicKeys(engine().folder))).toMatchObject({ ok: true });
});

test('a cancel frees a step that is parked for a slot, while the one that holds it goes on', async () => {
  await engine().runner({ nodeSlots: 1 });
  const holder = await engine().open('slow');
  await engine().until(holder, (view) => stateOf(view, 'diff') === 'running');
  const parked = await engine().open('brief');
  const waiting = await engine().until(parked, (view) => view.waitingFor !== undefined);
  expect(waiting.waitingFor?.for).toBe('node-slot');
  expect(stateOf(waiting, 'diff')).toBe('waiting');
  await engine().commander.cancel(parked, 'alice');
  const view = await engine().ended(parked, 10_000);
  expect(view.state).toBe('cancelled');
  expect(view.waitingFor).toBeUndefined();
  expect((await engine().reader.get(holder))?.state).toBe('running');
});

test('a cancel of a run that has ended, or was never there, says so; asking twice is recorded once', async () => {
  const run = await engine().open('brief');
  expect(await engine().commander.cancel(run, 'alice')).toBe(true);
  expect(await engine().commander.cancel(run, 'bob')).toBe(true);
  expect((await engine().reader.get(run))?.state).toBe('cancelling');
  await engine().runner();
  expect((await engine().ended(run)).state).toBe('cancelled');
  expect(await engine().commander.cancel(run, 'alice')).toBe(false);
  expect((await engine().entries(run)).filter(({ act }) => act === 'run.cancel-requested')).toHaveLength(1);
  await expect(engine().commander.cancel('r0nothere', 'alice')).rejects.toMatchObject({ code: 'not-found' });
});
