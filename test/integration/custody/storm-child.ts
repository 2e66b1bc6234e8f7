/** Appends, seals, stores and writes bags as fast as it can, and says what was answered for; made to be killed: `node storm-child.js JSON`. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Artifact, artifactId } from '../../../playbooks/domain/artifact.js';
import type { Act } from '../../../playbooks/domain/custody.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { StepRecord } from '../../../playbooks/domain/run.js';
import { CustodyWriter } from '../../../store/custody.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { keysOf } from '../../../store/keys.js';
import { connectRedis, redisEndpoint } from '../../../store/redis.js';
import { References } from '../../../store/references.js';
import { newRunId } from '../../../store/run-id.js';
import { RunLog } from '../../../store/run-log.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import { runOpen } from '../../../store/scripts/run-open.js';
import { openSigner } from '../../../store/signing-key.js';
import { referringEvidence } from '../../../workers/runner/referring-evidence.js';
import { type Answer, childOptionsSchema } from './storm-options.js';
import { stormPlaybook } from './storm-playbook.js';

const options = childOptionsSchema.parse(JSON.parse(process.argv[2] ?? ''));
const redis = connectRedis(redisEndpoint(options.socket));
const keys = keysOf(options.prefix);
const reader = new RedisRunReader(redis, keys);
const api = new CustodyWriter(redis, keys, await openSigner(options.keys, 'api'), 'api');
const worker = new CustodyWriter(redis, keys, await openSigner(options.keys, 'worker'), `worker:${options.id}`);
const log = new RunLog(redis, keys, worker);
const acts = new RedisEvidenceActs(api, reader);
const store = await createDiskEvidence(options.evidence);
const references = new References(redis, keys);
const { signal } = new AbortController();

/** A pipe is written to at once (Node.js, "process I/O"): what was said is said, though this process dies right after. */
function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** A new run as the API opens it. It is not queued. */
async function open(): Promise<string> {
  const now = new Date();
  const run = newRunId(now);
  const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, playbook: stormPlaybook.name });
  const { name, title, sha256 } = stormPlaybook;
  const createdAt = now.toISOString();
  const fields = { request: JSON.stringify(request), playbook: JSON.stringify(stormPlaybook), requestedBy: 'key:storm', createdAt };
  const rest = [run, now.getTime(), Object.keys(fields).length, ...Object.entries(fields).flat(), '', '', 60, 0];
  const act: Act = { act: 'run.requested', detail: { request, playbook: { name, title, sha256 }, createdAt } };
  const register = ({ hash }: { hash: string }): Act => ({ act: 'run.opened', subject: run, detail: { run, head: hash } });
  const places = [keys.open, keys.all, keys.telling, keys.podRuns(request.target), keys.podClaim(request.target), keys.triggers(run)];
  await api.write(run, [act], { script: runOpen, keys: places, rest, register }, 'key:storm');
  say({ what: 'act', run, mark: 'run.requested' });
  return run;
}

/** Small ones, many of which are equal, and now and then a large one. */
function content(): Uint8Array {
  const kind = randomInt(20);
  if (kind === 0) return randomBytes(randomInt(70_000, 400_000));
  return kind < 8 ? Buffer.from(`common ${randomInt(200)}`) : randomBytes(randomInt(5_000));
}

async function acquire(run: string, step: string): Promise<void> {
  const begun = await log.begin(run, step, 1);
  if (begun.what !== 'go') throw new Error(`step ${step} did not begin: ${begun.what}`);
  const attempt = { run, step, fence: begun.fence };
  const evidence = referringEvidence(store, references, { id: run, isRun: true }, signal);
  const artifacts: Artifact[] = [];
  for (let at = 0; at < 3; at += 1) {
    const bytes = content();
    const { sha256, existed } = await evidence.put([bytes], signal);
    say({ what: 'stored', sha256 });
    const name = `file-${at}`;
    const id = artifactId('file', `${run}/${name}`);
    const acquiredAt = new Date().toISOString();
    artifacts.push({ id, kind: 'file', sha256, size: bytes.length, content: 'binary', name, method: 'node', known: existed, acquiredAt });
  }
  await evidence.refer(artifacts.map(({ sha256 }) => sha256));
  await log.recordArtifacts(attempt, artifacts);
  for (const { id } of artifacts) say({ what: 'act', run, mark: id });
  await finish(run, step, begun.fence);
}

async function finish(run: string, step: string, fence: string, final?: 'completed'): Promise<void> {
  const at = new Date().toISOString();
  const record: StepRecord = { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts: {}, gaps: [], limits: [] };
  await log.finish({ run, step, fence }, record, { fields: {}, ...(final === undefined ? {} : { final }) });
  say({ what: 'act', run, mark: `finished ${step}` });
}

async function seal(run: string): Promise<void> {
  const begun = await log.begin(run, 'report', 1);
  if (begun.what === 'go') await finish(run, 'report', begun.fence, 'completed');
}

async function read(run: string): Promise<void> {
  const { jws } = await acts.seal(run, 'key:storm', '0'.repeat(64));
  say({ what: 'act', run, mark: jws });
}

async function runs(): Promise<never> {
  for (;;) {
    const run = await open();
    await acquire(run, 'take');
    await seal(run);
    await read(run);
  }
}

/** Writes bags of runs that have ended. */
async function bags(): Promise<never> {
  // Loaded where bags are written only: a child that is to be killed must start fast.
  const { writeBag } = await import('./storm-bag.js');
  for (;;) {
    const run = await redis.zrandmember(keys.retained);
    if (run === null) {
      await sleep(20);
      continue;
    }
    const path = join(options.bags, randomUUID());
    await writeBag({ redis, keys, reader, acts, evidence: store, folder: options.keys }, run, path);
    say({ what: 'bag', path });
  }
}

/** On the chain that all write to: intent and outcome of what workers do, and what callers read. */
async function crowd(): Promise<never> {
  const run = options.shared;
  for (;;) {
    const [started, finished, seen] = [randomUUID(), randomUUID(), randomUUID()];
    const call = { call: randomUUID(), step: 'take', name: 'list' };
    await log.record(run, [{ act: 'command.started', subject: started, detail: { ...call, argv: ['find'], privileged: true } }]);
    say({ what: 'act', run, mark: started });
    await api.note(run, [{ act: 'evidence.read', subject: seen, detail: { what: 'report' } }], 'key:storm');
    say({ what: 'act', run, mark: seen });
    await log.record(run, [{ act: 'command.finished', subject: finished, detail: { ...call, exitCode: 0 } }]);
    say({ what: 'act', run, mark: finished });
    if (randomInt(10) === 0) await read(run);
    await sleep(randomInt(5));
  }
}

// The storm has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
say({ what: 'ready' });
await Promise.all(options.bagger ? [bags(), bags()] : [runs(), runs(), crowd()]);
