import { execFile } from 'node:child_process';
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Redis } from 'ioredis';
import { type EvidencePlace, evidenceText, openEvidence } from '../store/evidence/open.js';
import { assertDurable, connectRedis, redisEndpoint } from '../store/redis.js';
import type { DoctorCheck, DoctorFinding } from './commands/doctor.js';
import type { ServiceConfig } from './config.js';
import { checkSigningKeys, clockAhead, clockFinding } from './startup-checks.js';
import { bytes } from './ui/fact-text.js';

const run = promisify(execFile);

/** Less free space than this is worth a warning, in bytes: two runs at their default limit. */
const roomWanted = 4 * 1024 ** 3;

/** The checks that need neither a cluster nor a node: Redis, data folder, evidence store. */
export function baseChecks(config: Pick<ServiceConfig, 'redis' | 'data' | 'evidence' | 'keys'>): DoctorCheck[] {
  const { redis, data, evidence } = config;
  const { url } = redis;
  return [
    ...(url === undefined
      ? [{ name: 'embedded Redis', run: checkBinaries }]
      : [
          { name: 'Redis', run: () => checkRedis(url) },
          { name: 'clock', run: () => withRedis(url, async (connection) => clockFinding(await clockAhead(connection), 'Redis')) },
        ]),
    { name: 'data folder', run: () => checkDataFolder(data.dir) },
    { name: 'signing keys', run: () => checkSigningKeys(config) },
    { name: 'evidence store', run: () => (evidence.kind === 'disk' ? checkFolder(evidence.folder) : checkBucket(evidence)) },
  ];
}

async function checkBinaries(signal: AbortSignal): Promise<DoctorFinding> {
  const todo = 'install redis-server (7 or newer) and util-linux, or set REDIS_URL';
  try {
    const { stdout } = await run('redis-server', ['--version'], { signal });
    await run('flock', ['--version'], { signal }).catch(() => run('flock', ['/dev/null', 'true'], { signal }));
    const version = /v=(\d+)\.(\d+\.\d+)/.exec(stdout);
    const found = `redis-server ${version?.[1] ?? '?'}.${version?.[2] ?? '?'}`;
    return Number(version?.[1] ?? 0) >= 7 ? { ok: true, found } : { ok: 'warn', found, todo };
  } catch (error) {
    return { ok: false, found: error instanceof Error ? error.message : 'redis-server does not start', todo };
  }
}

function checkRedis(url: string): Promise<DoctorFinding> {
  return withRedis(url, async (connection) => {
    await assertDurable(connection);
    const version = /^redis_version:(\S+)/m.exec(await connection.info('server'))?.[1] ?? '?';
    return { ok: true, found: `version ${version}, append-only, never evicting` };
  });
}

async function withRedis<T>(url: string, work: (connection: Redis) => Promise<T>): Promise<T> {
  const connection = connectRedis(redisEndpoint(url, 'fail'));
  try {
    return await work(connection);
  } finally {
    connection.disconnect();
  }
}

async function checkDataFolder(dir: string): Promise<DoctorFinding> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await tryWrite(dir);
  const { mode } = await stat(dir);
  if ((mode & 0o077) === 0) return { ok: true, found: dir };
  return { ok: 'warn', found: `${dir} is open to others (mode ${(mode & 0o777).toString(8)})`, todo: `run: chmod 700 ${dir}` };
}

async function checkFolder(dir: string): Promise<DoctorFinding> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await tryWrite(dir);
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const found = `${dir}, ${bytes(free)} free`;
  return free >= roomWanted ? { ok: true, found } : { ok: 'warn', found, todo: 'a run may take 2 GiB: make room, or set lower limits' };
}

/** Opening it is the check: it asks for all that the store rests on. */
async function checkBucket(place: EvidencePlace): Promise<DoctorFinding> {
  await openEvidence(place);
  return { ok: true, found: `${evidenceText(place)}, refuses second writes and wrong checksums` };
}

async function tryWrite(dir: string): Promise<void> {
  const file = join(dir, `.doctor-${process.pid}`);
  await writeFile(file, 'x', { flag: 'wx' });
  await rm(file);
}
