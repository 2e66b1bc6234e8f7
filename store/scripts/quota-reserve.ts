import { script } from './script.js';

/**
 * Reserves one request of a key's quota, or says how long to wait; nothing is spent on a refusal, and nothing is ever given back.
 * Only Redis' own clock counts. Day and month (UTC) begin `marginMs` late, as the source's clock may be behind. What is spent within `marginMs` of
 * midnight counts on both days, as nobody knows on which one the source counts it.
 * A limit that was given is a ceiling; one that was not follows what the source has reported, else the preset.
 * While the source has refused the key, or has never answered it, one request at a time is tried.
 *
 * KEYS[1] ledger (HASH), [2] recent (ZSET). ARGV[1] burstMs, [2] marginMs, [3] share of the day for interactive work,
 * [4] interactive|other, [5] 1 to spend, 0 to look, [6] how long a try may take, [7] how soon to look again meanwhile, [8] how long an
 * unused ledger is kept; then limit and preset of minute, day and month, an absent limit as empty text.
 * Answers granted|ask|refused (`ask`: spend it on the question which window was used up), waitMs, reason, waitMs of interactive work,
 * used in window, day and month, the limits of the three, day and month of the ledger, now, and when the source last reported.
 * Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 */
export const quotaReserve = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local burstMs, margin, dayMs = tonumber(ARGV[1]), tonumber(ARGV[2]), 86400000
local h, flat = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
local function number(field) return tonumber(h[field] or '0') end
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
local function limit(at, reported)
  local said, given = tonumber(h[reported]), tonumber(ARGV[at])
  if given and said then return math.min(given, said) end
  return given or said or tonumber(ARGV[at + 1])
end
local perMinute, perDay, perMonth = limit(9, 'allowedMinute'), limit(11, 'allowedDay'), limit(13, 'allowedMonth')
local d = math.floor((now - margin) / dayMs)
local m = month(d)
local early = number('earlyDay')
local dayUsed = h.day == tostring(d) and number('dayUsed') or early == d and number('earlyUsed') or 0
local monthUsed = h.month == tostring(m) and number('monthUsed') or month(early) == m and number('earlyUsed') or 0
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - burstMs)
local burst = redis.call('ZCARD', KEYS[2])
local unsure = number('refusals') > 0 or h.proven ~= '1'
local wait, why, urgent = 0, 'none', 0
local function shut(at, reason)
  if at - now > wait then wait = at - now; why = reason end
end
shut(number('unauthorizedUntil'), 'unauthorized')
shut(number('blockedUntil'), 'blocked')
if unsure then shut(math.min(number('tryingUntil'), now + ARGV[7]), 'trying') end
if burst >= perMinute then
  local frees = redis.call('ZRANGE', KEYS[2], burst - perMinute, burst - perMinute, 'WITHSCORES')
  shut(frees[2] + burstMs, 'burst')
end
local midnight = (d + 1) * dayMs + margin
if dayUsed >= perDay then shut(midnight, 'day') end
if monthUsed >= perMonth then
  local next = d + 1
  while month(next) == m do next = next + 1 end
  shut(next * dayMs + margin, 'month')
end
urgent = wait
if ARGV[4] ~= 'interactive' and dayUsed >= math.floor(perDay * (1 - ARGV[3])) then shut(midnight, 'day') end
-- However long the others: waiting for them would not help this key.
if number('unauthorizedUntil') > now then why = 'unauthorized' end
local what = 'refused'
if wait <= 0 then
  what = number('refusals') > 0 and h.asked ~= h.refusals and 'ask' or 'granted'
  if ARGV[5] == '1' then
    local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
    redis.call('ZADD', KEYS[2], now, n)
    dayUsed, monthUsed, burst = dayUsed + 1, monthUsed + 1, burst + 1
    redis.call('HSET', KEYS[1], 'day', d, 'dayUsed', dayUsed, 'month', m, 'monthUsed', monthUsed)
    local atSource = math.floor((now + margin) / dayMs)
    if atSource > d then redis.call('HSET', KEYS[1], 'earlyDay', atSource, 'earlyUsed', early == atSource and number('earlyUsed') + 1 or 1) end
    if unsure then redis.call('HSET', KEYS[1], 'tryingUntil', now + ARGV[6]) end
    redis.call('PEXPIRE', KEYS[1], ARGV[8])
    redis.call('PEXPIRE', KEYS[2], burstMs)
  end
end
return {what, wait, why, urgent, burst, dayUsed, monthUsed, perMinute, perDay, perMonth, d, m, now, number('reportedAt')}
`);
