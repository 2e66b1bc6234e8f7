import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTar } from '../../../playbooks/acquisition/tar/tar-reader.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { chunked, endMark, header, member, octal, padded, type ReadEntry, readAll, record, sealed } from './archives.js';

const refused = { code: 'transfer-truncated' };
const meta = (type: string, body: Buffer): Buffer => Buffer.concat([header('meta', octal(body.length), type), padded(body)]);
const pax = (records: Record<string, string>, type = 'x'): Buffer =>
  meta(type, Buffer.concat(Object.entries(records).map(([key, value]) => record(key, Buffer.from(value)))));
const archive = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, endMark]);
const base256 = (...bytes: number[]): Buffer => Buffer.from(bytes);
/** A header with other bytes at one place. */
const patched = (name: string, size: string, at: number, bytes: Buffer): Buffer => {
  const block = header(name, size);
  bytes.copy(block, at);
  return sealed(block);
};

/** Ways to make one reader of tar see other files than another, or a short file pass as whole. */
const attacks: Record<string, () => Buffer> = {
  'a sparse file of old GNU tar': () => archive(header('s', octal(512), 'S'), Buffer.alloc(512)),
  'a sparse file of GNU tar 0.1': () => archive(pax({ 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '99' }), member('s', 'x')),
  'a sparse file of GNU tar 1.0': () => archive(pax({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '99' }), member('s', 'x')),
  'a sparse file in a global header': () => archive(pax({ 'GNU.sparse.major': '1' }, 'g'), member('s', 'x')),
  'a sparse file of star': () => archive(pax({ 'SCHILY.realsize': '99' }), member('s', 'x')),
  'a sparse file of Solaris': () => archive(pax({ 'SUN.holesdata': ' 0 1' }), member('s', 'x')),
  'a pax size below the header’s, which hides the rest': () => archive(pax({ size: '0' }), member('a', 'x'.repeat(512))),
  'a pax size above the header’s, which swallows the next member': () => archive(pax({ size: '1024' }), member('a', ''), member('b', 'hidden')),
  'a size in a global header': () => archive(pax({ size: '1' }, 'g'), member('a', 'x')),
  'a name in a global header': () => archive(pax({ path: 'all' }, 'g'), member('a', 'x'), member('b', 'y')),
  'a pax size that is negative': () => archive(pax({ size: '-1' }), member('a', '')),
  'a pax size in hexadecimal': () => archive(pax({ size: '0x1' }), member('a', 'x')),
  'a pax size that no number holds': () => archive(pax({ size: '9'.repeat(16) }), member('a', 'x')),
  'a pax size with NUL': () => archive(pax({ size: '1\0' }), member('a', 'x')),
  'a size of 2^63 in base 256': () => archive(header('a', base256(0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0))),
  'a size of -1 in base 256': () => archive(header('a', base256(...Buffer.alloc(12, 0xff)))),
  'a size of blanks': () => archive(header('a', ' '.repeat(12)), padded(Buffer.from('x'))),
  'a size of NULs': () => archive(header('a', Buffer.alloc(12)), padded(Buffer.from('x'))),
  'a size with a digit that is not octal': () => archive(header('a', '00000000008\0')),
  'a size with a number behind its end': () => archive(header('a', '0000001\x000001'), padded(Buffer.from('x'))),
  'a size with a sign': () => archive(header('a', '-0000000001\0')),
  'a body behind an empty file': () => archive(header('a', octal(0)), padded(Buffer.from('hidden'))),
  'a body behind a directory': () => archive(header('d/', octal(512), '5'), Buffer.alloc(512, 1)),
  'a body behind a hard link': () => archive(header('h', octal(512), '1'), Buffer.alloc(512, 1)),
  'a body behind a device': () => archive(header('c', octal(512), '3'), Buffer.alloc(512, 1)),
  'a second archive behind the first': () => Buffer.concat([archive(member('a', 'x')), archive(member('b', 'y'))]),
  'a member between two single zero blocks': () => Buffer.concat([member('a', 'x'), Buffer.alloc(512), member('b', 'y'), endMark]),
  'a name with NUL in its header': () => archive(patched('safe', octal(0), 4, Buffer.from('\0/../evil'))),
  'a link target with NUL': () => archive(patched('a', octal(0), 157, Buffer.from('x\0y'))),
  'a prefix with NUL': () => archive(patched('a', octal(0), 345, Buffer.from('x\0y'))),
  'a long name with NUL': () => archive(meta('L', Buffer.from('safe\0evil\0')), member('a', '')),
  'a pax name with NUL': () => archive(pax({ path: 'safe\0evil' }), member('a', '')),
  'a long name that is empty': () => archive(meta('L', Buffer.from('\0')), member('a', '')),
  'a file that is named as a directory': () => archive(member('a/', 'x')),
  'a volume label': () => archive(header('v', octal(0), 'V')),
  'the rest of a file of another volume': () => archive(header('m', octal(0), 'M')),
  'a directory listing of an incremental dump': () => archive(header('d', octal(4), 'D'), padded(Buffer.from('Ya\0\0'))),
  'extended headers of Solaris': () => archive(meta('X', record('path', Buffer.from('other'))), member('a', '')),
  'a pax record that is longer than its header': () => archive(meta('x', Buffer.from('99 path=a\n')), member('a', '')),
  'a pax record that ends inside of the next': () => archive(meta('x', Buffer.from('8 path=a\n9 path=b\n')), member('a', '')),
  'a pax record of length 0': () => archive(meta('x', Buffer.from('0 path=a\n')), member('a', '')),
  'a pax record with a length of many digits': () => archive(meta('x', Buffer.from('00000000000000012 path=a\n')), member('a', '')),
  'an owner below 0': () => archive(patched('a', octal(0), 108, Buffer.alloc(8, 0xff))),
  'a header that speaks of a member that never comes': () => archive(pax({ path: 'ghost' })),
};

test.each(Object.entries(attacks))('%s is refused', async (_what, make) => {
  await expect(readAll(make())).rejects.toMatchObject(refused);
});

describe('what looks like one and is none:', () => {
  test('a pax size that repeats the header’s', async () => {
    expect(await readAll(archive(pax({ size: '1' }), member('a', 'x')))).toMatchObject([{ size: 1 }]);
  });

  test('a pax size that does not fit a header', async () => {
    const reader = readTar(chunked(archive(pax({ size: String(8 ** 11) }), header('a', octal(0))), 512));
    expect((await reader.next()).value).toMatchObject({ size: 8 ** 11 });
    await expect(reader.next()).rejects.toMatchObject(refused);
  });

  test('a pax name that is taken back', async () => {
    const [entry] = await readAll(archive(pax({ path: '' }), member('a', 'x')));
    expect(entry?.name.toString()).toBe('a');
  });
});

test('headers without end in front of a member are refused before they fill the memory', async () => {
  for (const type of ['x', 'g', 'L']) {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        sent += 1;
        yield await Promise.resolve(
          type === 'L' ? meta('L', Buffer.alloc(60_000, 'n')) : pax({ [`SCHILY.xattr.user.${sent}`]: 'v'.repeat(60_000) }, type),
        );
      }
    }
    await expect(readTar(endless()).next(), type).rejects.toMatchObject(refused);
    expect(sent).toBeLessThan(20);
  }
});

/** Members of every kind, with names and headers of both formats. */
const valid: fc.Arbitrary<Buffer> = fc
  .array(
    fc.record({
      name: fc
        .uint8Array({ minLength: 1, maxLength: 140 })
        .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 1 : byte)))),
      content: fc.uint8Array({ maxLength: 1_500 }),
      how: fc.constantFrom('plain', 'long', 'pax'),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((members) =>
    archive(
      ...members.flatMap(({ name, content, how }) => {
        const short = header('', octal(content.length));
        name.copy(short, 0, 0, Math.min(name.length, 100));
        const front = how === 'long' ? [meta('L', Buffer.concat([name, Buffer.alloc(1)]))] : how === 'pax' ? [meta('x', record('path', name))] : [];
        return [...front, sealed(short), padded(Buffer.from(content))];
      }),
    ),
  );

/** Entries, or undefined when the archive was refused; any other error fails the test. */
async function outcome(bytes: Uint8Array, chunkSize = 1_000): Promise<ReadEntry[] | undefined> {
  try {
    return await readAll(bytes, chunkSize);
  } catch (error) {
    if (error instanceof TriageError) return undefined;
    throw error;
  }
}

describe('any archive', () => {
  test('that is cut anywhere before its end mark is whole, is refused', async () => {
    await fc.assert(
      fc.asyncProperty(valid, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (bytes, part) => {
        expect(await outcome(bytes.subarray(0, Math.floor(bytes.length * part)))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test('comes out the same in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(valid, fc.integer({ min: 1, max: 3_000 }), async (bytes, size) => {
        expect(await outcome(bytes, size)).toEqual(await outcome(bytes, bytes.length));
      }),
    );
  });

  test('with any bytes changed is refused or has files of just the size that their header says', async () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(valid, changes, fc.boolean(), async (bytes, places, resealed) => {
        const changed = Buffer.from(bytes);
        for (const [at, by] of places) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ by;
        // An attacker gets the checksum right.
        if (resealed)
          for (let at = 0; at + 512 <= changed.length; at += 512)
            if (changed.toString('latin1', at + 257, at + 262) === 'ustar') sealed(changed.subarray(at, at + 512));
        for (const entry of (await outcome(changed)) ?? []) expect(entry.content.length).toBe(entry.size);
      }),
      { numRuns: 500 },
    );
  });

  test('with blocks left out, doubled or moved is refused or has whole files', async () => {
    const edit = fc.tuple(fc.constantFrom('drop', 'double', 'swap'), fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(valid, fc.array(edit, { minLength: 1, maxLength: 3 }), async (bytes, edits) => {
        const blocks = Array.from({ length: bytes.length / 512 }, (_, index) => bytes.subarray(index * 512, index * 512 + 512));
        for (const [what, a, b] of edits) {
          const [at, to] = [a % blocks.length, b % blocks.length];
          const [block, other] = [blocks[at] ?? endMark, blocks[to] ?? endMark];
          if (what === 'drop') blocks.splice(at, 1);
          else if (what === 'double') blocks.splice(at, 0, block);
          else [blocks[at], blocks[to]] = [other, block];
          if (blocks.length === 0) return;
        }
        for (const entry of (await outcome(Buffer.concat(blocks))) ?? []) expect(entry.content.length).toBe(entry.size);
      }),
      { numRuns: 300 },
    );
  });
});
