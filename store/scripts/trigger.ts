import { chainScript } from './chain.js';
import { script } from './script.js';

/** The most detection rules that are counted by name on one run. */
const maxRules = 50;

/** Counts an alert on a HASH, with ARGV[1] now in ms and ARGV[2] the name of its detection rule: that can be a stranger's, so only so many are kept. */
const counting = `
local function count(key)
  local field = 'rule:' .. ARGV[2]
  if redis.call('HEXISTS', key, field) == 0 then
    if tonumber(redis.call('HGET', key, 'rules') or '0') >= ${maxRules} then field = 'others'
    else redis.call('HINCRBY', key, 'rules', 1) end
  end
  redis.call('HINCRBY', key, field, 1)
  redis.call('HINCRBY', key, 'count', 1)
  redis.call('HSETNX', key, 'first', ARGV[1])
  redis.call('HSET', key, 'last', ARGV[1])
end
local function leave(index, key, subject, reason)
  count(key)
  redis.call('HSET', key, 'reason', reason)
  redis.call('EXPIRE', key, 7 * 86400)
  redis.call('ZADD', index, ARGV[1], subject)
  redis.call('ZREMRANGEBYRANK', index, 0, -1001)
end
`;

/**
 * Decides what an alert about a pod leads to, once for all processes.
 *
 * KEYS[1] what this alert has led to, [2] runs of the pod, [3] who is about to open one, [4] open runs, [5] runs that alerts have opened in the
 * namespace, [6] what has led to no run and [7] of that, the pod.
 * ARGV[3] id for a new run, [4] uid of the pod or '', [5] container or '', [6] cool-down in ms, [7] the most runs of the namespace in an hour or -1,
 * [8] 1 where an alert that is told again does nothing, [9] the pod, [10] prefix.
 * Answers open | attached | cooling-down + run + whether custody has the alert's rule; capped; help + outcome + run; told + outcome + run + rule.
 * After open and help the run is to be opened with this very id: help is for who comes while, or after, somebody else is about to.
 */
export const decideTrigger = script(`${counting}
local now, asked = tonumber(ARGV[1]), ARGV[3]
local function at(run, part) return ARGV[10] .. ':run:' .. run .. part end
local function exists(run) return redis.call('EXISTS', at(run, '')) == 1 end
local function noted(run)
  local key = at(run, ':triggers')
  if redis.call('HEXISTS', key, 'noted:' .. ARGV[2]) == 1 or redis.call('HEXISTS', key, 'rule:' .. ARGV[2]) == 0 then return 1 end
  return 0
end
local function remember(outcome, run) redis.call('SET', KEYS[1], outcome .. ' ' .. run, 'EX', 86400) end
local function isOther(run)
  if ARGV[4] == '' then return false end
  local ok, record = pcall(cjson.decode, redis.call('HGET', at(run, ':steps'), 'locate-node') or '')
  local target = ok and type(record) == 'table' and type(record.facts) == 'table' and record.facts.target
  if type(target) == 'table' then return target.uid ~= ARGV[4] and target.staticUid ~= ARGV[4] end
  local uid = redis.call('HGET', at(run, ':triggers'), 'uid')
  return uid and uid ~= ARGV[4]
end

local outcome, told = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (.*)$')
if outcome and (told == '' or exists(told)) then
  if ARGV[8] == '1' then return {'told', outcome, told, 1} end
  count(at(told, ':triggers'))
  return {'told', 'duplicate', told, noted(told)}
end

local open, openAt, ended, endedAt
local runs = redis.call('HGETALL', KEYS[2])
for i = 1, #runs, 2 do
  local since, container = string.match(runs[i + 1], '^(%d+)|(.*)$')
  since = tonumber(since)
  if since and (container == '' or container == ARGV[5]) and not isOther(runs[i]) then
    if redis.call('ZSCORE', KEYS[4], runs[i]) then
      if not open or since > openAt then open, openAt = runs[i], since end
    elseif not ended or since > endedAt then ended, endedAt = runs[i], since end
  end
end
if open then
  count(at(open, ':triggers'))
  remember('attached', open)
  return {'attached', open, noted(open)}
end

local claim = redis.call('GET', KEYS[3])
if claim and not exists(claim) and not isOther(claim) then
  if told ~= claim then count(at(claim, ':triggers')) end
  remember(outcome or 'attached', claim)
  return {'help', outcome or 'attached', claim}
end

if ended then
  local state, wait = redis.call('HGET', at(ended, ''), 'state'), tonumber(ARGV[6])
  -- A run that says nothing of the pod does not keep another one away for long.
  if state == 'failed' or state == 'cancelled' then wait = math.min(wait, 300000) end
  if now - endedAt < wait then
    count(at(ended, ':triggers'))
    if ARGV[8] == '1' then remember('cooling-down', ended) end
    return {'cooling-down', ended, noted(ended)}
  end
end

if tonumber(ARGV[7]) >= 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - 3600000)
  if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[7]) then
    leave(KEYS[6], KEYS[7], ARGV[9], 'capped')
    if ARGV[8] == '1' then remember('capped', '') end
    return {'capped', ''}
  end
  redis.call('ZADD', KEYS[5], now, asked)
  redis.call('EXPIRE', KEYS[5], 3600)
end
redis.call('DEL', KEYS[7])
redis.call('ZREM', KEYS[6], ARGV[9])
local mine = at(asked, ':triggers')
count(mine)
if ARGV[4] ~= '' then redis.call('HSET', mine, 'uid', ARGV[4]) end
-- Until the run is opened.
redis.call('EXPIRE', mine, 86400)
redis.call('SET', KEYS[3], asked, 'PX', 30000)
remember('opened', asked)
return {'open', asked, 0}
`);

/** Counts an alert that leads to no run. KEYS[1] all of them, [2] this subject. ARGV[3] subject, [4] reason. Answers ok. */
export const leaveAlert = script(`${counting}
leave(KEYS[1], KEYS[2], ARGV[3], ARGV[4])
return {'ok'}
`);

/**
 * Puts an alert into custody, the first one of each detection rule. KEYS[4] the run's alerts. Rest: name of the rule.
 * Who waits for a change of the run is not woken. Answers ok | gone | known | moved.
 */
export const noteTrigger = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HEXISTS', KEYS[4], 'noted:' .. rest(1)) == 1 then return {'known'} end
if not fits() then return moved() end
redis.call('HSET', KEYS[4], 'noted:' .. rest(1), 1)
note()
return {'ok'}
`);
