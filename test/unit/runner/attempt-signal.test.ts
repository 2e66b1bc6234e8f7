import { expect, test } from 'vitest';
import { AttemptSignal, untilStopped } from '../../../workers/runner/attempt-signal.js';

const never = new Promise<never>(() => undefined);

test.each([
  ['shutdown', 'shutdown', 'cancelled'],
  ['lock-lost', 'lock-lost', 'stale-attempt'],
] as const)('a job stopped by %s says so', (reason, why, code) => {
  const job = new AbortController();
  const stop = new AttemptSignal('diff', 60_000, job.signal);
  job.abort(reason);
  expect(stop.why).toBe(why);
  expect(stop.signal.reason).toMatchObject({ code });
  stop.dispose();
});

test('the first reason counts', () => {
  const job = new AbortController();
  const stop = new AttemptSignal('diff', 60_000, job.signal);
  stop.cancel();
  job.abort('shutdown');
  expect(stop.why).toBe('cancelled');
  stop.dispose();
});

test('a step that takes too long is stopped', async () => {
  const stop = new AttemptSignal('diff', 5, undefined);
  await expect(untilStopped(never, stop.signal, 5)).rejects.toMatchObject({ code: 'timeout' });
});

test('work that heeds the signal may end in its own way', async () => {
  const stop = new AttemptSignal('diff', 60_000, undefined);
  const work = new Promise<string>((resolve) => stop.signal.addEventListener('abort', () => setTimeout(() => resolve('tidy'), 5)));
  stop.cancel();
  await expect(untilStopped(work, stop.signal, 60_000)).resolves.toBe('tidy');
  stop.dispose();
});

test('work that does not heed it is left behind', async () => {
  const stop = new AttemptSignal('diff', 60_000, undefined);
  stop.cancel();
  await expect(untilStopped(never, stop.signal, 5)).rejects.toMatchObject({ code: 'cancelled' });
  stop.dispose();
});
