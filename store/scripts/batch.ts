import { script } from './script.js';

/** Tells those who wait for a change of a batch, and those who go through batches. ARGV[1] batch, [2] its channel, [3] the channel of hints. */
const prelude = `
local function changed(hash)
  redis.call('HINCRBY', hash, 'rev', 1)
  redis.call('PUBLISH', ARGV[2], 'changed')
  redis.call('PUBLISH', ARGV[3], ARGV[1])
end
`;

/** Opens a batch. KEYS: its hash, all, open. ARGV[4...]: field and value of each. Answers ok | exists. */
export const batchOpen = script(`${prelude}
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists', 0} end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
changed(KEYS[1])
return {'ok', 0}
`);

/**
 * Adds a wish. KEYS: hash, wishes, open. ARGV[4] number of wishes that the writer has seen, [5] the wish, then state and what it becomes of each in
 * which it is heard. Answers ok | no | gone | moved, and the state before.
 */
export const batchWish = script(`${prelude}
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'gone', ''} end
local becomes
for i = 6, #ARGV, 2 do if ARGV[i] == state then becomes = ARGV[i + 1] end end
if not becomes then return {'no', state} end
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[4]) then return {'moved', state} end
redis.call('RPUSH', KEYS[2], ARGV[5])
redis.call('HSET', KEYS[1], 'state', becomes)
redis.call('HDEL', KEYS[1], 'finishedAt')
redis.call('SADD', KEYS[3], ARGV[1])
changed(KEYS[1])
return {'ok', state}
`);

/**
 * Moves a pod from one state to another, if nobody was first. KEYS: hash, targets, running, counts. ARGV[4] number of the pod, [5] what stands of it
 * now ('' for nothing), [6] what will, [7] state before, [8] after, [9] node, [10] runs at a time, [11] runs at a time on a node, [12] ms that its
 * run has taken, or ''. Answers ok | moved | full | node-full.
 */
export const batchMove = script(`${prelude}
if (redis.call('HGET', KEYS[2], ARGV[4]) or '') ~= ARGV[5] then return {'moved', 0} end
if ARGV[8] == 'running' then
  -- Who was held up may not know what the batch was told since.
  if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return {'full', 0} end
  local nodes = redis.call('HVALS', KEYS[3])
  if #nodes >= tonumber(ARGV[10]) then return {'full', 0} end
  local same = 0
  for _, node in ipairs(nodes) do if node == ARGV[9] then same = same + 1 end end
  if same >= tonumber(ARGV[11]) then return {'node-full', 0} end
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[9])
else
  redis.call('HDEL', KEYS[3], ARGV[4])
end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[6])
if ARGV[7] ~= 'pending' then redis.call('HINCRBY', KEYS[4], ARGV[7], -1) end
if ARGV[8] ~= 'pending' then redis.call('HINCRBY', KEYS[4], ARGV[8], 1) end
if ARGV[12] ~= '' then
  redis.call('HINCRBY', KEYS[4], 'ms', ARGV[12])
  redis.call('HINCRBY', KEYS[4], 'ended', 1)
end
changed(KEYS[1])
return {'ok', 0}
`);

/**
 * Moves a batch from one state to another, if nobody was first. KEYS: hash, open. ARGV[4] state before, [5] after, [6] `end` where that is an end, then field
 * and value of each. Answers ok | moved.
 */
export const batchState = script(`${prelude}
if redis.call('HGET', KEYS[1], 'state') ~= ARGV[4] then return {'moved', 0} end
redis.call('HSET', KEYS[1], 'state', ARGV[5], unpack(ARGV, 7))
if ARGV[6] == 'end' then redis.call('SREM', KEYS[2], ARGV[1]) end
changed(KEYS[1])
return {'ok', 0}
`);

/** Takes a batch off the list of open ones, if it is at an end. KEYS: hash, open. ARGV[1] batch, [2...] the states that are ends. Answers ok | open. */
export const batchForget = script(`
local state = redis.call('HGET', KEYS[1], 'state')
for i = 2, #ARGV do
  if ARGV[i] == state then
    redis.call('SREM', KEYS[2], ARGV[1])
    return {'ok', 0}
  end
end
return {'open', 0}
`);

/**
 * Keeps what a worker has found in a round, once. KEYS: hash, pods. ARGV[4...]: field and text of each page, and of the round the last.
 * Answers ok | there | gone.
 */
export const batchExpanded = script(`${prelude}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', 0} end
if redis.call('HEXISTS', KEYS[2], ARGV[#ARGV - 1]) == 1 then return {'there', 0} end
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
changed(KEYS[1])
return {'ok', 0}
`);

/** Keeps the report of a batch. KEYS: hash. ARGV[4] the signed text. Answers ok | gone. */
export const batchReported = script(`${prelude}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', 0} end
redis.call('HSET', KEYS[1], 'fleet', ARGV[4])
changed(KEYS[1])
return {'ok', 0}
`);

/** Takes or prolongs the lease of who goes through a batch. KEYS: lease. ARGV[1] holder, [2] ms. Answers ok | taken. */
export const batchLease = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {'taken', 0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'ok', 0}
`);
