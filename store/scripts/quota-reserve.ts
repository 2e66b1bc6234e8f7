import { script } from './script.js';

/**
 * Reserves one request of the quota, or says how long to wait; nothing is spent on a refusal, and nothing is ever given back.
 * Only Redis' own clock counts. Day and month (UTC) begin `marginMs` late, as the source's clock may be behind.
 *
 * KEYS[1] ledger (HASH), [2] recent (ZSET). ARGV[1] burst, [2] burstMs, [3] day, [4] month, [5] marginMs, [6] 1 to spend, 0 to look.
 * Answers granted|refused, waitMs, reason, used in the window, used today, used this month.
 * Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 */
export const quotaReserve = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local dayMs, margin = 86400000, tonumber(ARGV[5])
local function month(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local m = mp < 10 and mp + 3 or mp - 9
  return (yoe + era * 400 + (m <= 2 and 1 or 0)) * 100 + m
end
local d = math.floor((now - margin) / dayMs)
local m = month(d)
local function used(period, field, current)
  if redis.call('HGET', KEYS[1], period) ~= tostring(current) then return 0 end
  return tonumber(redis.call('HGET', KEYS[1], field) or '0')
end
local dayUsed, monthUsed = used('day', 'dayUsed', d), used('month', 'monthUsed', m)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2])
local burst = redis.call('ZCARD', KEYS[2])
local wait, why = 0, 'none'
local function until_(at, reason) if at - now > wait then wait = at - now; why = reason end end
until_(tonumber(redis.call('HGET', KEYS[1], 'blockedUntil') or '0'), 'blocked')
if burst >= tonumber(ARGV[1]) then until_(tonumber(redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]) + ARGV[2], 'burst') end
if dayUsed >= tonumber(ARGV[3]) then until_((d + 1) * dayMs + margin, 'day') end
if monthUsed >= tonumber(ARGV[4]) then
  local next = d + 1
  while month(next) == m do next = next + 1 end
  until_(next * dayMs + margin, 'month')
end
local granted = wait <= 0
if granted and ARGV[6] == '1' then
  local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
  redis.call('ZADD', KEYS[2], now, n)
  dayUsed, monthUsed, burst = dayUsed + 1, monthUsed + 1, burst + 1
  redis.call('HSET', KEYS[1], 'day', d, 'dayUsed', dayUsed, 'month', m, 'monthUsed', monthUsed)
end
return {granted and 'granted' or 'refused', wait, why, burst, dayUsed, monthUsed}
`);

/**
 * Closes the ledger for a while after the source has refused: 1, 2, then 5 minutes for refusals in a row.
 *
 * KEYS[1] ledger. ARGV: the steps in ms. Answers blocked and for how many ms.
 */
export const quotaBlock = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local until_ = tonumber(redis.call('HGET', KEYS[1], 'blockedUntil') or '0')
if until_ > now then return {'blocked', until_ - now} end
local refusals = redis.call('HINCRBY', KEYS[1], 'refusals', 1)
local ms = tonumber(ARGV[math.min(refusals, #ARGV)])
redis.call('HSET', KEYS[1], 'blockedUntil', now + ms)
return {'blocked', ms}
`);
