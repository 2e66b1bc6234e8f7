import type { Redis } from 'ioredis';
import type { BatchRequest } from '../playbooks/domain/batch.js';
import type { BatchTarget } from '../playbooks/fleet/target.js';
import type { BatchTargets } from './batches-targets.js';
import type { Plan } from './batches-view.js';
import { etaOf } from './eta.js';
import type { Keys } from './keys.js';
import { lookupQueue } from './lookup-desk.js';
import { lineByPriority } from './lookup-line.js';
import { ofRedis } from './of-redis.js';
import type { Queues } from './queues.js';
import { quotaStates } from './quota-keys.js';

/** What comes later than this, in milliseconds, need not be told exactly. */
const horizonMs = 90 * 86_400_000;

/** What a batch would do. Throws `redis-unavailable`. */
export async function planBatch(
  { redis, keys, queues, targets }: { redis: Redis; keys: Keys; queues: Queues; targets: BatchTargets },
  request: BatchRequest,
  pods: readonly BatchTarget[],
): Promise<Plan> {
  const there = pods.filter(({ gone }) => gone !== true);
  const nodes = new Set(there.flatMap(({ node }) => node ?? [])).size;
  const { total, perNode } = request.concurrency;
  const meanMs = await targets.recentMs(request.playbook);
  const atOnce = Math.max(1, Math.min(total, perNode * nodes));
  return {
    pods: there.length,
    nodes,
    ...(meanMs === undefined ? {} : { estimatedSeconds: Math.ceil((Math.ceil(there.length / atOnce) * meanMs) / 1_000) }),
    lookups: await lookupsOf({ redis, keys, queues }, there.length * request.options.lookups.budget, request.options.priority),
  };
}

async function lookupsOf(
  { redis, keys, queues }: { redis: Redis; keys: Keys; queues: Queues },
  most: number,
  priority: BatchRequest['options']['priority'],
): Promise<Plan['lookups']> {
  const { states, waiting } = await ofRedis(async () => ({
    ...(await quotaStates(redis, keys)),
    waiting: await lineByPriority(redis, queues.get(lookupQueue)),
  }));
  const leftToday = states.reduce((sum, { limits, used }) => sum + Math.max(0, limits.day - used.day), 0);
  const ahead = { interactive: waiting.interactive, other: waiting.webhook + waiting.batch + Math.max(0, most - 1) };
  const at = most === 0 ? undefined : etaOf(states, ahead, priority === 'interactive', Date.now() + horizonMs);
  return { most, leftToday, ...(at === undefined ? {} : { eta: new Date(at).toISOString() }) };
}
