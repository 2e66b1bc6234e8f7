import { expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { IntelPort } from '../../../playbooks/ports.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

function source(answer: (sha256: string, nth: number) => 'undetected' | TriageError): { intel: IntelPort; asked: string[] } {
  const asked: string[] = [];
  const intel: IntelPort = {
    source: 'test',
    lookup(sha256) {
      asked.push(sha256);
      const status = answer(sha256, asked.length);
      if (status instanceof TriageError) return Promise.reject(status);
      return Promise.resolve({ lookup: { sha256, source: 'test', status, askedAt: new Date().toISOString() }, raw: Buffer.from(sha256) });
    },
  };
  return { intel, asked };
}

test('a hash is asked about once, however many runs and workers want to know', async () => {
  const { intel, asked } = source(() => 'undetected');
  const ports = { ...fakePorts, intel };
  await Promise.all([1, 2, 3].map(() => engine().runner({ ports })));
  const runs = await Promise.all(Array.from({ length: 9 }, () => engine().open('shared')));
  for (const run of runs) {
    expect((await engine().ended(run)).state).toBe('completed');
    const lookups = await engine().reader.lookups(run);
    expect(lookups.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'undetected'));
    expect(lookups.every(({ answer }) => answer !== undefined)).toBe(true);
  }
  expect(new Set(asked).size).toBe(asked.length);
  expect(asked).toHaveLength(4 + runs.length);
});

test('a run waits for its quota in sight, and is judged without the answers when its deadline has passed', async () => {
  const { intel, asked } = source(() => 'undetected');
  await engine().runner({
    ports: { ...fakePorts, intel },
    quotaLimits: { perMinute: 2, perDay: 100, perMonth: 100 },
    timings: { lookupDeadlineMs: { interactive: 1_500, other: 1_500 } },
  });
  const run = await engine().open('storm');
  const waiting = await engine().until(run, (view) => view.waitingFor?.for === 'quota');
  expect(waiting.steps.find(({ name }) => name === 'lookup')?.state).toBe('waiting');
  const view = await engine().ended(run);
  expect(view.waitingFor).toBeUndefined();
  expect(asked).toHaveLength(2);
  expect(await engine().reader.lookups(run)).toHaveLength(2);
  const started = (await engine().entries(run)).filter(({ act, subject }) => act === 'step.started' && subject === 'lookup');
  expect(started).toHaveLength(1);
});

test('a source that refuses the key gives an answer that says so, not a run that waits', async () => {
  const { intel, asked } = source(() => new TriageError('intel-unauthorized', 'the key is not valid'));
  await engine().runner({ ports: { ...fakePorts, intel } });
  const run = await engine().open('storm');
  await engine().ended(run);
  const lookups = await engine().reader.lookups(run);
  expect(lookups.map(({ status, error }) => [status, error?.code])).toEqual(Array.from({ length: 5 }, () => ['error', 'intel-unauthorized']));
  expect(asked).toHaveLength(1);
});

test('a source that is away for a moment is asked again', async () => {
  const { intel } = source((_sha256, nth) => (nth <= 2 ? new TriageError('intel-unavailable', 'gone') : 'undetected'));
  await engine().runner({ ports: { ...fakePorts, intel } });
  const run = await engine().open('storm');
  await engine().ended(run);
  expect((await engine().reader.lookups(run)).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'undetected'));
});
