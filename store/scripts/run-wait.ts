import { script } from './script.js';

/**
 * Shows or hides why a run stands still. The time since when is kept while step and reason stay the same, and the time when it will go on
 * while that moves by no more than the tolerance: an estimate that wavers is no news.
 *
 * KEYS[1] run. ARGV[1] channel, [2] step, [3] reason or '' for "goes on", [4] now, [5] eta or '', [6] the same in ms, [7] tolerance in ms.
 * Answers ok | gone.
 */
export const runWait = script(`
local run = KEYS[1]
if redis.call('EXISTS', run) == 0 then return {'gone'} end
local same = redis.call('HGET', run, 'waitStep') == ARGV[2]
if ARGV[3] == '' then
  if not same then return {'ok'} end
  redis.call('HDEL', run, 'waitStep', 'waitFor', 'waitSince', 'waitEta', 'waitEtaMs')
else
  same = same and redis.call('HGET', run, 'waitFor') == ARGV[3]
  local before = redis.call('HGET', run, 'waitEtaMs')
  if same and ARGV[5] == '' and not before then return {'ok'} end
  if same and ARGV[5] ~= '' and before and math.abs(tonumber(before) - tonumber(ARGV[6])) <= tonumber(ARGV[7]) then return {'ok'} end
  if not same then redis.call('HSET', run, 'waitSince', ARGV[4]) end
  redis.call('HSET', run, 'waitStep', ARGV[2], 'waitFor', ARGV[3])
  if ARGV[5] == '' then redis.call('HDEL', run, 'waitEta', 'waitEtaMs') else redis.call('HSET', run, 'waitEta', ARGV[5], 'waitEtaMs', ARGV[6]) end
end
redis.call('HINCRBY', run, 'rev', 1)
redis.call('PUBLISH', ARGV[1], 'changed')
return {'ok'}
`);
