import type { Request, Response } from 'express';
import type { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';
import type { EvidencePort } from '../playbooks/ports.js';
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
export async function sendListing<T>(req: Request<{ run: string }>, res: Response, evidence: EvidencePort, listing: Listing<T>): Promise<void> {
  const { name, sha256, count } = listing;
  if (wantsLines(req)) {
    await sendStream(res, 'application/x-ndjson', await evidence.open(sha256));
    return;
  }
  const page = pageOf(req);
  res.json({ [name]: await readPage(evidence, listing, page), count, sha256, ...nextOf(page, count) });
}

async function readPage<T>(evidence: EvidencePort, listing: Listing<T>, { from, limit }: Page): Promise<T[]> {
  const rows: T[] = [];
  let at = 0;
  for await (const line of splitLines(await evidence.open(listing.sha256))) {
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
