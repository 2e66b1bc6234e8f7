import { chainScript } from './chain.js';

/**
 * Puts newer records in the place of older ones, under a fence: record and entry exist together. One that stands already is left out.
 *
 * KEYS[4] records (HASH), [5] steps, [6] fences.
 * Rest: step, fence, number of records, then field and value of each.
 * Answers ok | gone | stale | known + the fields that have their value already (nothing is written) | moved.
 */
export const replace = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if redis.call('HGET', KEYS[6], rest(1)) ~= rest(2) or redis.call('HEXISTS', KEYS[5], rest(1)) == 1 then return {'stale'} end
local known = {'known'}
for i = 1, tonumber(rest(3)) do
  if redis.call('HGET', KEYS[4], rest(2 + 2 * i)) == rest(3 + 2 * i) then known[#known + 1] = rest(2 + 2 * i) end
end
if #known > 1 then return known end
if not fits() then return moved() end
set(KEYS[4], 3)
push()
return {'ok'}
`);
