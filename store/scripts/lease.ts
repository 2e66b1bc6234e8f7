import { script } from './script.js';

/** Lets go of a lease, where it still is one's own. KEYS[1] who holds it; ARGV[1] the holder. Answers ok. */
export const releaseLease = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
`);
