import { chainScript } from './chain.js';

/**
 * Amends a sealed run, once for each version: the answers that came late, the amendment, what the run shows, and the custody entries in one act.
 *
 * KEYS[4] lookups, [5] amendments, [6] seqs of their entries, [7] runs that are to be amended.
 * Rest: version, run id, amendment, number of hashes still pending, number of answers, then hash and answer of each,
 * then field and value of three fields of the run.
 * Answers ok | already | refused | gone | moved. The last of the entries is that of the amendment.
 */
export const runAmend = chainScript(`
if resent() then return {'ok'} end
local state = redis.call('HGET', KEYS[3], 'state')
if not state then return {'gone'} end
if state ~= 'completed' and state ~= 'failed' then return {'refused'} end
if redis.call('HEXISTS', KEYS[3], 'destroyed') == 1 then return {'refused'} end
local version = tonumber(rest(1))
if version ~= tonumber(redis.call('HGET', KEYS[3], 'reportVersion') or '1') + 1 then return {'already'} end
if not fits() then return moved() end
set(KEYS[4], 5)
local fields = 6 + 2 * tonumber(rest(5))
for i = 0, 2 do redis.call('HSET', KEYS[3], rest(fields + 2 * i), rest(fields + 2 * i + 1)) end
redis.call('HSET', KEYS[3], 'reportVersion', version)
redis.call('HSET', KEYS[5], version, rest(3))
redis.call('HSET', KEYS[6], version, seq + count - 1)
if rest(4) == '0' then redis.call('ZREM', KEYS[7], rest(2)) end
push()
return {'ok'}
`);
