import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { overlapped } from '../../../playbooks/acquisition/taking/overlapped.js';

const signal = new AbortController().signal;

/** Resolves when a signal is aborted, and a while after. */
async function untilEnded(either: AbortSignal): Promise<void> {
  if (!either.aborted) await new Promise((resolve) => either.addEventListener('abort', resolve, { once: true }));
  await sleep(10);
}

it('prepares the next item while one is taken, and takes them in order', async () => {
  const said: string[] = [];
  const results = await overlapped(
    [1, 2, 3],
    {
      prepare: async (item) => {
        said.push(`prepare ${item}`);
        await sleep(5);
        said.push(`prepared ${item}`);
        return item * 10;
      },
      take: async (item, prepared) => {
        said.push(`take ${item}`);
        await sleep(20);
        said.push(`taken ${item}`);
        return prepared + item;
      },
    },
    signal,
  );
  expect(results).toEqual([11, 22, 33]);
  for (const next of [2, 3]) {
    expect(said.indexOf(`prepare ${next}`)).toBeLessThan(said.indexOf(`taken ${next - 1}`));
    expect(said.indexOf(`take ${next}`)).toBeGreaterThan(said.indexOf(`taken ${next - 1}`));
  }
});

it('takes the next item beside the end of the one before where that says so, never three at a time, and gives results in order', async () => {
  let now = 0;
  let most = 0;
  const results = await overlapped(
    [1, 2, 3, 4, 5],
    {
      prepare: (item) => Promise.resolve(item),
      take: async (item, _prepared, _signal, next) => {
        now += 1;
        most = Math.max(most, now);
        await sleep(2);
        next();
        await sleep(item === 1 ? 30 : 5);
        now -= 1;
        return item;
      },
    },
    signal,
  );
  expect([results, most]).toEqual([[1, 2, 3, 4, 5], 2]);
});

it('ends the preparation at hand when taking fails, and waits for its end', async () => {
  let ended = '';
  const run = overlapped(
    [1, 2],
    {
      prepare: async (item, either) => {
        if (item === 1) return item;
        await untilEnded(either);
        ended = 'ended';
        throw either.reason;
      },
      take: () => Promise.reject(new Error('taking failed')),
    },
    signal,
  );
  await expect(run).rejects.toThrow('taking failed');
  expect(ended).toBe('ended');
});

it('ends the taking that came after when one fails, waits for its end, and tells the first failure', async () => {
  let ended = 0;
  const run = overlapped(
    [1, 2],
    {
      prepare: (item) => Promise.resolve(item),
      take: async (item, _prepared, own, next) => {
        next();
        await sleep(5);
        if (item === 1) throw new Error('taking 1 failed');
        await untilEnded(own);
        ended = item;
        throw own.reason;
      },
    },
    signal,
  );
  await expect(run).rejects.toThrow('taking 1 failed');
  expect(ended).toBe(2);
});

it('lets the taking before come to its end when one fails: what it has is not lost', async () => {
  const taken: number[] = [];
  const run = overlapped(
    [1, 2, 3],
    {
      prepare: (item) => Promise.resolve(item),
      take: async (item, _prepared, own, next) => {
        next();
        if (item === 2) throw new Error('taking 2 failed');
        await sleep(20);
        own.throwIfAborted();
        taken.push(item);
      },
    },
    signal,
  );
  await expect(run).rejects.toThrow('taking 2 failed');
  expect(taken).toEqual([1]);
});

it('tells the failure of a taking, not that of the preparation which it ended', async () => {
  const run = overlapped(
    [1, 2],
    {
      prepare: async (item, own) => {
        if (item === 1) return item;
        await untilEnded(own);
        throw new Error('ended');
      },
      take: async (_item, _prepared, _own, next) => {
        next();
        await sleep(5);
        throw new Error('taking failed');
      },
    },
    signal,
  );
  await expect(run).rejects.toThrow('taking failed');
});

it('does not begin to take an item when the one before has failed, though it had let it begin', async () => {
  const begun: number[] = [];
  const run = overlapped(
    [1, 2, 3],
    {
      prepare: async (item) => {
        await sleep(item * 10);
        return item;
      },
      take: async (item, _prepared, _signal, next) => {
        begun.push(item);
        next();
        await sleep(2);
        throw new Error(`taking ${item} failed`);
      },
    },
    signal,
  );
  await expect(run).rejects.toThrow('taking 1 failed');
  expect(begun).toEqual([1]);
});

it('tells of a taking that fails before it can be waited for', async () => {
  const take = (): never => {
    throw new Error('at once');
  };
  await expect(overlapped([1, 2], { prepare: (item) => Promise.resolve(item), take }, signal)).rejects.toThrow('at once');
});

it('takes what was prepared before a preparation fails', async () => {
  const taken: number[] = [];
  const run = overlapped(
    [1, 2, 3, 4],
    {
      prepare: (item) => (item === 3 ? Promise.reject(new Error('no hash')) : Promise.resolve(item)),
      take: async (item, _prepared, _signal, next) => {
        next();
        await sleep(10);
        taken.push(item);
      },
    },
    signal,
  );
  await expect(run).rejects.toThrow('no hash');
  expect(taken).toEqual([1, 2]);
});
