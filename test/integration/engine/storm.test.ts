import { expect, test } from 'vitest';
import { blow } from './storm.js';

const runs = Number(process.env['PODTRIAGE_STORM_RUNS'] ?? '300');

test(`${runs} runs end once and whole while workers and Redis are killed`, { timeout: 400_000 }, async () => {
  const numbers = await blow({ runs, workers: 3, everyMs: 500, redisCrashes: 1, limitMs: 300_000 });
  console.log(JSON.stringify(numbers));
  expect(numbers).toMatchObject({ stuck: 0, stepsFinishedTwice: 0, stepsWithoutOutcome: 0, artifactsTwice: 0, artifactsMissing: 0, chainsBroken: 0 });
  expect(numbers.completed).toBe(runs);
  expect(numbers.kills).toBeGreaterThan(0);
  expect(numbers.suspensions).toBeGreaterThan(0);
});
