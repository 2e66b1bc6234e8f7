import { script } from './script.js';

/**
 * Says whether a lookup may take the next request of the quota. BullMQ hands lookups out in order, but to many at once, and who is handed one
 * later must not be faster. So a lookup yields while a better one waits in the queue (again), and waits while a better one was handed out a
 * moment ago and has not been granted its request yet.
 *
 * KEYS[1] BullMQ's list of active jobs, [2] its sorted set of waiting ones (score: priority * 2^32 + a counter). ARGV[1] prefix of its jobs, [2] prefix of our marks of jobs that have been granted, [3] the job,
 * [4] the time before which nobody was handed out a moment ago. Answers go|wait|yield.
 */
export const lookupTurn = script(`
local mine = tonumber(redis.call('HGET', ARGV[1] .. ARGV[3], 'priority') or '0')
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if first[2] and math.floor(tonumber(first[2]) / 4294967296) < mine then return {'yield'} end
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'priority', 'processedOn')
  local better = job[1] and tonumber(job[1]) < mine and job[2] and tonumber(job[2]) > tonumber(ARGV[4])
  if better and id ~= ARGV[3] and redis.call('GET', ARGV[2] .. id) ~= job[2] then return {'wait'} end
end
return {'go'}
`);
