import { script } from './script.js';

/** What the release of a content's reference and the refusal of a new one have in common: nobody may be left who refers to it. */
const lose = `
local function lose(refs, sha256, now)
  if redis.call('EXISTS', refs) == 0 then redis.call('ZADD', KEYS[3], 'NX', now, sha256) end
end
`;

/**
 * Has a run refer to contents. One whose evidence was destroyed may not: what it has put meanwhile is to be collected.
 *
 * KEYS[1] the run, [2] what it refers to, [3] unreferenced contents, then of each content its runs and its mark.
 * ARGV[1] id of the run, [2] now in ms, [3] 'run', or 'any' for who is no run, then the contents.
 * Answers ok, and the contents that are being removed now | gone.
 */
export const referScript = script(`${lose}
local gone = ARGV[3] == 'run' and (redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'destroyed') == 1)
local answer = {gone and 'gone' or 'ok'}
for i = 4, #ARGV do
  local refs, doomed = KEYS[2 * i - 4], KEYS[2 * i - 3]
  if gone then
    lose(refs, ARGV[i], ARGV[2])
  else
    redis.call('SADD', refs, ARGV[1])
    redis.call('SADD', KEYS[2], ARGV[i])
    if redis.call('EXISTS', doomed) == 1 then answer[#answer + 1] = ARGV[i] end
  end
end
return answer
`);

/**
 * Releases references of a run, and notes contents that nobody refers to any more. May be repeated.
 *
 * KEYS[1] what the run refers to, [2] runs whose references are released, [3] unreferenced contents, [4] artifacts, then of each content its runs.
 * ARGV[1] id of the run, [2] now in ms, then the contents.
 * Answers more | done. When it is done, the records of its artifacts have gone, too.
 */
export const releaseScript = script(`${lose}
for i = 3, #ARGV do
  redis.call('SREM', KEYS[i + 2], ARGV[1])
  redis.call('SREM', KEYS[1], ARGV[i])
  lose(KEYS[i + 2], ARGV[i], ARGV[2])
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'more'} end
redis.call('UNLINK', KEYS[4])
redis.call('ZREM', KEYS[2], ARGV[1])
return {'done'}
`);

/**
 * Marks a content that nobody refers to: who refers to it from now on waits until it is gone.
 *
 * KEYS[1] its runs, [2] its mark, [3] unreferenced contents, [4] those that were removed. ARGV[1] the content, [2] token, [3] how long the mark lasts, in ms.
 * Answers doomed | referred | busy: somebody else removes it.
 */
export const doomScript = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  return {'referred'}
end
if not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return {'busy'} end
return {'doomed'}
`);

/** Whether a mark is ours and lasts for a while. KEYS[1] mark. ARGV[1] token, [2] how long it has to last, in ms. Answers yes | no. */
export const stillDoomedScript = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[2]) then return {'yes'} end
return {'no'}
`);

/**
 * Ends a removal. A content whose mark was lost on the way is left to the next one.
 *
 * KEYS[1] mark, [2] unreferenced contents, [3] those that were removed. ARGV[1] the content, [2] token, [3] when to look once more, in ms, or ''.
 * Answers done | lost.
 */
export const undoomScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost'} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[3] == '' then redis.call('ZREM', KEYS[3], ARGV[1]) else redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
return {'done'}
`);
