import { chainScript } from './chain.js';

/**
 * Appends acts, optionally with records that must be new and under a fence: record and entry exist together, exactly once.
 *
 * KEYS[4] records (HASH), [5] steps, [6] fences.
 * Rest: step or '' for unfenced acts, fence, number of records, then field and value of each.
 * Answers ok | gone | stale | known + the fields that exist already (nothing is written) | moved.
 */
export const append = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
local step = rest(1)
if step ~= '' and (redis.call('HGET', KEYS[6], step) ~= rest(2) or redis.call('HEXISTS', KEYS[5], step) == 1) then return {'stale'} end
local known = {'known'}
for i = 1, tonumber(rest(3)) do
  if redis.call('HEXISTS', KEYS[4], rest(2 + 2 * i)) == 1 then known[#known + 1] = rest(2 + 2 * i) end
end
if #known > 1 then return known end
if not fits() then return moved() end
set(KEYS[4], 3)
push()
return {'ok'}
`);
