import { expect, test } from 'vitest';
import { RedisRequestClaims, type RepeatableRequest } from '../../../store/idempotency.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import type { Signer } from '../../../store/signing-key.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();
const alerts: string[] = [];

/** The claims of one API process. */
function claims(leaseMs?: number, signer: Signer = engine().signer): RedisRequestClaims {
  const texts = new SignedTexts(signer, keyRing(engine().folder), ({ message }) => alerts.push(message));
  return new RedisRequestClaims(engine().redis, engine().keys, texts, leaseMs);
}

const request: RepeatableRequest = { actor: 'key:a', operation: 'POST /runs', key: 'k-1', request: { pod: 'web-0' } };
let count = 0;
const newId = (): string => `r${(count += 1)}`;
const allKeys = (): Promise<string[]> => engine().redis.keys(`${engine().prefix}*claim*`);

test('of many who send a request at once one does it, and all get its id when it is done', async () => {
  const mine = await Promise.all(Array.from({ length: 20 }, () => claims().claim(request, newId)));
  const [won, ...more] = mine.filter((claim) => claim.state === 'mine');
  expect(more).toEqual([]);
  expect(mine.filter(({ state }) => state === 'busy')).toHaveLength(19);
  await claims().settle(request, won!.owner, true);
  expect(await claims().claim(request, newId)).toEqual({ state: 'done', id: won!.id });
});

test('another request under the same key is refused at any time, and the first one is none the worse', async () => {
  const other = { ...request, request: { pod: 'web-1' } };
  const claim = await claims(50).claim(request, newId);
  expect(await claims().claim(other, newId)).toEqual({ state: 'mismatch' });
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(await claims().claim(other, newId)).toEqual({ state: 'mismatch' });
  const again = await claims().claim(request, newId);
  expect(again).toMatchObject({ state: 'mine', id: (claim as { id: string }).id });
  await claims().settle(request, (again as { owner: string }).owner, true);
  expect(await claims().claim(other, newId)).toEqual({ state: 'mismatch' });
});

test('callers, operations and keys do not meet', async () => {
  const ids = new Set<string>();
  for (const other of [{}, { actor: 'key:b' }, { operation: 'POST /batches' }, { key: 'k-2' }]) {
    const claim = await claims().claim({ ...request, ...other }, newId);
    expect(claim.state).toBe('mine');
    if (claim.state === 'mine') ids.add(claim.id);
  }
  expect(ids.size).toBe(4);
});

test('who died is followed under the same id, and cannot settle any more when he comes back', async () => {
  const dead = await claims(50).claim(request, newId);
  expect((await claims().claim(request, newId)).state).toBe('busy');
  await new Promise((resolve) => setTimeout(resolve, 80));
  const next = await claims().claim(request, newId);
  expect(next).toMatchObject({ state: 'mine', id: (dead as { id: string }).id });
  await claims().settle(request, (dead as { owner: string }).owner, false);
  expect((await claims().claim(request, newId)).state).toBe('busy');
});

test('a request that failed can be sent again at once', async () => {
  const failed = await claims().claim(request, newId);
  await claims().settle(request, (failed as { owner: string }).owner, false);
  expect(await claims().claim(request, newId)).toMatchObject({ state: 'mine', id: (failed as { id: string }).id });
});

test('a claim is kept for a day, holds nothing of the request, and nobody can make one up', async () => {
  await claims().claim(request, newId);
  const [key = ''] = await allKeys();
  const ttl = await engine().redis.pttl(key);
  expect(ttl).toBeGreaterThan(86_300_000);
  expect(ttl).toBeLessThanOrEqual(86_400_000);
  const text = (await engine().redis.hget(key, 'claim')) ?? '';
  expect(text).not.toMatch(/web-0|k-1/);

  for (const forged of [
    text.replace(/"id":"r\d+"/, '"id":"r9999"'),
    '{}',
    new SignedTexts(engine().workerSigner, keyRing(engine().folder), () => undefined).sign(
      { purpose: 'request-claim', about: key.split(':').at(-1)! },
      { id: 'r9999', fingerprint: '' },
    ),
  ]) {
    await engine().redis.hset(key, { claim: forged, done: '1' });
    alerts.length = 0;
    const claim = await claims().claim(request, newId);
    expect(claim.state).toBe('mine');
    expect(claim).not.toMatchObject({ id: 'r9999' });
    expect(alerts).toHaveLength(1);
  }
});
