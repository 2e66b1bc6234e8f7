import type { Redis } from 'ioredis';
import type { ReadinessCheck } from '../api/deps.js';
import type { OpenEvidence } from '../store/evidence/open.js';
import { within } from '../store/of-redis.js';
import type { RegisterWitness } from '../store/register-witness.js';

/** How long one check may take, in milliseconds. */
const checkMs = 4_000;

/** What the API cannot do its work without. */
export interface Needed {
  readonly redis: Redis;
  readonly evidence: Pick<OpenEvidence, 'ready'>;
  readonly witness: Pick<RegisterWitness, 'look'>;
}

/** Whether runs can be taken now. While the register of runs is not what it was, the workers do nothing that is asked for. */
export function readiness({ redis, evidence, witness }: Needed): Promise<readonly ReadinessCheck[]> {
  const acts = { redis: () => redis.ping(), evidence: () => evidence.ready(), register: () => witness.look() };
  return Promise.all(Object.entries(acts).map(([name, act]) => check(name, act)));
}

async function check(name: string, act: () => Promise<unknown>): Promise<ReadinessCheck> {
  try {
    await within(checkMs, act());
    return { name, ok: true };
  } catch (error) {
    return { name, ok: false, found: error instanceof Error ? error.message : String(error) };
  }
}
