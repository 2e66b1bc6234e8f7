import { chainScript } from './chain.js';
import type { Script } from './script.js';

/**
 * Makes a script that writes records and their entries, both or neither.
 *
 * KEYS[4] records (HASH), [5] steps, [6] fences.
 * Rest: step, fence, number of records, then field and value of each.
 * Nothing is recorded of a run whose evidence was destroyed: that is stale, too.
 * Answers ok | gone | stale | known + the fields that are known (nothing is written) | moved.
 * @param stale whether the attempt is over, in Lua
 * @param known whether a record is to be left out, in Lua over its `field` and `value`
 */
export function recordingScript(stale: string, known: string): Script {
  return chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
local step, fence = rest(1), rest(2)
if ${stale} then return {'stale'} end
if tonumber(rest(3)) > 0 and redis.call('HEXISTS', KEYS[3], 'destroyed') == 1 then return {'stale'} end
local known = {'known'}
for i = 1, tonumber(rest(3)) do
  local field, value = rest(2 + 2 * i), rest(3 + 2 * i)
  if ${known} then known[#known + 1] = field end
end
if #known > 1 then return known end
if not fits() then return moved() end
set(KEYS[4], 3)
push()
return {'ok'}
`);
}

/** Holds when a newer attempt has begun, or the step has its outcome. */
export const attemptIsOver = "(redis.call('HGET', KEYS[6], step) ~= fence or redis.call('HEXISTS', KEYS[5], step) == 1)";
