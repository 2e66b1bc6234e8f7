import { script } from './script.js';

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/**
 * Takes a slot, or queues for one: by priority, then by time. A waiter must ask again within `staleMs` or is forgotten.
 *
 * KEYS[1] held, [2] queue, [3] seen. ARGV[1] holder, [2] waiter, [3] max, [4] leaseMs, [5] priority, [6] staleMs.
 * The holder is one attempt, the waiter its job: what a dead attempt still holds counts until its lease ends.
 * Answers held | wait.
 */
export const slotAcquire = script(`${clock}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[6])) do
  redis.call('ZREM', KEYS[2], dead)
  redis.call('ZREM', KEYS[3], dead)
end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[2], 'NX', ARGV[5] * 1e13 + now, ARGV[2])
  redis.call('ZADD', KEYS[3], now, ARGV[2])
  if redis.call('ZRANK', KEYS[2], ARGV[2]) >= ARGV[3] - redis.call('ZCARD', KEYS[1]) then return {'wait'} end
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
return {'held'}
`);

/** Prolongs a lease. KEYS[1] held. ARGV[1] holder, [2] leaseMs. Also when it had run out: who works there is to be counted. */
export const slotRenew = script(`${clock}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {'held'}
`);

/** Gives a slot back. KEYS[1] held, [2] queue. ARGV[1] holder. Answers free, and the waiter who is next, if there is one. */
export const slotRelease = script(`
redis.call('ZREM', KEYS[1], ARGV[1])
return {'free', unpack(redis.call('ZRANGE', KEYS[2], 0, 0))}
`);
