import { registerScript } from './chain.js';

/**
 * Opens a run: its record, its place in the lists, custody entry 0 and the register's line of it in one act.
 *
 * KEYS[4] open runs, [5] all runs, [6] runs that somebody is to be told of, [7] runs of the pod, [8] who is about to open one because of an alert,
 * [9] the run's alerts.
 * Rest: run id, time in ms, number of fields, then field and value of each; then `told` where somebody is to be told, else ''; the container that the
 * run is limited to, or ''; how many seconds the pod's runs are remembered; 1 for a run that only who has claimed the pod may open.
 * Answers ok | exists | unclaimed | moved | register-moved | register-taken.
 */
export const runOpen = registerScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'exists'} end
local run, last = rest(1), 3 + 2 * tonumber(rest(3))
if rest(last + 4) == '1' and redis.call('GET', KEYS[8]) ~= run then return {'unclaimed'} end
if not fits() then return moved() end
if not registerFits() then return registerMoved() end
redis.call('HSET', KEYS[3], 'state', 'queued')
set(KEYS[3], 3)
redis.call('ZADD', KEYS[4], rest(2), run)
redis.call('ZADD', KEYS[5], 0, run)
if rest(last + 1) == 'told' then redis.call('ZADD', KEYS[6], rest(2), run) end
for _, other in ipairs(redis.call('HKEYS', KEYS[7])) do
  if not redis.call('ZSCORE', KEYS[4], other) then redis.call('HDEL', KEYS[7], other) end
end
redis.call('HSET', KEYS[7], run, rest(2) .. '|' .. rest(last + 2))
redis.call('EXPIRE', KEYS[7], rest(last + 3))
-- Whoever has claimed the pod for an alert is to find this run, and open no other.
if rest(last + 2) == '' then redis.call('DEL', KEYS[8]) end
redis.call('PERSIST', KEYS[9])
push()
register()
return {'ok'}
`);
