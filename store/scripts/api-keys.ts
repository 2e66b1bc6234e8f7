import { chainScript } from './chain.js';

/**
 * Writes the record of an API key, and what was done in the register: both or neither. The chain is the register's.
 *
 * KEYS[4] keys. Rest: id, record, the record that it takes the place of ('' for a new key).
 * Answers ok | changed: another record stands there by now | moved.
 */
export const apiKeyPut = chainScript(`
if resent() then return {'ok'} end
if (redis.call('HGET', KEYS[4], rest(1)) or '') ~= rest(3) then return {'changed'} end
if not fits() then return moved() end
redis.call('HSET', KEYS[4], rest(1), rest(2))
note()
return {'ok'}
`);

/** Takes a key away, in the same way. KEYS[4] keys, [5] when they were last used. Rest: id. Answers ok | gone | moved. */
export const apiKeyRevoke = chainScript(`
if resent() then return {'ok'} end
if redis.call('HEXISTS', KEYS[4], rest(1)) == 0 then return {'gone'} end
if not fits() then return moved() end
redis.call('HDEL', KEYS[4], rest(1))
redis.call('HDEL', KEYS[5], rest(1))
note()
return {'ok'}
`);
