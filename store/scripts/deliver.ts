import { chainScript } from './chain.js';
import { script } from './script.js';

/** What these scripts share: `key` and `rest` count from 1 whether custody is written or not. */
const plain = `
local function key(n) return KEYS[n] end
local function rest(n) return ARGV[n] end
local function setAll(from)
  for i = 1, tonumber(rest(from)) do redis.call('HSET', key(1), rest(from + 2 * i - 1), rest(from + 2 * i)) end
end
`;

/**
 * Puts a delivery into the outbox, once.
 *
 * KEYS[1] delivery, [2] all deliveries, [3] pending ones, [4] those of the run or batch, [5] pending ones by time.
 * ARGV: id, time in ms, number of fields, then field and value of each. Answers ok | known.
 */
export const deliverOpen = script(`${plain}
if redis.call('EXISTS', key(1)) == 1 then return {'known'} end
redis.call('HSET', key(1), 'state', 'pending', 'since', rest(2), 'nextAt', rest(2))
setAll(3)
for i = 2, 4 do redis.call('ZADD', key(i), 0, rest(1)) end
redis.call('ZADD', key(5), rest(2), rest(1))
return {'ok'}
`);

/** Counts an attempt before it is made. KEYS[1] delivery. ARGV: time. Answers ok + its number | settled. */
export const deliverTry = script(`
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then return {'settled'} end
redis.call('HSET', KEYS[1], 'triedAt', ARGV[1])
return {'ok', redis.call('HINCRBY', KEYS[1], 'attempts', 1)}
`);

/**
 * An attempt was not taken: it is tried again. KEYS[1] delivery, [2] pending ones by time.
 * ARGV: id, next time in ms, number of fields, then field and value of each. Answers ok | settled.
 */
export const deliverLater = script(`${plain}
if redis.call('HGET', key(1), 'state') ~= 'pending' then return {'settled'} end
setAll(3)
redis.call('HSET', key(1), 'nextAt', rest(2))
redis.call('ZADD', key(2), rest(2), rest(1))
return {'ok'}
`);

const end = (write: string): string => `
if redis.call('HGET', key(1), 'state') ~= 'pending' then return {'settled'} end
${write}
redis.call('HSET', key(1), 'state', rest(2))
redis.call('HINCRBY', key(1), 'ends', 1)
redis.call('HDEL', key(1), 'nextAt', 'error', 'status')
setAll(3)
redis.call('ZREM', key(2), rest(1))
redis.call('ZREM', key(3), rest(1))
redis.call('ZADD', key(4), 0, rest(1))
`;

/**
 * A delivery has ended, where no chain tells of it.
 *
 * KEYS[1] delivery, [2] pending ones by time, [3] pending ones, [4] those in its new state.
 * ARGV: id, new state, number of fields, then field and value of each. Answers ok | settled.
 */
export const deliverEnd = script(`${plain}${end('')}return {'ok'}`);

/** The same with the custody entry, in one act. KEYS from 4, rest as above. Answers ok | settled | gone | moved. */
export const deliverEndNoted = chainScript(`
local function key(n) return KEYS[n + 3] end
local function setAll(from) set(key(1), from) end
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
${end('if not fits() then return moved() end')}
note()
return {'ok'}
`);

/**
 * Has a delivery that has ended sent again.
 *
 * KEYS[1] delivery, [2] pending ones by time, [3] pending ones, [4] delivered, [5] dead ones.
 * ARGV: id, time in ms, number of fields, then field and value of each. Answers ok | pending | gone.
 */
export const deliverAgain = script(`${plain}
local state = redis.call('HGET', key(1), 'state')
if not state then return {'gone'} end
if state == 'pending' then return {'pending'} end
redis.call('HSET', key(1), 'state', 'pending', 'since', rest(2), 'nextAt', rest(2), 'attempts', 0)
redis.call('HDEL', key(1), 'error', 'status', 'endedAt', 'triedAt')
setAll(3)
redis.call('ZREM', key(4), rest(1))
redis.call('ZREM', key(5), rest(1))
redis.call('ZADD', key(3), 0, rest(1))
redis.call('ZADD', key(2), rest(2), rest(1))
return {'ok'}
`);
