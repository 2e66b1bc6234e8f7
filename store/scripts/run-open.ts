import { registerScript } from './chain.js';

/**
 * Opens a run: its record, its place in the lists, custody entry 0 and the register's line of it in one act.
 *
 * KEYS[4] open runs, [5] all runs. Rest: run id, time in ms, number of fields, then field and value of each.
 * Answers ok | exists | moved | register-moved.
 */
export const runOpen = registerScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'exists'} end
if not fits() then return moved() end
if not registerFits() then return registerMoved() end
redis.call('HSET', KEYS[3], 'state', 'queued')
set(KEYS[3], 3)
redis.call('ZADD', KEYS[4], rest(2), rest(1))
redis.call('ZADD', KEYS[5], 0, rest(1))
push()
register()
return {'ok'}
`);
