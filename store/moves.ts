import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { throwIfAborted } from '../playbooks/domain/error.js';
import type { MovePort, Moving } from '../playbooks/ports.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { claimMoves, keepMoves } from './scripts/moves.js';
import { runScript } from './scripts/script.js';

/** How long claims last, in milliseconds. */
export interface MoveTimes {
  /** Unless they are renewed: who died holds nobody up for longer. */
  readonly claimMs: number;
  /** After so long a content of another run is waited for no more. */
  readonly waitMs: number;
  readonly pollMs: number;
}

const defaultTimes: MoveTimes = { claimMs: 20_000, waitMs: 120_000, pollMs: 100 };

/**
 * Which contents are on their way from a node, for all workers: pods that are alike have the same files, and each is moved once. A claim saves
 * bytes and nothing else rests on it: who lies about one in Redis makes others wait a while, and then they move the content themselves.
 */
export class Moves implements MovePort {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly times: MoveTimes = defaultTimes,
  ) {}

  async begin(contents: readonly string[]): Promise<Moving> {
    const token = randomUUID();
    const all = contents.map((sha256) => this.keys.moving(sha256));
    const [, ...won] = all.length === 0 ? ['ok'] : await runScript(this.redis, claimMoves, all, [token, this.times.claimMs]);
    const mine = contents.filter((_sha256, at) => won[at] === 1);
    const others = contents.filter((_sha256, at) => won[at] !== 1);
    const claims = mine.map((sha256) => this.keys.moving(sha256));
    const keep = async (ms: number | ''): Promise<void> => {
      if (claims.length > 0) await runScript(this.redis, keepMoves, claims, [token, ms]);
    };
    // A claim that could not be renewed ends by itself.
    const renewal = setInterval(() => void keep(this.times.claimMs).catch(() => undefined), this.times.claimMs / 3);
    return {
      mine: new Set(mine),
      done: async () => {
        clearInterval(renewal);
        await keep('').catch(() => undefined);
      },
      others: (signal) => this.gone(others, signal),
    };
  }

  private async gone(contents: readonly string[], signal: AbortSignal): Promise<void> {
    const end = Date.now() + this.times.waitMs;
    let left = contents.map((sha256) => this.keys.moving(sha256));
    while (left.length > 0 && Date.now() < end) {
      const asked = left;
      const claims = await ofRedis(() => this.redis.mget(asked));
      left = asked.filter((_key, at) => claims[at] !== null);
      if (left.length > 0) await sleep(this.times.pollMs, undefined, { signal }).catch(() => throwIfAborted(signal));
    }
  }
}
