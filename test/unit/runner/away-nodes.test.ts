import { expect, test } from 'vitest';
import { AwayNodes } from '../../../workers/runner/away-nodes.js';

function standing(): { away: AwayNodes; pass: (ms: number) => void } {
  let now = 0;
  return { away: new AwayNodes(() => new Date(now)), pass: (ms) => void (now += ms) };
}

test('a node that was given up is known until it answers, and no other', () => {
  const { away } = standing();
  away.gaveUp('west:node-a');
  expect([away.has('west:node-a'), away.has('east:node-a')]).toEqual([true, false]);
  away.answered('west:node-a');
  expect(away.has('west:node-a')).toBe(false);
});

test('after two minutes somebody waits for it again, however often it was given up meanwhile', () => {
  const { away, pass } = standing();
  away.gaveUp('a');
  for (let minute = 0; minute < 4; minute += 1) {
    expect(away.has('a')).toBe(true);
    pass(29_000);
    away.gaveUp('a');
  }
  pass(4_000);
  expect(away.has('a')).toBe(false);
  away.gaveUp('a');
  expect(away.has('a')).toBe(true);
});
