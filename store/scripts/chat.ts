import { script } from './script.js';

/** Lets go of a chat, where it is still held by this one. KEYS[1] who holds it; ARGV[1] the token. Answers ok. */
export const releaseChat = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
`);
