import type { Request, RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { type RedisReply, RedisStore } from 'rate-limit-redis';
import { TriageError } from '../playbooks/domain/error.js';
import { callerOf } from './caller.js';
import { isOpen, routeOf } from './operation.js';

/** How many requests a caller may make in a minute, and where they are counted. */
export interface RequestLimit {
  readonly perMinute: number;
  readonly count: RequestCount;
}

/** Counts with a script of the limiter's. Rejects when Redis does not answer. */
export interface RequestCount {
  /** What the names of counters begin with. */
  readonly prefix: string;
  run(lua: string, key: string, windowMs: string): Promise<RedisReply>;
}

const windowMs = 60_000;

/** Whose alerts must not be lost: intakes hold themselves back by putting alerts about one pod together. */
const unlimited = '/api/v1/intake/';

/**
 * Limits the requests of each caller; the headers `RateLimit` and `RateLimit-Policy` say what is left (draft-ietf-httpapi-ratelimit-headers-08). Throws
 * `rate-limited`, and `redis-unavailable` where it cannot be counted.
 */
export function limitRequests({ perMinute, count }: RequestLimit): RequestHandler {
  return rateLimit({
    windowMs,
    limit: perMinute,
    identifier: 'requests',
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    store: new RedisStore({ prefix: count.prefix, sendCommand: scriptsOf(count) }),
    passOnStoreError: false,
    validate: false,
    skip: (req) => isOpen(req) || isIntake(req),
    keyGenerator: (req) => callerOf(req).actor,
    handler: () => {
      throw new TriageError('rate-limited', `more than ${perMinute} requests in a minute; see the headers RateLimit and Retry-After`);
    },
  });
}

function isIntake(req: Request): boolean {
  return req.method === 'POST' && routeOf(req)?.startsWith(unlimited) === true;
}

/**
 * The limiter loads its scripts into Redis once, at its start, and would do without them for good if Redis were away just then. So a script that it
 * loads stays here, under a number, and its text goes along each time.
 */
function scriptsOf(count: RequestCount): (...words: string[]) => Promise<RedisReply> {
  const loaded: string[] = [];
  return (...words) => {
    const [command, , lua = ''] = words;
    if (command === 'SCRIPT') return Promise.resolve(String(loaded.push(lua) - 1));
    const [, name, , key = '', window = ''] = words;
    return count.run(loaded[Number(name)] ?? '', key, window);
  };
}
