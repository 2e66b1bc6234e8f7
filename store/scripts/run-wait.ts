import { script } from './script.js';

/**
 * Shows or hides why a run stands still. The time since when is kept while step and reason stay the same.
 *
 * KEYS[1] run. ARGV[1] channel, [2] step, [3] reason or '' for "goes on", [4] now, [5] eta or ''.
 * Answers ok | gone.
 */
export const runWait = script(`
local run = KEYS[1]
if redis.call('EXISTS', run) == 0 then return {'gone'} end
local same = redis.call('HGET', run, 'waitStep') == ARGV[2]
if ARGV[3] == '' then
  if not same then return {'ok'} end
  redis.call('HDEL', run, 'waitStep', 'waitFor', 'waitSince', 'waitEta')
else
  if same and redis.call('HGET', run, 'waitFor') == ARGV[3] and (redis.call('HGET', run, 'waitEta') or '') == ARGV[5] then return {'ok'} end
  if not (same and redis.call('HGET', run, 'waitFor') == ARGV[3]) then redis.call('HSET', run, 'waitSince', ARGV[4]) end
  redis.call('HSET', run, 'waitStep', ARGV[2], 'waitFor', ARGV[3])
  if ARGV[5] == '' then redis.call('HDEL', run, 'waitEta') else redis.call('HSET', run, 'waitEta', ARGV[5]) end
end
redis.call('HINCRBY', run, 'rev', 1)
redis.call('PUBLISH', ARGV[1], 'changed')
return {'ok'}
`);
