import { expect, test } from 'vitest';
import { custodyStorm } from './storm.js';
import { lookThrough } from './storm-check.js';

const kills = Number(process.env['PODTRIAGE_CUSTODY_KILLS'] ?? '1000');

test(`after ${kills} kills every chain holds, nothing that was answered for is lost, and nothing is there twice or by half`, {
  timeout: 1_200_000,
}, async () => {
  const { problems, ...found } = await custodyStorm({ kills, children: 5, redisCrashes: 4 }, lookThrough);
  console.log(JSON.stringify({ ...found, problems: problems.length }));
  expect(problems.slice(0, 20)).toEqual([]);
  expect(found.kills).toBe(kills);
  // The kills have come between an act and its answer, and in the middle of what was written.
  expect(Math.min(found.sealed, found.unheard, found.bags, found.partialBags, found.temporaryFiles)).toBeGreaterThan(0);
});
