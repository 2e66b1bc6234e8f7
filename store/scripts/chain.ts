import { type Script, script } from './script.js';

/**
 * The beginning of every script that writes custody: compare-and-append on a run's chain.
 *
 * KEYS[1] chain, [2] head, [3] run, others by script.
 * ARGV[1] seq and [2] hash that the writer has built upon, [3] hash of its last line, [4] the run's channel,
 * [5] number of lines, then the lines, then what `rest` counts from 1.
 *
 * `resent` holds when these very bytes already stand at their place: the client has sent an unanswered command again.
 * Entries have ids of their own, so equal bytes are the same act.
 */
const prelude = `
local len = redis.call('LLEN', KEYS[1])
local head = redis.call('GET', KEYS[2]) or ''
local seq, count = tonumber(ARGV[1]), tonumber(ARGV[5])
local function fits() return seq == len and head == ARGV[2] end
local function resent() return seq < len and redis.call('LINDEX', KEYS[1], seq) == ARGV[6] end
local function moved() return {'moved', len, head} end
local function rest(n) return ARGV[5 + count + n] end
local function set(key, from)
  for i = 1, tonumber(rest(from)) do redis.call('HSET', key, rest(from + 2 * i - 1), rest(from + 2 * i)) end
end
local function note()
  redis.call('RPUSH', KEYS[1], unpack(ARGV, 6, 5 + count))
  redis.call('SET', KEYS[2], ARGV[3])
end
local function push(what)
  note()
  redis.call('HINCRBY', KEYS[3], 'rev', 1)
  redis.call('PUBLISH', ARGV[4], what or 'changed')
end
`;

/** What the run's channel hears when it has come to its end; `changed` otherwise. */
export const endMessage = 'ended';

/** Makes a script that writes custody. `note` appends without telling those who wait for a change of the run. */
export function chainScript(lua: string): Script {
  return script(prelude + lua);
}

/**
 * In which turn a writer comes to the register: `first` when somebody waits for it, `after` those, or `now` as it has let them go before it long
 * enough.
 */
export type RegisterTurn = 'first' | 'after' | 'now';

/** Who has come too late and goes first is waited for no longer than this, in milliseconds. */
const turnMs = 100;

/**
 * What such a script does when the same act has a line in the register. Who goes first, the register's chain and its head are the last KEYS; the
 * last ARGV are the writer's {@link RegisterTurn}, the seq and hash that it has built upon, the hash of the line, and the line.
 */
const registering = `
local turn, going = ARGV[#ARGV - 4], KEYS[#KEYS - 2]
local registered = { len = redis.call('LLEN', KEYS[#KEYS - 1]), head = redis.call('GET', KEYS[#KEYS]) or '' }
local yields = turn == 'after' and redis.call('EXISTS', going) == 1
local function registerFits()
  return not yields and tonumber(ARGV[#ARGV - 3]) == registered.len and ARGV[#ARGV - 2] == registered.head
end
local function registerMoved()
  if turn == 'first' then redis.call('SET', going, '1', 'PX', ${turnMs}) end
  return {yields and 'register-taken' or 'register-moved', registered.len, registered.head}
end
local function register()
  if turn == 'first' then redis.call('DEL', going) end
  redis.call('RPUSH', KEYS[#KEYS - 1], ARGV[#ARGV])
  redis.call('SET', KEYS[#KEYS], ARGV[#ARGV - 1])
end
`;

/** Makes a script that writes a run's custody and the register in one act: neither can have the one without the other. */
export function registerScript(lua: string): Script {
  return script(prelude + registering + lua);
}
