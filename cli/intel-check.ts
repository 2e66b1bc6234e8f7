import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { asTriageError, type TriageError } from '../playbooks/domain/error.js';
import type { IntelKey, IntelPort } from '../playbooks/ports.js';
import { defaultPrefix, keysOf } from '../store/keys.js';
import { QuotaLedger } from '../store/quota.js';
import { connectRedis, redisEndpoint } from '../store/redis.js';
import { pingRedis } from '../store/redis-probe.js';
import { openIntel, type WorkerConfig } from '../workers/context.js';
import type { DoctorFinding } from './commands/doctor.js';
import type { ServiceConfig } from './config.js';

/** The sha256 of the EICAR test file, which every intelligence source knows (eicar.org). */
const eicar = '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f';

interface KeyFinding {
  readonly ok: boolean | 'warn';
  readonly problem: string;
}

/** Asks VirusTotal about a file that it knows, with each key, if the ledger grants the request. */
export async function checkIntel(service: ServiceConfig, config: WorkerConfig, signal: AbortSignal): Promise<DoctorFinding> {
  const intel = await openIntel(config);
  if (intel === undefined) return { ok: 'warn', found: 'no key', todo: 'set PODTRIAGE_VT_KEY_FILE; without it hashes are recorded as not asked' };
  const redis = await ledgerRedis(service);
  try {
    const keys = intel.keys ?? [];
    const bad = (await Promise.all(keys.map((key) => checkKey(intel, key, ledgerOf(redis, config, key), signal)))).filter((each) => each.ok !== true);
    if (bad.length === 0)
      return {
        ok: true,
        found: keys.length === 1 ? 'the key is right (this spent one request)' : `all ${keys.length} keys are right (this spent one request each)`,
      };
    const found = bad.map(({ problem }) => problem).join('; ');
    return { ok: bad.some(({ ok }) => ok === false) ? false : 'warn', found, todo: 'check PODTRIAGE_VT_KEY_FILE and PODTRIAGE_VT_URL' };
  } finally {
    redis?.disconnect();
  }
}

/** Undefined when no service runs here: then nobody else asks, and the next to start hears of this request from the source. */
async function ledgerRedis({ redis, data }: ServiceConfig): Promise<Redis | undefined> {
  const socket = join(data.dir, 'redis.sock');
  const address = redis.url ?? ((await pingRedis(socket)) === 'ready' ? socket : undefined);
  return address === undefined ? undefined : connectRedis(redisEndpoint(address, 'fail'));
}

function ledgerOf(redis: Redis | undefined, { virusTotal }: WorkerConfig, { id, limits }: IntelKey): QuotaLedger | undefined {
  return redis === undefined ? undefined : new QuotaLedger(redis, keysOf(defaultPrefix), id, { ...virusTotal.limits, ...limits });
}

async function checkKey(intel: IntelPort, { id }: IntelKey, ledger: QuotaLedger | undefined, signal: AbortSignal): Promise<KeyFinding> {
  const grant = await ledger?.reserve(true);
  if (grant?.granted === false) {
    const seconds = Math.ceil(grant.waitMs / 1_000);
    return { ok: grant.why === 'unauthorized' ? false : 'warn', problem: `key ${id} may not ask for ${seconds} s (${grant.why})` };
  }
  try {
    await intel.lookup(eicar, signal, id);
    await ledger?.answered();
    return { ok: true, problem: '' };
  } catch (raw) {
    const error = asTriageError(raw);
    await note(ledger, error);
    return { ok: error.code === 'intel-quota' ? 'warn' : false, problem: `key ${id}: ${error.message}` };
  }
}

async function note(ledger: QuotaLedger | undefined, { code, message }: TriageError): Promise<void> {
  if (code === 'intel-quota') await ledger?.block();
  else if (code === 'intel-unauthorized') await ledger?.refuse(message);
  else await ledger?.tried();
}
