import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.coerce.number().int().nonnegative().default(0),
});

/** Reads a query that the contract has checked. Throws `invalid-request` for what only we refuse, such as a 13th month. */
export function queryOf<T extends z.ZodType>(schema: T, req: Pick<Request, 'query'>): z.output<T> {
  const query = schema.safeParse(req.query);
  if (query.success) return query.data;
  const problems = query.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new TriageError('invalid-request', `the query is not valid: ${problems.join('; ')}`);
}

/** Which part of a list is asked for. */
export interface Page {
  readonly from: number;
  readonly limit: number;
}

/** Reads `limit` and `cursor`; the contract has checked them. */
export function pageOf(req: Pick<Request, 'query'>): Page {
  const { limit, cursor } = pageSchema.parse(req.query);
  return { from: cursor, limit };
}

/** The cursor of the page after, if there is one. */
export function nextOf({ from, limit }: Page, count: number): { next?: string } {
  return from + limit < count ? { next: String(from + limit) } : {};
}

/** Says whether the caller wants the whole list, one item a line. Throws `invalid-request` when only something else would do. */
export function wantsLines(req: Pick<Request, 'accepts'>): boolean {
  const type = req.accepts(['application/json', 'application/x-ndjson']);
  if (type === false) throw new TriageError('invalid-request', 'ask for application/json (a page) or application/x-ndjson (all)');
  return type === 'application/x-ndjson';
}

/** Streams bytes that are NDJSON already. */
export async function sendStream(res: Response, type: string, source: Readable | AsyncIterable<string>): Promise<void> {
  res.type(type);
  await pipeline(source instanceof Readable ? source : Readable.from(source), res);
}

/** Answers with a page of a list that is in memory, or with all of it, one item a line. */
export async function sendList(req: Request<{ run: string }>, res: Response, name: string, items: readonly unknown[]): Promise<void> {
  if (wantsLines(req)) {
    await sendStream(res, 'application/x-ndjson', linesOf(items));
    return;
  }
  const page = pageOf(req);
  res.json({ [name]: items.slice(page.from, page.from + page.limit), count: items.length, ...nextOf(page, items.length) });
}

// eslint-disable-next-line @typescript-eslint/require-await -- Readable.from takes it as it is, with back-pressure
async function* linesOf(items: readonly unknown[]): AsyncGenerator<string> {
  for (const item of items) yield `${JSON.stringify(item)}\n`;
}
