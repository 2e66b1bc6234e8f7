import { expect, test } from 'vitest';
import { Places } from '../../../workers/runner/places.js';

const signal = new AbortController().signal;

/** What of these has been settled after all that can go on has gone on. */
async function settled(takes: readonly Promise<unknown>[]): Promise<boolean[]> {
  const done = takes.map(() => false);
  takes.forEach((take, index) => {
    take.then(
      () => (done[index] = true),
      () => (done[index] = true),
    );
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

test('no more than the number given have a place; the next in line gets one that is given back', async () => {
  const places = new Places(2);
  const takes = [1, 2, 3, 4].map(() => places.take(signal));
  expect(await settled(takes)).toEqual([true, true, false, false]);
  (await takes[0]!)();
  expect(await settled(takes)).toEqual([true, true, true, false]);
  for (const take of takes.slice(1)) (await take)();
  expect(await settled([places.take(signal), places.take(signal), places.take(signal)])).toEqual([true, true, false]);
});

test('who is aborted leaves the line, and takes no place with it', async () => {
  const places = new Places(1);
  const give = await places.take(signal);
  const abort = new AbortController();
  const gone = places.take(abort.signal);
  const next = places.take(signal);
  abort.abort(new Error('enough'));
  await expect(gone).rejects.toMatchObject({ code: 'cancelled' });
  give();
  (await next)();
  await expect(places.take(AbortSignal.abort(new Error('early')))).rejects.toMatchObject({ code: 'cancelled' });
  (await places.take(signal))();
});

test('a place that comes with the abort goes on to the next', async () => {
  const places = new Places(1);
  const give = await places.take(signal);
  const abort = new AbortController();
  const called = places.take(abort.signal);
  const next = places.take(signal);
  abort.abort(new Error('enough'));
  give();
  await expect(called).rejects.toMatchObject({ code: 'cancelled' });
  (await next)();
});
