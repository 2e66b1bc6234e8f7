import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { guessStanding, guessWrong } from './scripts/guess.js';
import { runScript } from './scripts/script.js';

/** How a credential from an address is treated. */
export interface Standing {
  /** Whether it is looked at. */
  readonly look: boolean;
  /** Set while the address is slowed down: until then wrong credentials from there are told so. In milliseconds. */
  readonly slowedMs?: number;
}

/**
 * Slows down who guesses credentials, by source address. Who was right from an address is looked at even while it is slowed down, and of all others
 * one in ten: nobody who shares an address with a guesser is shut out for good. Methods throw `redis-unavailable`.
 */
export interface Guesses {
  /** @param claimed whose the credential says it is, unchecked */
  standing(source: string, claimed: string | undefined): Promise<Standing>;
  /** Counts a wrong credential. */
  wrong(source: string): Promise<void>;
  /** Remembers for a day that this one was right from there. */
  right(source: string, claimed: string): Promise<void>;
}

/** Wrong credentials in a minute, of one address and of all, until addresses are slowed down: of all, each that has had one. */
const perSource = 20;
const inAll = 1_000;
const windowMs = 60_000;
/** One in so many of an address that is slowed down is looked at. */
const trickle = 10;
const rememberSeconds = 24 * 3_600;
/** So long, and so many, are not written again. */
const notedMs = 3_600_000;
const maxNoted = 10_000;

/** Counts in Redis, for all processes. It is not signed: who writes there can have guesses looked at, or callers told to wait. */
export class RedisGuesses implements Guesses {
  private readonly noted = new Map<string, number>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  async standing(source: string, claimed = ''): Promise<Standing> {
    const { wrong, held, right } = this.keys.guesses(source);
    const args = [claimed, perSource, inAll, windowMs, trickle];
    const [word, left] = await runScript(this.redis, guessStanding, [wrong, this.keys.allGuesses, right, held], args);
    return word === 'open' ? { look: true } : { look: word !== 'held', slowedMs: Number(left) };
  }

  async wrong(source: string): Promise<void> {
    await runScript(this.redis, guessWrong, [this.keys.guesses(source).wrong, this.keys.allGuesses], [windowMs]);
  }

  async right(source: string, claimed: string): Promise<void> {
    const what = `${source} ${claimed}`;
    if ((this.noted.get(what) ?? 0) > Date.now() - notedMs) return;
    if (this.noted.size >= maxNoted) this.noted.clear();
    const { right } = this.keys.guesses(source);
    await ofRedis(() => this.redis.multi().sadd(right, claimed).expire(right, rememberSeconds).exec());
    this.noted.set(what, Date.now());
  }
}
