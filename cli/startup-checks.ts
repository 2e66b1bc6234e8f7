import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { TriageError } from '../playbooks/domain/error.js';
import { ofRedis } from '../store/of-redis.js';
import { currentSigner, keyRoles } from '../store/signing-key.js';
import type { DoctorFinding } from './commands/doctor.js';
import type { ServiceConfig } from './config.js';

/** From here on a clock that is off is worth a warning, and from there on nothing is started with it, in milliseconds. */
const clockLimits = { warnMs: 5_000, refuseMs: 60_000 } as const;

/** How far this machine's clock is ahead of Redis' one, in milliseconds, give or take half the time of a round trip. Throws `redis-unavailable`. */
export async function clockAhead(redis: Redis): Promise<number> {
  const before = Date.now();
  const [seconds = 0, micros = 0] = (await ofRedis(() => redis.time())).map(Number);
  const middle = (before + Date.now()) / 2;
  return middle - (seconds * 1_000 + micros / 1_000);
}

/** By how much two clocks differ, in words. */
function clockText(aheadMs: number, other: string): string {
  const seconds = Math.abs(aheadMs / 1_000).toFixed(1);
  return `the clock of this machine is ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} that of ${other}`;
}

/** The same as `doctor` says it. */
export function clockFinding(aheadMs: number, other: string): DoctorFinding {
  const off = Math.abs(aheadMs);
  if (off <= clockLimits.warnMs) return { ok: true, found: `within ${clockLimits.warnMs / 1_000} s of that of ${other}` };
  return { ok: off <= clockLimits.refuseMs && 'warn', found: clockText(aheadMs, other), todo: 'set the clocks of both by NTP' };
}

/** Whether anybody else on this machine can read a private key that signs custody. Throws `config-invalid` where that is so. */
export async function checkSigningKeys({ data, keys }: Pick<ServiceConfig, 'data' | 'keys'>): Promise<DoctorFinding> {
  const found = await Promise.all(keyRoles.map(async (role) => ({ role, signer: await currentSigner(data.signingKeys, role, keys.given[role]) })));
  return { ok: true, found: found.map(({ role, signer }) => `${role} ${signer?.kid ?? 'is made at the first start'}`).join(', ') };
}

/**
 * Custody is dated by this clock, leases and quota by that of Redis: warns where they differ by more than 5 s.
 * @throws TriageError `config-invalid` where it is more than 60 s, `redis-unavailable`
 */
export async function assertClock(redis: Redis, log: Logger): Promise<void> {
  const ahead = await clockAhead(redis);
  const off = Math.abs(ahead);
  if (off > clockLimits.refuseMs)
    throw new TriageError('config-invalid', `${clockText(ahead, 'Redis')}: times in custody would be wrong. Set it right (NTP) on both machines`);
  if (off > clockLimits.warnMs) log.warn({ aheadMs: Math.round(ahead) }, clockText(ahead, 'Redis'));
}
