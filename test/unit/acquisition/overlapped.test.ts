import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { overlapped } from '../../../playbooks/acquisition/taking/overlapped.js';

const signal = new AbortController().signal;

it('prepares the next item while one is taken, and takes them in order', async () => {
  const said: string[] = [];
  const results = await overlapped(
    [1, 2, 3],
    async (item) => {
      said.push(`prepare ${item}`);
      await sleep(5);
      said.push(`prepared ${item}`);
      return item * 10;
    },
    async (item, prepared) => {
      said.push(`take ${item}`);
      await sleep(20);
      said.push(`taken ${item}`);
      return prepared + item;
    },
    signal,
  );
  expect(results).toEqual([11, 22, 33]);
  for (const next of [2, 3]) {
    expect(said.indexOf(`prepare ${next}`)).toBeLessThan(said.indexOf(`taken ${next - 1}`));
    expect(said.indexOf(`take ${next}`)).toBeGreaterThan(said.indexOf(`taken ${next - 1}`));
  }
});

it('ends the preparation at hand when taking fails, and waits for its end', async () => {
  let ended = '';
  const run = overlapped(
    [1, 2],
    async (item, either) => {
      if (item === 2) {
        await new Promise((resolve) => either.addEventListener('abort', resolve, { once: true }));
        await sleep(10);
        ended = 'ended';
        throw either.reason;
      }
      return item;
    },
    () => Promise.reject(new Error('taking failed')),
    signal,
  );
  await expect(run).rejects.toThrow('taking failed');
  expect(ended).toBe('ended');
});

it('takes what was prepared before a preparation fails', async () => {
  const taken: number[] = [];
  const run = overlapped(
    [1, 2, 3],
    (item) => (item === 2 ? Promise.reject(new Error('no hash')) : Promise.resolve(item)),
    async (item) => {
      await sleep(10);
      taken.push(item);
    },
    signal,
  );
  await expect(run).rejects.toThrow('no hash');
  expect(taken).toEqual([1]);
});
