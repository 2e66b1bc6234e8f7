import type { Redis } from 'ioredis';
import { TriageError } from '../playbooks/domain/error.js';
import { ofRedis } from './of-redis.js';

/** How many ids one page looks at, and how many of them at once. */
const maxScan = 1_000;
const chunk = 100;

/** A list of what has an id that sorts by time, newest first, of which only some is shown. */
export interface IdList<R, T> {
  /** ZSET of the ids. */
  readonly key: string;
  /** Where the page begins, and the list ends, as Redis takes it for ZRANGE BYLEX REV. */
  readonly newest: string;
  readonly oldest: string;
  readonly limit: number;
  /** Undefined where there is nothing of that id any more. */
  read(id: string): Promise<R | undefined>;
  fits(record: R): boolean;
  row(id: string, record: R): T | Promise<T>;
}

/** A page of a list. It can have fewer rows than `limit` and a `next` all the same. Throws `redis-unavailable`. */
export async function idPage<R, T>(redis: Redis, { key, oldest, limit, ...list }: IdList<R, T>): Promise<{ rows: readonly T[]; next?: string }> {
  const rows: T[] = [];
  let before = list.newest;
  let shown = '';
  for (let scanned = 0; scanned < maxScan; scanned += chunk) {
    const ids = await ofRedis(() => redis.zrange(key, before, oldest, 'BYLEX', 'REV', 'LIMIT', 0, chunk));
    const records = await Promise.all(ids.map((id) => list.read(id)));
    for (const [at, id] of ids.entries()) {
      const record = records[at];
      if (record !== undefined && list.fits(record)) {
        // Where it goes on: not at the one that was looked at last, as the caller may not reach that one.
        if (rows.length === limit) return { rows, next: cursorAfter(shown) };
        rows.push(await list.row(id, record));
        shown = id;
      }
      before = `(${id}`;
    }
    if (ids.length < chunk) return { rows };
  }
  return { rows, next: cursorAfter(before.slice(1)) };
}

function cursorAfter(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** The id that a cursor stands for. Throws `invalid-request` for one that is none of `form`. */
export function idOfCursor(cursor: string, form: RegExp): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!form.test(id)) throw new TriageError('invalid-request', 'the cursor is not one that this list has given');
  return id;
}
