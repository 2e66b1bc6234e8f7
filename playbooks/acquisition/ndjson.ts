import type { z } from 'zod';
import { TriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import type { EvidencePort } from '../ports.js';

/** Rows are gathered up to so many characters: a chunk of its own for each costs more than the row. */
const chunkLength = 64 * 1024;

/** Rows as NDJSON, to be streamed into the evidence store. */
export function* ndjson(rows: Iterable<unknown>): Generator<Buffer> {
  let text = '';
  for (const row of rows) {
    text += `${JSON.stringify(row)}\n`;
    if (text.length < chunkLength) continue;
    yield Buffer.from(text, 'utf8');
    text = '';
  }
  if (text !== '') yield Buffer.from(text, 'utf8');
}

/** Parses an NDJSON listing row by row. Throws `store-corrupt` for a row that its schema refuses. */
export async function* readNdjson<T>(source: AsyncIterable<Uint8Array>, schema: z.ZodType<T>): AsyncGenerator<T> {
  for await (const line of linesOf(source)) {
    const parsed = schema.safeParse(parseJson(line));
    if (!parsed.success) throw new TriageError('store-corrupt', 'a listing in the evidence store has a row that cannot be read');
    yield parsed.data;
  }
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    let data = Buffer.concat([rest, chunk]);
    for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10)) {
      yield data.subarray(0, at).toString('utf8');
      data = data.subarray(at + 1);
    }
    rest = data;
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

/** A whole listing of the evidence store in memory; its writer bounded it. */
export async function readListing<T>(evidence: Pick<EvidencePort, 'open'>, sha256: string, schema: z.ZodType<T>): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of readNdjson(await evidence.open(sha256), schema)) rows.push(row);
  return rows;
}
