import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { withEngine } from './with-engine.js';

const engine = withEngine();

test.each([
  ['stands still', () => engine().server.freeze(5_000)],
  ['is killed and started again', () => engine().server.crash(5_000)],
])('nothing is lost or doubled when Redis %s for five seconds', async (_how, gone) => {
  await engine().runner();
  const runs = await Promise.all(Array.from({ length: 10 }, () => engine().open('storm')));
  await sleep(200);
  await gone();
  for (const run of runs) {
    expect(await engine().ended(run)).toMatchObject({ state: 'completed', completeness: 'full' });
    const finished = (await engine().entries(run)).filter(({ act }) => act === 'step.finished').map(({ subject }) => subject);
    expect(finished).toHaveLength(8);
    expect(new Set(finished).size).toBe(8);
  }
});
