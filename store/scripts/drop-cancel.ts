import { script } from './script.js';

/** Takes back that a run is to stop, if the flag is still this one. KEYS[1] run. ARGV[1] flag. Answers ok | kept. */
export const dropCancel = script(`
if redis.call('HGET', KEYS[1], 'cancel') ~= ARGV[1] then return {'kept'} end
redis.call('HDEL', KEYS[1], 'cancel')
if redis.call('HGET', KEYS[1], 'state') == 'cancelling' then redis.call('HSET', KEYS[1], 'state', 'running') end
return {'ok'}
`);
