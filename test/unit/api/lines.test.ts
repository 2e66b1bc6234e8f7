import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from '../../../api/lines.js';

async function collect(pieces: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(Readable.from(pieces))) lines.push(line);
  return lines;
}

describe('splitLines', () => {
  it('gives the same lines however the bytes are cut', async () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !text.includes('\n')),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 40 }), async (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
        expect(await collect(pieces)).toEqual(lines);
      }),
    );
  });

  it('gives a last line without an end', async () => {
    expect(await collect([Buffer.from('a\nb')])).toEqual(['a', 'b']);
  });

  it('does not hold a line without end in memory', async () => {
    const piece = Buffer.alloc(300 * 1024, 'x');
    await expect(collect([piece, piece, piece, piece])).rejects.toMatchObject({ code: 'store-corrupt' });
  });
});
