import { script } from './script.js';

/** Puts a value in the place of another one in a HASH, unless somebody was faster. KEYS[1] HASH; ARGV field, value before, value. Answers ok|moved. */
export const replaceField = script(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {'moved'} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {'ok'}
`);
