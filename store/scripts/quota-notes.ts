import { script } from './script.js';

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function number(field) return tonumber(redis.call('HGET', KEYS[1], field) or '0') end
`;

/**
 * Closes the ledger of a key for a while after the source has refused, longer for each refusal in a row.
 *
 * KEYS[1] ledger. ARGV: the steps in ms. Answers blocked and for how many ms.
 */
export const quotaBlock = script(`${clock}
redis.call('HDEL', KEYS[1], 'tryingUntil')
local until_ = number('blockedUntil')
if until_ > now then return {'blocked', until_ - now} end
local refusals = redis.call('HINCRBY', KEYS[1], 'refusals', 1)
local ms = tonumber(ARGV[math.min(refusals, #ARGV)])
redis.call('HSET', KEYS[1], 'blockedUntil', now + ms)
return {'blocked', ms}
`);

/**
 * Closes the ledger of a key that the source does not accept, and keeps the words in which it said so.
 *
 * KEYS[1] ledger. ARGV[1] for how many ms, [2] the words. Answers unauthorized.
 */
export const quotaRefuse = script(`${clock}
redis.call('HDEL', KEYS[1], 'tryingUntil', 'proven')
redis.call('HSET', KEYS[1], 'unauthorizedUntil', now + ARGV[1], 'unauthorized', ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1])))
return {'unauthorized'}
`);

/**
 * Notes that the source has answered a question about a hash: the next refusal counts as the first. An answer to what was asked before
 * the ledger was closed says nothing about now.
 *
 * KEYS[1] ledger. Answers proven.
 */
export const quotaAnswered = script(`${clock}
redis.call('HSET', KEYS[1], 'proven', 1)
redis.call('HDEL', KEYS[1], 'tryingUntil')
if number('blockedUntil') <= now then redis.call('HDEL', KEYS[1], 'refusals', 'asked') end
return {'proven'}
`);

/**
 * Ends the question which window was used up; without a report nothing is known, and the ledger stands as it is.
 *
 * KEYS[1] ledger. ARGV[1] 1 when there is a report, then its day and month (those of the ledger when it was asked for), allowed in a minute,
 * allowed and used in the day and the month; what it does not say is empty. Answers reported|silent.
 */
export const quotaReport = script(`${clock}
redis.call('HDEL', KEYS[1], 'tryingUntil')
local refusals = redis.call('HGET', KEYS[1], 'refusals')
if refusals then redis.call('HSET', KEYS[1], 'asked', refusals) end
if ARGV[1] ~= '1' then return {'silent'} end
redis.call('HSET', KEYS[1], 'proven', 1, 'reportedAt', now)
local function allowed(field, value)
  if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
end
allowed('allowedMinute', ARGV[4])
allowed('allowedDay', ARGV[5])
allowed('allowedMonth', ARGV[7])
local function spent(period, current, field, theirs)
  if theirs ~= '' and redis.call('HGET', KEYS[1], period) == current and tonumber(theirs) > number(field) then
    redis.call('HSET', KEYS[1], field, theirs)
  end
end
spent('day', ARGV[2], 'dayUsed', ARGV[6])
spent('month', ARGV[3], 'monthUsed', ARGV[8])
return {'reported'}
`);
