import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { z } from 'zod';
import { runRequestSchema } from '../playbooks/domain/request.js';
import { createDiskEvidence } from '../store/evidence/disk.js';
import { RedisRunCommander } from '../store/run-commander.js';
import { Engine } from '../test/integration/engine/engine.js';
import { fakePorts } from '../test/integration/engine/fake-ports.js';
import { RedisChild } from '../test/integration/engine/redis-child.js';
import { mixedPlaybooks, mixedSizes } from './bag-run.js';
import { compiled } from './compiled.js';
import { median } from './median.js';

const run = promisify(execFile);
const MiB = 1024 ** 2;

/**
 * The bag of a real run as a plain folder, written as `podtriage export` does from a service in a process of its own, and verified, against
 * `cp -r` and `sha256sum` of the same evidence. Ours ends when all is on the disk; what `cp` has written is then asked to be there, too
 * (`ratio`), or not (`ratio_unsynced`). PODTRIAGE_BAG_FILES, default 10,000; PODTRIAGE_BAG_MIB, default 5,120; PODTRIAGE_BAG_ROUNDS, default 3.
 */
export async function bag(): Promise<Record<string, unknown>> {
  return compiled(measured);
}

async function measured(programs: string): Promise<Record<string, unknown>> {
  const files = Number(process.env['PODTRIAGE_BAG_FILES'] ?? '10000');
  const mib = Number(process.env['PODTRIAGE_BAG_MIB'] ?? '5120');
  const rounds = Number(process.env['PODTRIAGE_BAG_ROUNDS'] ?? '3');
  const server = await RedisChild.start();
  try {
    const made = await makeRun(server, mixedSizes(files, mib * MiB));
    return { files, mib, rounds, ...(await compare(made, server, programs, rounds)) };
  } finally {
    await server.stop();
  }
}

interface Made {
  readonly id: string;
  readonly prefix: string;
  readonly keys: string;
  readonly evidence: string;
}

async function makeRun(server: RedisChild, sizes: readonly number[]): Promise<Made> {
  const engine = await Engine.create(server);
  const evidence = join(server.folder, 'evidence');
  const playbooks = mixedPlaybooks(sizes);
  try {
    await engine.runner({ playbooks, ports: { ...fakePorts, evidence: await createDiskEvidence(evidence) } });
    const { redis, keys, custody, queues } = engine;
    const request = { target: { namespace: 'shop', pod: 'web-0' }, playbook: 'mixed', options: { lookups: { budget: 0 } } };
    const id = await new RedisRunCommander({ redis, keys, custody, queues, playbooks }).open(runRequestSchema.parse(request), 'key:bench');
    const { state } = await engine.ended(id, 60 * 60_000);
    process.stdout.write(`the run ${state}\n`);
    return { id, prefix: engine.prefix, keys: engine.folder, evidence };
  } finally {
    await engine.stop();
  }
}

const timesSchema = z.object({ write: z.number(), verify: z.number(), rss: z.number() });

async function compare(made: Made, server: RedisChild, programs: string, rounds: number): Promise<Record<string, number>> {
  const ours: z.output<typeof timesSchema>[] = [];
  const copies: { readonly copy: number; readonly sync: number; readonly hash: number }[] = [];
  const service = await serve(made, server, programs);
  // Removed at the end only: ext4 is slow to use again what was deleted a moment ago.
  const folder = await mkdtemp(join(tmpdir(), 'podtriage-bench-'));
  try {
    for (let round = 0; round < rounds; round += 1) {
      const [copy, to] = [join(folder, `copy-${round}`), join(folder, `bag-${round}`)];
      copies.push({
        copy: await timed('cp', ['-r', made.evidence, copy]),
        sync: await timed('sync', ['-f', copy]),
        hash: await timed('sh', ['-c', 'find "$1" -type f -print0 | xargs -0 sha256sum >/dev/null', 'sh', copy]),
      });
      const child = await run(process.execPath, [join(programs, 'bag-child.js'), service.url, made.id, to]);
      ours.push(timesSchema.parse(JSON.parse(child.stdout)));
      process.stdout.write(`round ${round + 1}: ours ${JSON.stringify(ours.at(-1))}, theirs ${JSON.stringify(copies.at(-1))}\n`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const mine = median(ours.map(({ write, verify }) => write + verify));
  const unsynced = median(copies.map(({ copy, hash }) => copy + hash));
  const synced = median(copies.map(({ copy, sync, hash }) => copy + sync + hash));
  const rss = { rss_mib: Math.max(...ours.map((each) => each.rss)), service_rss_mib: await service.stop() };
  return { ours_ms: mine, theirs_ms: synced, ratio: rounded(synced / mine), ratio_unsynced: rounded(unsynced / mine), ...rss };
}

interface Service {
  readonly url: string;
  /** Gives the most memory that it had, in MiB. */
  stop(): Promise<number>;
}

async function serve({ prefix, keys, evidence }: Made, server: RedisChild, programs: string): Promise<Service> {
  const words = [join(programs, 'bag-serve.js'), server.socket, prefix, keys, evidence];
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  return {
    url: await next(),
    stop: async () => {
      child.stdin.end();
      return Number(await next());
    },
  };
}

async function timed(program: string, words: readonly string[]): Promise<number> {
  const started = performance.now();
  await run(program, words);
  return Math.round(performance.now() - started);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
