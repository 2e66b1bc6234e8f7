import { script } from './script.js';

/** Claims contents for who moves them. KEYS the claims. ARGV[1] token, [2] how long they last, in ms. Answers ok, and 1 for each that is his now, else 0. */
export const claimMoves = script(`
local mine = {'ok'}
for i = 1, #KEYS do
  mine[i + 1] = redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
end
return mine
`);

/** Renews claims, or ends them, where they still are his. KEYS the claims. ARGV[1] token, [2] how long they last, in ms, or '' to end them. */
export const keepMoves = script(`
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    if ARGV[2] == '' then redis.call('DEL', KEYS[i]) else redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
  end
end
return {'ok'}
`);
