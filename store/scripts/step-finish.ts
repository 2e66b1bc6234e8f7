import { chainScript, endMessage, registerScript } from './chain.js';

/**
 * Records the outcome of a step, once, with its custody entry.
 *
 * KEYS[4] steps, [5] fences, [6] finished.
 * Rest: step, fence ('*' takes the step over from whoever had it), record, number of fields of the run to set, then field and value of each.
 * Answers ok | already | stale | gone | moved.
 */
export const stepFinish = chainScript(finish('return moved()', '', 'push()', "{'ok'}"));

/**
 * The same for the closing step: it seals the run, and the register says what its chain was then.
 *
 * KEYS[7] open runs, [8] runs that are to be amended, [9] runs by the time until which their evidence is kept, [10] how many have ended
 * in which state, [11] hashes that the run watches.
 * Rest after the fields: end state, run id, now in ms where answers are still to come, else '', and until when its evidence is kept, in ms.
 * Answers also register-moved and register-taken, and beside `ok` the word `over` where no answers are to come. A run that was asked to stop ends as
 * cancelled, whatever else happened.
 */
export const runSeal = registerScript(
  finish(
    `return moved() end
if not registerFits() then return registerMoved()`,
    `
local last = 4 + 2 * tonumber(rest(4))
local run = rest(last + 2)
local cancelled = redis.call('HEXISTS', KEYS[3], 'cancel') == 1
local state = cancelled and 'cancelled' or rest(last + 1)
redis.call('HSET', KEYS[3], 'state', state)
redis.pcall('HINCRBY', KEYS[10], state, 1)
redis.call('ZREM', KEYS[7], run)
if rest(last + 3) ~= '' and not cancelled then redis.call('ZADD', KEYS[8], rest(last + 3), run) end
redis.call('HSET', KEYS[3], 'retainedUntil', rest(last + 4))
if redis.call('HEXISTS', KEYS[3], 'held') == 0 then redis.call('ZADD', KEYS[9], rest(last + 4), run) end
register()
`,
    `push('${endMessage}')`,
    "{'ok', (redis.pcall('ZSCORE', KEYS[8], run) or redis.call('EXISTS', KEYS[11]) == 1) and '' or 'over'}",
  ),
);

function finish(unfit: string, seal: string, push: string, answer: string): string {
  return `
local step = rest(1)
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[4], step) == 1 then return {resent() and 'ok' or 'already'} end
if rest(2) ~= '*' and redis.call('HGET', KEYS[5], step) ~= rest(2) then return {'stale'} end
if not fits() then ${unfit} end
redis.call('HSET', KEYS[4], step, rest(3))
redis.call('HSET', KEYS[6], step, seq)
set(KEYS[3], 4)
if redis.call('HGET', KEYS[3], 'waitStep') == step then redis.call('HDEL', KEYS[3], 'waitStep', 'waitFor', 'waitSince', 'waitEta', 'waitEtaMs') end
${seal}
${push}
return ${answer}
`;
}
