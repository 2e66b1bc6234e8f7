import { script } from './script.js';

/**
 * Takes a key of a caller for one request, or says what has become of the request that had it first. A lease that is over belongs to somebody who
 * died: who comes next goes on under the same claim.
 *
 * KEYS[1] claim. ARGV[1] signed text of the claim, [2] owner, [3] lease in ms, [4] TTL in ms. Answers with the text that stands:
 * mine | busy | done, text.
 */
export const claimRequest = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local text = redis.call('HGET', KEYS[1], 'claim')
if not text then
  text = ARGV[1]
  redis.call('HSET', KEYS[1], 'claim', text)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  if redis.call('HGET', KEYS[1], 'done') then return {'done', text} end
  if tonumber(redis.call('HGET', KEYS[1], 'lease') or 0) > now then return {'busy', text} end
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'lease', string.format('%.0f', now + ARGV[3]))
return {'mine', text}
`);

/**
 * Says that a request is done, or gives its claim back, if it is still the owner's.
 *
 * KEYS[1] claim. ARGV[1] owner, [2] done | free. Answers ok | gone.
 */
export const settleRequest = script(`
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return {'gone'} end
if ARGV[2] == 'done' then redis.call('HSET', KEYS[1], 'done', '1') else redis.call('HDEL', KEYS[1], 'owner', 'lease') end
return {'ok'}
`);

/** Takes a claim away whose text is not believed. KEYS[1] claim. ARGV[1] the text. Answers ok. */
export const forgetRequest = script(`
if redis.call('HGET', KEYS[1], 'claim') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
`);
