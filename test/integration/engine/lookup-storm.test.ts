import { expect, test } from 'vitest';
import { defaultInteractiveShare } from '../../../playbooks/domain/quota.js';
import { askMany } from './lookup-storm.js';

test('500 runs over four workers that are killed ask once about each hash, across midnights and the end of a month', {
  timeout: 400_000,
}, async () => {
  const numbers = await askMany({
    batch: { runs: 400, hashes: 80 },
    urgent: { runs: 100, hashes: 20 },
    perRun: 4,
    workers: 4,
    limits: { perMinute: 32, perDay: 45, perMonth: 65 },
    minuteMs: 4_000,
    killEveryMs: 2_500,
    startsAt: Date.UTC(2027, 0, 30, 23, 30),
    limitMs: 300_000,
  });
  console.log(JSON.stringify(numbers));
  const { kills, requests, unique, overtaken } = numbers;
  expect(numbers).toMatchObject({ completed: 500, unanswered: 0, refused: 0, chainsBroken: 0 });
  expect(kills).toBeGreaterThan(0);
  expect(numbers.midnights).toBeGreaterThanOrEqual(2);
  expect(requests).toBeGreaterThanOrEqual(unique);
  expect(requests).toBeLessThanOrEqual(unique + kills);
  // What batches may have of one day, at most: until the urgent ones have come to their hashes, others go on. Without an order it would be some 65.
  expect(overtaken).toBeLessThanOrEqual(45 * (1 - defaultInteractiveShare));
});

test('a run is told when its answers will be there, and they are', { timeout: 120_000 }, async () => {
  const numbers = await askMany({
    batch: { runs: 60, hashes: 90 },
    urgent: { runs: 5, hashes: 5 },
    perRun: 3,
    workers: 2,
    limits: { perMinute: 12, perDay: 100_000, perMonth: 100_000 },
    minuteMs: 3_000,
    killEveryMs: 0,
    limitMs: 100_000,
  });
  console.log(JSON.stringify(numbers));
  expect(numbers).toMatchObject({ completed: 65, requests: 95, refused: 0 });
  expect(numbers.foretold).toBeGreaterThan(5);
  expect(numbers.etaErrorMedian).toBeLessThan(0.2);
});
