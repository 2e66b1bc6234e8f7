import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ListedPod } from '../playbooks/domain/batch.js';
import { secret } from '../test/integration/api/door.js';
import { webPod } from '../test/integration/engine/batch-ports.js';
import { BatchProcess } from '../test/integration/engine/batch-process.js';
import { BatchStand } from '../test/integration/engine/batch-stand.js';
import { Engine } from '../test/integration/engine/engine.js';
import { RedisChild } from '../test/integration/engine/redis-child.js';

const program = join(import.meta.dirname, 'batch-api.ts');
const nodes = 10;
/** Commands of 50 ms that each run needs on its node, about as many as one of `a-f-02`. */
const playbook = 'twenty';
const latencyMs = 50;

/**
 * A batch of synthetic pods on ten nodes whose commands take 50 ms, 20 a run, with a real Redis that syncs each write: runs per second with 1, 2 and 4
 * worker processes, `ratio` of 4 to 1. Then how long `POST /runs` takes while the rest of the batch is worked on, in the process that also opens
 * its runs, against the same with nothing to do: `accept_ratio` of the 99th percentiles. PODTRIAGE_BATCH_PODS, default 500.
 */
export async function batch(): Promise<Record<string, unknown>> {
  const pods = Array.from(
    { length: Number(process.env['PODTRIAGE_BATCH_PODS'] ?? '500') },
    (_, n): ListedPod => webPod(n, { node: `node-${n % nodes}` }),
  );
  const numbers: Record<string, number> = {};
  const accepts: { idle: number; busy: number }[] = [];
  for (const workers of [1, 2, 4]) {
    const { perSecond, idle, busy } = await oneRound(pods, workers);
    numbers[`runs_per_s_${workers}`] = rounded(perSecond);
    accepts.push({ idle, busy });
    process.stdout.write(
      `${workers} workers: ${rounded(perSecond)} runs/s; POST /runs p99 ${rounded(idle)} ms idle, ${rounded(busy)} ms meanwhile\n`,
    );
  }
  const last = accepts.at(-1) ?? { idle: Number.NaN, busy: Number.NaN };
  const ratio = (numbers['runs_per_s_4'] ?? Number.NaN) / (numbers['runs_per_s_1'] ?? Number.NaN);
  const accept = { accept_p99_idle_ms: rounded(last.idle), accept_p99_busy_ms: rounded(last.busy), accept_ratio: rounded(last.busy / last.idle) };
  return { pods: pods.length, ...numbers, ratio: rounded(ratio), ...accept };
}

async function oneRound(pods: readonly ListedPod[], workers: number): Promise<{ perSecond: number; idle: number; busy: number }> {
  const server = await RedisChild.start();
  const engine = await Engine.create(server);
  const stand = new BatchStand(engine, pods);
  const api = spawn(
    process.execPath,
    ['--import', 'tsx', program, JSON.stringify({ socket: server.socket, prefix: engine.prefix, keys: engine.folder })],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const gone = once(api, 'exit');
  const processes: BatchProcess[] = [];
  try {
    const url = String((await once(api.stdout, 'data'))[0]).trim();
    const options = { latencyMs, lockMs: 60_000, slots: 16 };
    processes.push(...(await Promise.all(Array.from({ length: workers }, (_, n) => BatchProcess.start(stand, 'worker', `w${n}`, options)))));
    await accepts(url, 20);
    const idle = await accepts(url, 400);
    const id = await openBatch(url);
    const first = await completed(stand, id, pods.length * 0.1);
    const last = await completed(stand, id, pods.length * 0.4);
    const busy = await accepts(url, 250);
    if ((await completed(stand, id, 0)).runs === pods.length)
      throw new Error('the batch ended before POST /runs was measured; set PODTRIAGE_BATCH_PODS to more');
    return { perSecond: ((last.runs - first.runs) / (last.at - first.at)) * 1_000, idle, busy };
  } finally {
    await Promise.all(processes.map((each) => each.kill()));
    api.kill('SIGKILL');
    await gone;
    await stand.stop();
    await engine.stop();
    await server.stop();
  }
}

/** Waits for so many runs of a batch to be completed. Looks now and then only: the cores are there for the workers. */
async function completed(stand: BatchStand, batch: string, wanted: number): Promise<{ runs: number; at: number }> {
  const { counts } = await stand.until(batch, (view) => (view.counts?.completed ?? 0) >= wanted, 600_000, 200);
  return { runs: counts?.completed ?? 0, at: performance.now() };
}

async function openBatch(url: string): Promise<string> {
  const body = { select: { all: true }, playbook, maxPods: 10_000, concurrency: { total: 96, perNode: 16 } };
  return z.object({ id: z.string() }).parse(await post(url, '/api/v1/batches', body)).id;
}

/** The 99th percentile of so many requests for a run, one every 20 ms, in ms. Their runs end at once: there is no such pod. */
async function accepts(url: string, count: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const started = performance.now();
    await post(url, '/api/v1/runs', { target: { namespace: 'shop', pod: 'nobody' }, playbook: 'scan', options: { priority: 'batch' } });
    times.push(performance.now() - started);
    await sleep(20);
  }
  return times.sort((a, b) => a - b)[Math.ceil(count * 0.99) - 1] ?? Number.NaN;
}

async function post(url: string, path: string, body: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.status !== 202) throw new Error(`POST ${path} was answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

function rounded(value: number): number {
  return value < 10 ? Math.round(value * 100) / 100 : Math.round(value);
}
