import type { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';
import type { ApiDeps } from './deps.js';
import { openForCaller } from './given-away.js';
import { splitLines } from './lines.js';
import { nextOf, type Page, pageOf, sendStream, wantsLines } from './page.js';

/** A listing in the evidence store, and what its rows are. */
export interface Listing<T> {
  /** The field of the answer, such as `changes`. */
  readonly name: string;
  readonly sha256: string;
  readonly count: number;
  readonly schema: z.ZodType<T>;
}

/** Answers with a page of a listing, or with all of it as it is stored. Throws `store-corrupt` for a line that its schema refuses. */
export async function sendListing<T>(
  req: Request<{ run: string }>,
  res: Response,
  store: Pick<ApiDeps, 'evidence' | 'acts'>,
  listing: Listing<T>,
): Promise<void> {
  const { name, sha256, count } = listing;
  const asLines = wantsLines(req);
  const page = pageOf(req);
  const bytes = await openForCaller(store, req, { what: 'listing', sha256, format: asLines ? 'ndjson' : 'page' });
  if (asLines) await sendStream(res, 'application/x-ndjson', bytes);
  else res.json({ [name]: await readPage(bytes, listing, page), count, sha256, ...nextOf(page, count) });
}

async function readPage<T>(bytes: Readable, listing: Listing<T>, { from, limit }: Page): Promise<T[]> {
  const rows: T[] = [];
  let at = 0;
  for await (const line of splitLines(bytes)) {
    if (at >= from) rows.push(parseRow(line, at, listing));
    at += 1;
    if (rows.length === limit) break;
  }
  return rows;
}

function parseRow<T>(line: string, at: number, { name, schema }: Listing<T>): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new TriageError('store-corrupt', `line ${at + 1} of a listing of ${name} is none of them`, { cause });
  }
}
