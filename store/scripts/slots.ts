import { script } from './script.js';

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/**
 * Calls the first waiters to the free slots: names those to wake, each once, and again when it has not come for long.
 * Counts those that were called `callMs` ago and have not come: they keep their place, but no slot stays empty for them.
 */
const call = `
local function call(free, callMs)
  local wake, overdue = {}, 0
  for _, waiter in ipairs(redis.call('ZRANGE', KEYS[2], 0, free - 1)) do
    local waited = now - (redis.call('ZSCORE', KEYS[4], waiter) or now)
    if waited > callMs then overdue = overdue + 1 end
    if redis.call('ZADD', KEYS[4], 'NX', now, waiter) == 1 then
      wake[#wake + 1] = waiter
    elseif waited > 10 * callMs then
      redis.call('ZADD', KEYS[4], now, waiter)
      wake[#wake + 1] = waiter
    end
  end
  return wake, overdue
end
`;

/**
 * Takes a slot, or queues for one: by priority, then by time. A waiter that has not asked for `staleMs` is forgotten.
 *
 * KEYS[1] held, [2] queue, [3] seen, [4] called.
 * ARGV[1] holder, [2] waiter, [3] max, [4] leaseMs, [5] priority, [6] staleMs, [7] callMs.
 * The holder is one attempt, the waiter its job: what a dead attempt still holds counts until its lease ends.
 * Answers held | wait, with the place in the queue, then those to wake.
 */
export const slotAcquire = script(`${clock}${call}
local function forget(waiter)
  for key = 2, 4 do redis.call('ZREM', KEYS[key], waiter) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[6])) do forget(dead) end
local wake = {}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[2], 'NX', ARGV[5] * 1e13 + now, ARGV[2])
  redis.call('ZADD', KEYS[3], now, ARGV[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
  local free, place = ARGV[3] - redis.call('ZCARD', KEYS[1]), redis.call('ZRANK', KEYS[2], ARGV[2])
  if place >= free then
    local overdue = 0
    if free > 0 then wake, overdue = call(free, tonumber(ARGV[7])) end
    if overdue == 0 then return {'wait', place, unpack(wake)} end
  end
  forget(ARGV[2])
end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
return {'held', 0, unpack(wake)}
`);

/** Prolongs a lease. KEYS[1] held. ARGV[1] holder, [2] leaseMs. Also when it had run out: who works there is to be counted. */
export const slotRenew = script(`${clock}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {'held'}
`);

/**
 * Gives a slot back. KEYS[1] held, [2] queue, [3] seen, [4] called. ARGV[1] holder, [2] max, [3] callMs.
 * Answers free, then those to wake.
 */
export const slotRelease = script(`${clock}${call}
redis.call('ZREM', KEYS[1], ARGV[1])
local free = ARGV[2] - redis.call('ZCARD', KEYS[1])
if free <= 0 then return {'free'} end
return {'free', unpack((call(free, tonumber(ARGV[3]))))}
`);

/** Gives up waiting. KEYS[1] queue, [2] seen, [3] called. ARGV[1] waiter. */
export const slotLeave = script(`
for key = 1, 3 do redis.call('ZREM', KEYS[key], ARGV[1]) end
return {'left'}
`);
