import { chainScript } from './chain.js';

/**
 * Asks a run to stop: flag, state and custody entry in one act; the flag is the truth, the message to the workers a hint.
 *
 * Rest: time, channel of cancels, run id. Answers ok | already | ended | gone | moved.
 */
export const runCancel = chainScript(`
if resent() then return {'ok'} end
local state = redis.call('HGET', KEYS[3], 'state')
if not state then return {'gone'} end
if state == 'completed' or state == 'failed' or state == 'cancelled' then return {'ended'} end
if redis.call('HEXISTS', KEYS[3], 'cancel') == 1 then return {'already'} end
if not fits() then return moved() end
redis.call('HSET', KEYS[3], 'cancel', rest(1), 'state', 'cancelling')
push()
redis.call('PUBLISH', rest(2), rest(3))
return {'ok'}
`);
