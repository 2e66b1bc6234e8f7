import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ahead } from '../../../playbooks/acquisition/ahead.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test('results come in the order of their items, however long each takes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }), async (waits) => {
      const got: (readonly [number, number])[] = [];
      const begin = async (index: number): Promise<number> => {
        for (let turn = 0; turn < (waits[index] ?? 0); turn += 1) await Promise.resolve();
        return index * 2;
      };
      for await (const pair of ahead(numbers(waits.length), begin)) got.push(pair);
      expect(got).toEqual(numbers(waits.length).map((index) => [index, index * 2]));
    }),
    { numRuns: 50 },
  );
});

test('several are under way at a time, and never more than sixteen', async () => {
  let now = 0;
  let most = 0;
  const begin = async (): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
  };
  let ended = 0;
  for await (const [index] of ahead(numbers(100), begin)) ended = index + 1;
  expect(ended).toBe(100);
  expect(most).toBe(16);
});

test('what was begun for a reader who has left is dropped, each once', async () => {
  const begun: number[] = [];
  const dropped: number[] = [];
  const begin = (index: number): Promise<number> => {
    begun.push(index);
    return Promise.resolve(index);
  };
  for await (const [index] of ahead(numbers(100), begin, (result) => dropped.push(result))) if (index === 3) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(dropped.sort((a, b) => a - b)).toEqual(begun.filter((index) => index > 3));
});

test('a failure is told when its turn has come, and ends it', async () => {
  const got: number[] = [];
  const begin = (index: number): Promise<number> => (index === 5 ? Promise.reject(new Error('five')) : Promise.resolve(index));
  const reading = (async () => {
    for await (const [index] of ahead(numbers(40), begin)) got.push(index);
  })();
  await expect(reading).rejects.toThrow('five');
  expect(got).toEqual(numbers(5));
});
