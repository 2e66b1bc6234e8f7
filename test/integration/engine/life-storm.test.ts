import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyChain } from '../../../playbooks/domain/custody.js';
import type { Alert } from '../../../store/alert.js';
import { Aside } from '../../../store/evidence/aside.js';
import { readPublicKeys } from '../../../store/public-keys.js';
import { takeOver } from '../../../store/run-log.js';
import { collectEvidence } from '../../../workers/runner/collect.js';
import { fakePorts } from './fake-ports.js';
import { closing, type LifeOptions, type LifeParts, lostOf, openParts } from './life-parts.js';
import { RedisChild } from './redis-child.js';

const program = fileURLToPath(new URL('life-child.ts', import.meta.url));
const { signal } = new AbortController();
/** By acts and not by time: a slow machine is not to be hit more often. */
const wanted = { processes: 4, rounds: 1_200, roundsPerStrike: 15 };

let server: RedisChild;
let options: LifeOptions;
const children = new Set<ChildProcess>();
/** Those that have done something: to hit one that only starts shows nothing. */
const atWork = new Set<ChildProcess>();
const said: string[] = [];
const acts = { run: 0, destroy: 0, collect: 0, kill: 0, suspend: 0 };

beforeAll(async () => {
  server = await RedisChild.start();
  options = { socket: server.socket, prefix: '{podtriage-life}', folder: join(server.folder, 'evidence'), keys: join(server.folder, 'keys') };
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server.stop();
});

function start(): void {
  const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.stdout.on('data', (text: Buffer) => {
    // What it has said can come after it was killed.
    if (children.has(child)) atWork.add(child);
    for (const line of text.toString().trimEnd().split('\n')) {
      if (line in acts) acts[line as 'run'] += 1;
      else said.push(line);
    }
  });
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  atWork.delete(child);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function done(): number {
  return acts.run + acts.destroy + acts.collect;
}

/** Kills one and starts another, or suspends one for longer than its marks last. */
async function strike(): Promise<void> {
  const [child] = [...atWork].sort(() => Math.random() - 0.5);
  if (child === undefined) return;
  if (Math.random() < 0.4) {
    await kill(child);
    start();
    acts.kill += 1;
  } else {
    child.kill('SIGSTOP');
    acts.suspend += 1;
    setTimeout(() => child.kill('SIGCONT'), 100 + Math.random() * 1_200);
  }
}

/** What runs have lost, by what processes said before they destroyed them, and as it is now. */
async function robbed(parts: LifeParts): Promise<string[]> {
  const lost = [...said];
  for (const run of await parts.redis.zrange(parts.keys.all, '0', '-1'))
    for (const sha256 of await lostOf(parts, run)) lost.push(`lost ${run} ${sha256}`);
  return lost;
}

const alert: Alert = ({ message }) => said.push(`alert ${message}`);

async function collectAll(parts: LifeParts): Promise<void> {
  const { references, evidence } = parts;
  const logger = pino({ level: 'silent' });
  await new Aside(options.folder).putBack(0);
  for (const end = Date.now() + 60_000; ; ) {
    await collectEvidence({ ...parts, alert, logger, ports: { ...fakePorts, keeper: evidence } });
    const left = [...(await references.releasing(1_000)), ...(await references.unreferenced(1_000))];
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`never done: ${JSON.stringify(left)}`);
  }
}

async function kept({ evidence }: LifeParts): Promise<string[]> {
  const names: string[] = [];
  for await (const name of evidence.all(signal)) names.push(name);
  return names;
}

test('whoever is killed or suspended while others put, record, destroy and collect the same bytes: none that are recorded go, none that are not stay', {
  timeout: 600_000,
}, async () => {
  // Its clock has come to when all that was removed is looked at once more.
  const parts = await openParts(options, alert, () => new Date(Date.now() + 7_200_000));
  for (let number = 0; number < wanted.processes; number += 1) start();
  for (let next = wanted.roundsPerStrike; done() < wanted.rounds; next += wanted.roundsPerStrike) {
    while (done() < next) await sleep(5 + Math.random() * 20);
    await strike();
    expect(said).toEqual([]);
  }
  expect(Math.min(acts.run, acts.destroy, acts.collect, acts.kill, acts.suspend)).toBeGreaterThan(0);
  for (const child of [...children]) await kill(child);
  expect(await robbed(parts)).toEqual([]);

  await collectAll(parts);
  expect(await robbed(parts)).toEqual([]);
  for (const sha256 of await kept(parts)) expect(await parts.references.isReferred(sha256)).toBe(true);

  const runs = await parts.redis.zrange(parts.keys.all, '0', '-1');
  for (const run of runs) await parts.log.finish({ run, step: 'report', fence: takeOver }, closing(), { fields: {}, final: 'completed' });
  for (const run of await parts.redis.zrange(parts.keys.retained, '0', '-1')) await parts.life.destroy(run, 'test', 'the end');
  await collectAll(parts);
  expect(await kept(parts)).toEqual([]);

  const keys = await readPublicKeys(options.keys);
  for (const run of [...runs, 'register']) expect(verifyChain(run, await parts.reader.custody(run, 0, 1_000_000), keys)).toMatchObject({ ok: true });
  for (const run of runs)
    expect((await parts.reader.custody(run, 0, 1_000)).filter((line) => line.startsWith('{"act":"evidence.destroyed"'))).toHaveLength(1);
  console.info(JSON.stringify({ ...acts, runs: runs.length }));
  await parts.close();
});
