import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';

/** A report of the evidence store, and what it must be. */
export interface StoredReport<T extends z.ZodType> {
  readonly sha256: string;
  readonly schema: T;
  /** Reports bound their own rows: more bytes than this are none of ours. */
  readonly maxBytes: number;
}

/** Reads a report whole. Throws `limit-exceeded`, and `store-corrupt` for one that its schema refuses. */
export async function readReport<T extends z.ZodType>(source: Readable, { sha256, schema, maxBytes }: StoredReport<T>): Promise<z.output<T>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TriageError('limit-exceeded', `report ${sha256} has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const parsed = schema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (!parsed.success) throw new TriageError('store-corrupt', `report ${sha256} is none that this version of the service can read`);
  return parsed.data;
}
