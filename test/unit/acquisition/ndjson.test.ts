import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ndjson, readNdjson } from '../../../playbooks/acquisition/ndjson.js';

describe('an NDJSON listing', () => {
  it.each([0, 1, 5_000])('of %i rows is read as it was written, in chunks of many rows', async (count) => {
    const rows = Array.from({ length: count }, (_, at) => ({ at, name: `é\n${'x'.repeat(at % 100)}` }));
    const chunks = [...ndjson(rows)];
    expect(chunks.length).toBeLessThanOrEqual(Math.ceil(count / 500));
    const read: unknown[] = [];
    for await (const row of readNdjson(Readable.from(chunks), z.object({ at: z.int(), name: z.string() }))) read.push(row);
    expect(read).toEqual(rows);
  });
});
