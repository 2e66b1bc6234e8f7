import { within } from '../store/of-redis.js';
import type { Access } from './deps.js';

/** Access whose store answers in bounded time. A late answer leaves open whether a key was made, changed or revoked. */
export function boundedAccess(access: Access, ms: number): Access {
  const { ring, guesses, askers, limit } = access;
  return {
    ...access,
    ring: {
      list: () => within(ms, ring.list()),
      create: (wish, by) => within(ms, ring.create(wish, by)),
      rotate: (id, how, by) => within(ms, ring.rotate(id, how, by)),
      revoke: (id, by) => within(ms, ring.revoke(id, by)),
    },
    guesses: {
      standing: (source, claimed) => within(ms, guesses.standing(source, claimed)),
      wrong: (source) => within(ms, guesses.wrong(source)),
      right: (source, claimed) => within(ms, guesses.right(source, claimed)),
    },
    askers: {
      note: (sha256, actor) => within(ms, askers.note(sha256, actor)),
      has: (sha256, actor) => within(ms, askers.has(sha256, actor)),
    },
    ...(limit === undefined ? {} : { limit: { ...limit, count: { ...limit.count, run: (...what) => within(ms, limit.count.run(...what)) } } }),
  };
}
