import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPublicKeys } from '../../../store/public-keys.js';
import { assertDurable } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const long = AbortSignal.timeout(60_000);

test('runs are listed newest first, page by page, each once', async () => {
  const runs: string[] = [];
  for (let at = 0; at < 7; at++) {
    runs.push(await engine().open('brief'));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const first = await engine().reader.list({ reach: 'all', limit: 3 });
  const second = await engine().reader.list({ reach: 'all', limit: 3, cursor: first.next! });
  const third = await engine().reader.list({ reach: 'all', limit: 3, cursor: second.next! });
  expect([...first.runs, ...second.runs, ...third.runs].map(({ id }) => id)).toEqual(runs.reverse());
  expect(third.next).toBeUndefined();
  await engine().commander.cancel(runs[4]!, 'alice');
  expect((await engine().reader.list({ reach: 'all', limit: 3, state: 'cancelling' })).runs.map(({ id }) => id)).toEqual([runs[4]]);
  await expect(engine().reader.list({ reach: 'all', limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid-request' });
});

test('a change wakes who waits for it, also when it comes before the subscription stands', async () => {
  const run = await engine().open('brief');
  const early = engine().reader.changed(run, 30_000, long);
  await engine().custody.append(run, [{ act: 'evidence.held', detail: { reason: 'court' } }]);
  await early;
  const late = engine().reader.changed(run, 30_000, long);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await engine().commander.cancel(run, 'alice');
  await late;
});

test('waiting for a change ends with its time, and with its signal', async () => {
  const run = await engine().open('brief');
  await engine().reader.changed(run, 50, long);
  await engine().reader.changed(run, 60_000, AbortSignal.timeout(50));
});

test('a record that does not parse is an error of its own kind', async () => {
  const run = await engine().open('brief');
  await engine().redis.hset(engine().keys.run(run), 'request', '{');
  await expect(engine().reader.get(run)).rejects.toMatchObject({ code: 'internal' });
  expect(await engine().reader.get('r0nothere')).toBeUndefined();
});

test('an unknown playbook is refused with the names of those that are known', async () => {
  await expect(engine().open('nonsense')).rejects.toMatchObject({ code: 'playbook-unknown' });
});

test('a Redis that may evict or forget is refused', async () => {
  await assertDurable(engine().redis);
  await engine().redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await expect(assertDurable(engine().redis)).rejects.toMatchObject({ code: 'config-invalid' });
  await engine().redis.config('SET', 'maxmemory-policy', 'noeviction');
  await engine().redis.config('SET', 'appendonly', 'no');
  await expect(assertDurable(engine().redis)).rejects.toThrow(/appendonly yes/);
  await engine().redis.config('SET', 'appendonly', 'yes');
});

test('processes that start at once share one signing key, which only they can read', async () => {
  const folder = join(engine().folder, 'shared');
  const path = join(folder, 'worker.pem');
  const signers = await Promise.all(Array.from({ length: 8 }, () => openSigner(folder, 'worker')));
  expect(new Set(signers.map(({ kid }) => kid)).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect([...(await readPublicKeys(folder)).keys()]).toEqual([signers[0]!.kid]);
});
