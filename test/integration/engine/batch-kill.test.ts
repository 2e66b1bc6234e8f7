import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { webPods } from './batch-ports.js';
import { BatchProcess } from './batch-process.js';
import { BatchStand } from './batch-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const processes: BatchProcess[] = [];
let stand: BatchStand | undefined;
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await stand?.stop();
});

test('workers and API processes that are killed lose no pod and run none twice', { timeout: 180_000 }, async () => {
  const at = (stand = new BatchStand(engine(), webPods(40)));
  const start = async (role: 'api' | 'worker', id: string): Promise<BatchProcess> => {
    const made = await BatchProcess.start(at, role, id, { latencyMs: 20 });
    processes.push(made);
    return made;
  };
  const [worker, , api] = await Promise.all([start('worker', 'w1'), start('worker', 'w2'), start('api', 'a1')]);
  const batch = await at.open({ concurrency: { total: 8, perNode: 4 } });
  await at.until(batch, ({ counts }) => (counts?.completed ?? 0) >= 5, 120_000);
  // In the middle of all that they do.
  await Promise.all([worker.kill(), api.kill()]);
  const seen = await at.runs();
  await sleep(300);
  expect(seen.length).toBeLessThan(40);
  await start('api', 'a2');
  const second = await at.until(batch, ({ counts }) => (counts?.completed ?? 0) >= 20, 120_000);
  await processes.at(-1)?.kill();
  await Promise.all([start('api', 'a3'), start('worker', 'w3')]);
  expect(second.state).toBe('running');
  expect((await at.ended(batch, 120_000)).counts).toMatchObject({ pending: 0, running: 0, completed: 40, failed: 0 });
  const runs = await at.runs();
  expect(runs).toHaveLength(40);
  expect(new Set(runs.map(({ request }) => request.target.pod)).size).toBe(40);
  expect(runs.every(({ state, completeness }) => state === 'completed' && completeness === 'full')).toBe(true);
  expect((await at.report(batch)).groups[0]).toMatchObject({ pods: 40, examined: 40 });
});
