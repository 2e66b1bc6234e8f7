import { chainScript, registerScript } from './chain.js';

/**
 * Holds the evidence of a run: nobody destroys it, its time may be over or not.
 *
 * KEYS[4] runs by the time until which their evidence is kept. Rest: run id, who holds it, since when and why.
 * Answers ok | held | destroyed | gone | moved.
 */
export const evidenceHold = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[3], 'destroyed') == 1 then return {'destroyed'} end
if redis.call('HEXISTS', KEYS[3], 'held') == 1 then return {'held'} end
if not fits() then return moved() end
redis.call('HSET', KEYS[3], 'held', rest(2))
redis.call('ZREM', KEYS[4], rest(1))
push()
return {'ok'}
`);

/** Ends a hold: the time of a run that is sealed runs again. KEYS and rest as above, with the run's id alone. Answers ok | free | gone | moved. */
export const evidenceRelease = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[3], 'held') == 0 then return {'free'} end
if not fits() then return moved() end
redis.call('HDEL', KEYS[3], 'held')
local untilMs = redis.call('HGET', KEYS[3], 'retainedUntil')
if untilMs then redis.call('ZADD', KEYS[4], untilMs, rest(1)) end
push()
return {'ok'}
`);

/**
 * Destroys the evidence of a sealed run: from here on nobody refers to it for this run, and its references are released.
 *
 * KEYS[4] runs by the time until which their evidence is kept, [5] runs that are to be amended, [6] runs whose references are released.
 * Rest: run id, now in ms, who destroyed it, when and why, what is left of its report ('' for none), and the version of that report ('' for none).
 * Answers ok | amended: the report is another one by now | held | destroyed | open | gone | moved | register-moved | register-taken.
 */
export const evidenceDestroy = registerScript(`
if resent() then return {'ok'} end
local state = redis.call('HGET', KEYS[3], 'state')
if not state then return {'gone'} end
if redis.call('HEXISTS', KEYS[3], 'destroyed') == 1 then return {'destroyed'} end
if redis.call('HEXISTS', KEYS[3], 'held') == 1 then return {'held'} end
if state ~= 'completed' and state ~= 'failed' and state ~= 'cancelled' then return {'open'} end
if (redis.call('HGET', KEYS[3], 'reportVersion') or '') ~= rest(5) then return {'amended'} end
if not fits() then return moved() end
if not registerFits() then return registerMoved() end
redis.call('HSET', KEYS[3], 'destroyed', rest(3))
if rest(4) ~= '' then redis.call('HSET', KEYS[3], 'skeleton', rest(4)) end
redis.call('HDEL', KEYS[3], 'pendingLookups', 'retainedUntil')
redis.call('ZREM', KEYS[4], rest(1))
redis.call('ZREM', KEYS[5], rest(1))
redis.call('ZADD', KEYS[6], rest(2), rest(1))
push()
register()
return {'ok'}
`);
