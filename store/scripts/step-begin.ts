import { chainScript } from './chain.js';

/**
 * Begins an attempt at a step. Its fence is the seq of its `step.started` entry; older attempts are dead from here on.
 *
 * KEYS[4] steps, [5] fences, [6] begun, [7] begins. Rest: step, what views show of the attempt.
 * Answers go | cancelled (both with the fence, and how often it has begun in a row) | recorded | gone | moved.
 */
export const stepBegin = chainScript(`
local step = rest(1)
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[4], step) == 1 then return {'recorded'} end
local function go() return {redis.call('HEXISTS', KEYS[3], 'cancel') == 1 and 'cancelled' or 'go', seq, tonumber(redis.call('HGET', KEYS[7], step) or '1')} end
if resent() then return go() end
if not fits() then return moved() end
if redis.call('HGET', KEYS[3], 'state') == 'queued' then redis.call('HSET', KEYS[3], 'state', 'running') end
if redis.call('HGET', KEYS[3], 'waitStep') == step then redis.call('HDEL', KEYS[3], 'waitStep', 'waitFor', 'waitSince', 'waitEta', 'waitEtaMs') end
redis.call('HSET', KEYS[5], step, seq)
redis.call('HSET', KEYS[6], step, rest(2))
redis.call('HINCRBY', KEYS[7], step, 1)
push()
return go()
`);
