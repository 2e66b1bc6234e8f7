import { chainScript } from './chain.js';

/**
 * Records the outcome of a step, once, with its custody entry; and for the closing step seals the run.
 *
 * KEYS[4] steps, [5] fences, [6] finished, [7] open runs, [8] runs that are to be amended.
 * Rest: step, fence ('*' takes the step over from whoever had it), record, end state or '', run id,
 * now in ms where answers are still to come, else '', number of fields of the run to set, then field and value of each.
 * Answers ok | already | stale | gone | moved. A run that was asked to stop ends as cancelled, whatever else happened.
 */
export const stepFinish = chainScript(`
local step = rest(1)
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[4], step) == 1 then return {resent() and 'ok' or 'already'} end
if rest(2) ~= '*' and redis.call('HGET', KEYS[5], step) ~= rest(2) then return {'stale'} end
if not fits() then return moved() end
redis.call('HSET', KEYS[4], step, rest(3))
redis.call('HSET', KEYS[6], step, seq)
set(KEYS[3], 7)
if redis.call('HGET', KEYS[3], 'waitStep') == step then redis.call('HDEL', KEYS[3], 'waitStep', 'waitFor', 'waitSince', 'waitEta', 'waitEtaMs') end
if rest(4) ~= '' then
  local cancelled = redis.call('HEXISTS', KEYS[3], 'cancel') == 1
  redis.call('HSET', KEYS[3], 'state', cancelled and 'cancelled' or rest(4))
  redis.call('ZREM', KEYS[7], rest(5))
  if rest(6) ~= '' and not cancelled then redis.call('ZADD', KEYS[8], rest(6), rest(5)) end
end
push()
return {'ok'}
`);
