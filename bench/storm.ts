import { blow } from '../test/integration/engine/storm.js';

/** Runs the kill storm with 1,000 runs (or PODTRIAGE_STORM_RUNS) and returns its numbers. */
export async function storm(): Promise<Record<string, unknown>> {
  const runs = Number(process.env['PODTRIAGE_STORM_RUNS'] ?? '1000');
  const numbers = await blow({ runs, workers: 3, everyMs: 500, redisCrashes: 3, limitMs: 1_200_000 });
  return { ...numbers };
}
