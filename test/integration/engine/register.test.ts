import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCheckpoint } from '../../../playbooks/domain/checkpoint.js';
import { type CustodyEntry, registerChain, verifyChain } from '../../../playbooks/domain/custody.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { StepRecord } from '../../../playbooks/domain/run.js';
import { CustodyWriter } from '../../../store/custody.js';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { keyRing, readPublicKeys, type TrustedKeys } from '../../../store/public-keys.js';
import { connectRedis, redisEndpoint } from '../../../store/redis.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RunLog } from '../../../store/run-log.js';
import { aroundScripts } from './around-scripts.js';
import { syntheticPlaybooks } from './synthetic.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, playbook: 'brief' });

function commanderOf(custody: CustodyWriter, redis = engine().redis): RedisRunCommander {
  const { keys, queues } = engine();
  return new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks });
}

async function register(): Promise<CustodyEntry[]> {
  const lines = await engine().reader.custody(registerChain, 0, 10_000);
  expect(verifyChain(registerChain, lines, await readPublicKeys(engine().folder))).toMatchObject({ ok: true, entries: lines.length });
  return engine().entries(registerChain);
}

/** Runs the closing step of a run, with this writer. */
async function seal(run: string, custody: CustodyWriter, begun: () => void = () => undefined, facts: StepRecord['facts'] = {}): Promise<string> {
  const log = new RunLog(engine().redis, engine().keys, custody);
  const begin = await log.begin(run, 'report', 1);
  if (begin.what !== 'go') throw new Error('the step did not begin');
  begun();
  const at = new Date().toISOString();
  const record = { status: 'succeeded' as const, attempt: 1, startedAt: at, finishedAt: at, facts, gaps: [], limits: [] };
  const what = await log.finish({ run, step: 'report', fence: begin.fence }, record, { fields: {}, final: 'completed' });
  expect(what).toMatch(/^(ok|over)$/);
  return what;
}

test('runs that many open and seal at once stand in the register once each, with the entries of their own chains', async () => {
  const connections = Array.from({ length: 4 }, () => connectRedis(engine().server.endpoint));
  const writers = connections.map((redis) => new CustodyWriter(redis, engine().keys, engine().signer, 'writer'));
  const opened = await Promise.all(
    writers.map(async (writer, at) => {
      const runs: string[] = [];
      for (let turn = 0; turn < 10; turn++) {
        const { run } = await commanderOf(writer, connections[at]).record(request, 'key:test');
        if (turn % 2 === 0) await seal(run, writer);
        runs.push(run);
      }
      return runs;
    }),
  );
  for (const redis of connections) redis.disconnect();
  const entries = await register();
  expect(entries).toHaveLength(60);
  for (const run of opened.flat()) {
    const [first, ...rest] = await engine().entries(run);
    const about = entries.filter(({ subject }) => subject === run).map(({ act, detail }) => ({ act, detail }));
    const last = rest.at(-1);
    const reported = last === undefined ? [] : [{ act: 'run.reported', detail: { run, seq: last.seq, head: last.hash } }];
    expect(about).toEqual([{ act: 'run.opened', detail: { run, head: first?.hash } }, ...reported]);
  }
});

test('who opens a run for a caller and comes too late for the register goes first then, and others wait for it, but not for ever', async () => {
  const { redis, keys, custody, signer } = engine();
  const taken: number[] = [];
  const watched = aroundScripts(redis, async (send) => {
    taken.push(await redis.exists(keys.registering));
    return send();
  });
  const late = new CustodyWriter(watched, keys, signer, 'late');
  await commanderOf(late).record(request, 'key:test');
  const { run } = await commanderOf(custody).record(request, 'key:test');
  taken.length = 0;
  await commanderOf(late).openAndShow(request, 'key:test');
  expect(taken).toEqual([0, 1]);
  expect(await redis.exists(keys.registering)).toBe(0);
  // It died before it came again.
  await redis.set(keys.registering, '1');
  const since = performance.now();
  await seal(run, custody);
  expect(performance.now() - since).toBeGreaterThan(10);
  expect((await register()).at(-1)).toMatchObject({ act: 'run.reported', subject: run });
});

test('a report is said to be written once, beside the outcome of the step that has written it, and is signed with it', async () => {
  const run = await engine().open('brief');
  const lost = await new RunLog(engine().redis, engine().keys, engine().custody).begin(run, 'report', 1);
  const report = { json: 'a'.repeat(64), markdown: 'b'.repeat(64), html: 'c'.repeat(64), timeline: 'd'.repeat(64), version: 1 };
  await seal(run, engine().custody, () => undefined, { report });
  expect(lost.what).toBe('go');
  const entries = await engine().entries(run);
  expect(entries.slice(1).map(({ act }) => act)).toEqual(['step.started', 'step.started', 'step.finished', 'report.written', 'run.checkpoint']);
  expect(entries[4]?.detail).toEqual(report);
  expect(entries[5]?.detail).toMatchObject({ seq: 4, hash: entries[4]?.hash });
});

test('who seals a run is told whether it waits for answers, and has to be looked after', async () => {
  const [quiet, watching] = [await engine().open('brief'), await engine().open('brief')];
  await engine().redis.sadd(engine().keys.pending(watching), 'a'.repeat(64));
  expect(await seal(quiet, engine().custody)).toBe('over');
  expect(await seal(watching, engine().custody)).toBe('ok');
});

test('a checkpoint signs the entry before it, also where others write meanwhile', async () => {
  const run = await engine().open('brief');
  await seal(run, engine().custody);
  const connections = Array.from({ length: 3 }, () => connectRedis(engine().server.endpoint));
  const writers = connections.map((redis) => new CustodyWriter(redis, engine().keys, engine().signer, 'writer'));
  const acts = new RedisEvidenceActs(engine().custody, engine().reader);
  const seals = Promise.all(Array.from({ length: 10 }, () => acts.seal(run, 'key:test', '0'.repeat(64))));
  await Promise.all([
    seals,
    ...writers.map(async (writer) => {
      for (let turn = 0; turn < 30; turn++) await writer.note(run, [{ act: 'evidence.read', detail: { what: 'report' } }], 'key:test');
    }),
  ]);
  for (const redis of connections) redis.disconnect();
  const entries = await engine().entries(run);
  const trusted = await readPublicKeys(engine().folder);
  const checkpoints = entries.filter(({ act }) => act === 'run.checkpoint');
  expect(checkpoints).toHaveLength(11);
  for (const { seq, prev, detail } of checkpoints)
    expect(await readCheckpoint(String(detail['jws']), trusted)).toMatchObject({ run, seq: seq - 1, hash: prev });
  // Whoever sealed was told of the one that stands.
  for (const { jws, entries: upTo } of await seals) expect(entries[upTo - 1]?.detail['jws']).toBe(jws);
});

test('a note does not wake who waits for a change of the run', async () => {
  const run = await engine().open('brief');
  const revision = (): Promise<string | null> => engine().redis.hget(engine().keys.run(run), 'rev');
  const before = await revision();
  let told = 0;
  const listener = connectRedis(engine().server.endpoint);
  await listener.subscribe(engine().keys.changes(run));
  listener.on('message', () => {
    told += 1;
  });
  await engine().custody.note(run, [{ act: 'evidence.read', detail: { what: 'report' } }], 'key:test');
  expect(await revision()).toBe(before);
  // What is published after it comes after it.
  await engine().custody.append(run, [{ act: 'evidence.held', detail: { reason: 'court' } }]);
  await expect.poll(() => told).toBe(1);
  listener.disconnect();
});

/** Passes on what is sent to Redis, and cuts the connection in place of an answer as often as it is told to. */
class AnswerCutter {
  cuts = 0;
  private constructor(
    private readonly server: Server,
    readonly path: string,
  ) {}

  static async open(redis: string, path: string): Promise<AnswerCutter> {
    const cutter: AnswerCutter = new AnswerCutter(
      createServer((client) => {
        const upstream = connect(redis);
        client.on('data', (data) => upstream.write(data));
        upstream.on('data', (data) => {
          if (cutter.cuts === 0) client.write(data);
          else {
            cutter.cuts -= 1;
            client.destroy();
          }
        });
        client.on('close', () => upstream.destroy()).on('error', () => undefined);
        upstream.on('close', () => client.destroy()).on('error', () => undefined);
      }),
      path,
    );
    cutter.server.listen(path);
    await once(cutter.server, 'listening');
    return cutter;
  }

  close(): void {
    this.server.close();
  }
}

test('an act whose answer is cut off is in chain and register once, as the client sends it again', async () => {
  const cutter = await AnswerCutter.open(engine().server.socket, join(engine().folder, 'cut.sock'));
  const redis = connectRedis(redisEndpoint(cutter.path));
  const custody = new CustodyWriter(redis, engine().keys, engine().signer, 'cut');
  // Redis knows the scripts from here on, and the writer its heads.
  const known = await commanderOf(custody, redis).record(request, 'key:test');
  await seal(known.run, custody);
  cutter.cuts = 1;
  const { run } = await commanderOf(custody, redis).record(request, 'key:test');
  expect(cutter.cuts).toBe(0);
  await seal(run, custody, () => {
    cutter.cuts = 1;
  });
  expect(cutter.cuts).toBe(0);
  cutter.cuts = 1;
  await custody.note(run, [{ act: 'evidence.read', detail: { what: 'report' } }], 'key:test');
  expect(cutter.cuts).toBe(0);
  redis.disconnect();
  cutter.close();
  const acts = (await engine().entries(run)).map(({ act }) => act);
  expect(acts).toEqual(['run.requested', 'step.started', 'step.finished', 'run.checkpoint', 'evidence.read']);
  expect((await register()).filter(({ subject }) => subject === run).map(({ act }) => act)).toEqual(['run.opened', 'run.reported']);
});

test('a run whose API was enrolled after it was seen counts as opened', async () => {
  const { redis, keys, folder } = engine();
  const ring = keyRing(folder);
  let isEnrolled = false;
  const trusted: TrustedKeys = (kid, role) => (isEnrolled ? ring(kid, role) : Promise.resolve(undefined));
  const witness = new RegisterWitness({ redis, keys, trusted, alert: () => undefined });
  const run = await engine().open('brief');
  expect([...(await witness.opened())]).toEqual([]);
  isEnrolled = true;
  expect([...(await witness.opened())]).toEqual([run]);
});
