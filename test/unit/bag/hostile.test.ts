import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { declaration, payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import type { BagReader } from '../../../playbooks/bag/reader.js';
import { textLines } from '../../../playbooks/bag/text-lines.js';
import { verifyBag } from '../../../playbooks/bag/verify-bag.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { openZip } from '../../../store/bag/zip-reader.js';
import { rawZip } from '../../integration/bag/raw-zip.js';

const folder = mkdtempSync(join(tmpdir(), 'pt-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A bag in memory. */
function bagOf(files: ReadonlyMap<string, Uint8Array>): BagReader {
  return {
    entries: [...files].map(([path, bytes]) => ({ path, type: 'file', size: bytes.length })),
    troubles: [],
    // eslint-disable-next-line @typescript-eslint/require-await -- a stream
    async *read(path) {
      yield files.get(path) ?? new Uint8Array();
    },
    archive: () => Promise.reject(new TriageError('store-corrupt', 'is no archive')),
  };
}

const paths = [...Object.values(tagFiles), ...Object.values(payloadFiles)];
const json = fc.json().map((text) => Buffer.from(`${text}\n`));
const content = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  json,
  fc.array(json, { maxLength: 4 }).map((lines) => Buffer.concat(lines)),
);

describe('verifying what was made to hurt', () => {
  it('never throws, and never calls it good', async () => {
    const bag = fc.tuple(...paths.map(() => fc.option(content, { nil: undefined })));
    await fc.assert(
      fc.asyncProperty(bag, async (contents) => {
        const files = new Map<string, Uint8Array>([[tagFiles.declaration, Buffer.from(declaration)]]);
        for (const [at, bytes] of contents.entries()) if (bytes !== undefined) files.set(paths[at] ?? '', bytes);
        const { state, problems } = await verifyBag(bagOf(files));
        expect(state).toBe('broken');
        expect(problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('opens an archive with any bytes changed, or says why not', async () => {
    const whole = rawZip([
      { name: 'bag/bagit.txt', data: Buffer.from(declaration) },
      { name: 'bag/data/report.json', data: Buffer.from('{}') },
    ]);
    const path = join(folder, 'bag.zip');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(whole.length),
        async (changes, cut) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          writeFileSync(path, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
          const bag = await openZip(path).catch((error: unknown) => error);
          if (bag instanceof Error) {
            expect(bag).toBeInstanceOf(TriageError);
            return;
          }
          const opened = bag as Awaited<ReturnType<typeof openZip>>;
          expect((await verifyBag(opened)).state).not.toBe('holds');
          await opened.close();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads the same lines however they are cut into chunks, and tells of those that we do not write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (bytes, size) => {
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
        const read = async (chunks: readonly Uint8Array[]): Promise<unknown[]> => {
          const lines: unknown[] = [];
          // eslint-disable-next-line @typescript-eslint/require-await -- a stream
          const source = async function* (): AsyncGenerator<Uint8Array> {
            yield* chunks;
          };
          for await (const line of textLines(source())) lines.push(line);
          return lines;
        };
        expect(await read(pieces)).toEqual(await read([bytes]));
      }),
    );
  });
});
