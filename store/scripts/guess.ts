import { script } from './script.js';

/**
 * Says how a credential from an address is treated. KEYS[1] wrong ones of the address in this minute, [2] wrong ones of all addresses, [3] whose
 * credentials were right from there, [4] those that were not looked at. ARGV[1] whose the credential says it is, [2] limit of an address, [3] limit
 * of all, [4] the minute in ms, [5] one in so many is looked at all the same. Answers open | known, ms | tried, ms | held, ms.
 */
export const guessStanding = script(`
local mine = tonumber(redis.call('GET', KEYS[1]) or '0')
local all = tonumber(redis.call('GET', KEYS[2]) or '0')
if mine == 0 or (mine < tonumber(ARGV[2]) and all < tonumber(ARGV[3])) then return {'open', 0} end
local left = math.max(1, redis.call('PTTL', KEYS[1]))
if ARGV[1] ~= '' and redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1 then return {'known', left} end
local held = redis.call('INCR', KEYS[4])
if held == 1 then redis.call('PEXPIRE', KEYS[4], ARGV[4]) end
if held % tonumber(ARGV[5]) == 0 then return {'tried', left} end
return {'held', left}
`);

/** Counts a wrong credential. KEYS[1] those of the address, [2] those of all; ARGV[1] the minute in ms. Answers ok and how many of the address. */
export const guessWrong = script(`
local counts = {}
for at = 1, 2 do
  counts[at] = redis.call('INCR', KEYS[at])
  if counts[at] == 1 then redis.call('PEXPIRE', KEYS[at], ARGV[1]) end
end
return {'ok', counts[1]}
`);
