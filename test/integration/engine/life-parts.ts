import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { TriageError } from '../../../playbooks/domain/error.js';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import type { StepRecord } from '../../../playbooks/domain/run.js';
import type { Alert } from '../../../store/alert.js';
import { Amendments } from '../../../store/amendments.js';
import { CustodyWriter } from '../../../store/custody.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { RedisEvidenceLife } from '../../../store/evidence-life.js';
import { type Keys, keysOf } from '../../../store/keys.js';
import { keyRing } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis, redisEndpoint } from '../../../store/redis.js';
import { References } from '../../../store/references.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RunLog } from '../../../store/run-log.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { openSigner } from '../../../store/signing-key.js';
import { LiveContents } from '../../../workers/runner/live-contents.js';
import { syntheticPlaybooks } from './synthetic.js';

/** Where all processes of the storm meet. */
export interface LifeOptions {
  readonly socket: string;
  readonly prefix: string;
  readonly folder: string;
  readonly keys: string;
}

/** Few contents, so that many want the same, and enough that each is wanted by nobody now and then; every third one is too large to wait in memory. */
export const contents: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/** A content by its number. */
export function contentOf(number: number): { readonly sha256: string; readonly bytes: Buffer } {
  const bytes = Buffer.alloc(number % 3 === 0 ? 100_000 : 1_000, `content ${number} `);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
}

/** The record that seals a run. */
export function closing(): StepRecord {
  const at = new Date().toISOString();
  return { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts: {}, gaps: [], limits: [] };
}

/** What makes, destroys and collects evidence, in each process of its own. */
export interface LifeParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly references: References;
  readonly signed: SignedRuns;
  readonly live: LiveContents;
  readonly clock: () => Date;
  readonly log: RunLog;
  readonly life: RedisEvidenceLife;
  readonly evidence: EvidenceKeeper;
  readonly commander: RedisRunCommander;
  readonly amendments: Amendments;
  readonly reader: RedisRunReader;
  readonly request: RunRequest;
}

/**
 * Opens them. A mark lasts for so short that suspended processes lose theirs, and what nobody refers to goes at once.
 * @param alert nobody writes into Redis here who may not: nothing is to be told
 */
export async function openParts(
  { socket, prefix, folder, keys: keyFolder }: LifeOptions,
  alert: Alert,
  clock = (): Date => new Date(),
): Promise<LifeParts & { close(): Promise<void> }> {
  const endpoint = redisEndpoint(socket);
  const redis = connectRedis(endpoint);
  const queues = new Queues(endpoint, prefix);
  const keys = keysOf(prefix);
  const custody = new CustodyWriter(redis, keys, await openSigner(keyFolder, 'api'), 'test');
  const worker = new CustodyWriter(redis, keys, await openSigner(keyFolder, 'worker'), 'worker:test');
  const reader = new RedisRunReader(redis, keys);
  const trusted = keyRing(keyFolder);
  const signed = new SignedRuns(redis, keys, trusted);
  const register = new RegisterWitness({ redis, keys, trusted, alert });
  const evidence = await createDiskEvidence(folder);
  return {
    redis,
    keys,
    reader,
    evidence,
    references: new References(redis, keys, clock, { doomedMs: 400, marginMs: 100, onceMoreMs: 3_600_000, failedMs: 0 }),
    signed,
    live: new LiveContents({ redis, keys, trusted, register, clock, quietMs: 0 }),
    clock,
    log: new RunLog(redis, keys, worker),
    life: new RedisEvidenceLife({ redis, keys, custody, reader, signed, evidence, alert }),
    commander: new RedisRunCommander({ redis, keys, custody, queues, playbooks: syntheticPlaybooks }),
    amendments: new Amendments(redis, keys, queues, 1_000),
    request: runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, playbook: 'brief' }),
    async close() {
      redis.disconnect();
      await queues.close();
    },
  };
}

/** Contents that a run has recorded and that the store does not have, although nobody has destroyed the run's evidence. */
export async function lostOf({ reader, evidence }: Pick<LifeParts, 'reader' | 'evidence'>, run: string): Promise<string[]> {
  const { signal } = new AbortController();
  const lost: string[] = [];
  const missing = (error: unknown): false => {
    if (!(error instanceof TriageError) || error.code !== 'not-found') throw error;
    return false;
  };
  for (const { sha256 } of await reader.artifacts(run)) if (!(await evidence.check(sha256, signal).catch(missing))) lost.push(sha256);
  // Destroyed in between: that is no loss.
  return lost.length === 0 || (await reader.record(run))?.destroyed !== undefined ? [] : lost;
}
