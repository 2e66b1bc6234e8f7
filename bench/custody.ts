import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { keyIdOf } from '../playbooks/bag/key-set.js';
import { signedLine } from '../store/entry-line.js';
import { keysOf } from '../store/keys.js';
import { connectRedis } from '../store/redis.js';
import { RedisChild } from '../test/integration/engine/redis-child.js';
import { median } from './median.js';

const exec = promisify(execFile);
const program = join(import.meta.dirname, 'custody-child.ts');
const lengths = [10_000, 30_000, 100_000] as const;

/**
 * Appends of custody with a real Redis that syncs each write (appendfsync always): one writer on one chain against a writer that adds lines of
 * the same size to a stream (`ratio`), then four writers, each a process, on four chains and on one. Then how long a chain takes to be
 * checked, and how much memory. PODTRIAGE_CUSTODY_ROUNDS, default 5; PODTRIAGE_CUSTODY_ENTRIES that one writer appends in a round, default 3,000.
 */
export async function custody(): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_CUSTODY_ROUNDS'] ?? '5');
  const entries = Number(process.env['PODTRIAGE_CUSTODY_ENTRIES'] ?? '3000');
  const server = await RedisChild.start();
  try {
    return { ...(await appends(server, rounds, entries)), ...(await checks(server.folder)) };
  } finally {
    await server.stop();
  }
}

async function appends(server: RedisChild, rounds: number, entries: number): Promise<Record<string, number>> {
  const per = { xadd: [] as number[], one: [] as number[], ratio: [] as number[], four: [] as number[], shared: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const [spent] = await write(server, { writers: 1, chains: 1, entries, raw: true });
    const { ours, theirs } = spent ?? { ours: Number.NaN, theirs: Number.NaN };
    per.xadd.push(entries / theirs);
    per.one.push(entries / ours);
    per.ratio.push(theirs / ours);
    for (const [name, chains] of [['four', 4] as const, ['shared', 1] as const]) {
      const times = await write(server, { writers: 4, chains, entries, raw: false });
      per[name].push((4 * entries) / Math.max(...times.map((each) => each.ours)));
    }
    const said = Object.entries(per).map(([name, values]) => `${name} ${rounded(values.at(-1) ?? 0)}`);
    process.stdout.write(`round ${round + 1}, entries in a ms: ${said.join(', ')}\n`);
  }
  return {
    xadd_per_s: rounded(median(per.xadd) * 1_000),
    appends_per_s: rounded(median(per.one) * 1_000),
    ratio: rounded(median(per.ratio)),
    four_chains_per_s: rounded(median(per.four) * 1_000),
    four_on_one_per_s: rounded(median(per.shared) * 1_000),
  };
}

const spentSchema = z.object({ ours: z.number(), theirs: z.number() });
type Spent = z.output<typeof spentSchema>;

interface Writing {
  readonly writers: number;
  readonly chains: number;
  /** Of each writer. */
  readonly entries: number;
  /** Each writer adds to a stream, too. */
  readonly raw: boolean;
}

/** Lets so many processes append to so many chains at once, and says what each has spent on it, in ms. */
async function write(server: RedisChild, { writers, chains, entries, raw }: Writing): Promise<Spent[]> {
  const redis = connectRedis(server.endpoint);
  const runs = Array.from({ length: chains }, () => `bench-${randomUUID()}`);
  for (const run of runs) await redis.hset(keysOf().run(run), 'state', 'running');
  redis.disconnect();
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const options = { socket: server.socket, entries, key, raw };
  const children = Array.from({ length: writers }, (_, at) => new Writer({ ...options, run: runs[at % chains] ?? '' }));
  for (const child of children) await child.line();
  for (const child of children) child.go();
  return Promise.all(children.map(async (child) => spentSchema.parse(JSON.parse(await child.line()))));
}

/** A writer in a process of its own, which says when it is ready and, at last, how long it took. */
class Writer {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(options: Record<string, unknown>) {
    const args = ['--import', 'tsx', program, 'append', JSON.stringify(options)];
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines: Interface = createInterface({ input: this.child.stdout });
    this.lines = lines[Symbol.asyncIterator]();
  }

  go(): void {
    this.child.stdin.write('go\n');
  }

  async line(): Promise<string> {
    const next = await this.lines.next();
    if (next.done === true) throw new Error('a writer has ended');
    return next.value;
  }
}

const answerSchema = z.object({ ms: z.number(), growth: z.number(), verdict: z.object({ ok: z.literal(true), entries: z.int() }) });

async function checks(folder: string): Promise<Record<string, number>> {
  const numbers: Record<string, number> = {};
  for (const length of lengths) {
    const file = join(folder, `chain-${length}.ndjson`);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const kid = keyIdOf(publicKey);
    await writeChain(file, length, { privateKey, kid });
    const options = { file, run: 'bench', kid, key: publicKey.export({ type: 'spki', format: 'pem' }) };
    const { stdout } = await exec(process.execPath, ['--import', 'tsx', program, 'check', JSON.stringify(options)]);
    const { ms, growth, verdict } = answerSchema.parse(JSON.parse(stdout));
    if (verdict.entries !== length) throw new Error(`${verdict.entries} of ${length} entries hold`);
    process.stdout.write(`${length} entries checked in ${rounded(ms)} ms, memory grew by ${rounded(growth)} MiB\n`);
    numbers[`check_${length / 1_000}k_ms_per_entry`] = Math.round((ms / length) * 10_000) / 10_000;
    numbers[`check_${length / 1_000}k_rss_growth_mib`] = rounded(growth);
  }
  return numbers;
}

async function writeChain(file: string, length: number, { privateKey, kid }: { privateKey: KeyObject; kid: string }): Promise<void> {
  const out = createWriteStream(file);
  let prev = '';
  for (let seq = 0; seq < length; seq += 1) {
    const at = new Date(1_700_000_000_000 + seq).toISOString();
    const detail = { call: randomUUID(), step: 'diff-filesystem', name: 'changed-files', exitCode: 0, stdoutBytes: seq, durationMs: 12 };
    const { entry, line } = signedLine(
      { id: randomUUID(), seq, at, run: 'bench', actor: 'worker:bench', by: kid, act: 'command.finished', subject: 'node-a', detail, prev },
      { privateKey },
    );
    prev = entry.hash;
    if (!out.write(`${line}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}

function rounded(value: number): number {
  return value < 10 ? Math.round(value * 100) / 100 : Math.round(value);
}
