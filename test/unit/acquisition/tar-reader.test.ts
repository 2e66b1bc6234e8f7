import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTar } from '../../../playbooks/acquisition/tar/tar-reader.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { chunked, endMark, header, octal, padded, readAll, record, sealed, tar } from './archives.js';

const hostile = [
  'plain',
  'new\nline',
  'esc\x1b[2J',
  '--checkpoint-action=exec=sh',
  'back\\slash',
  ' space ',
  'rtl\u202etxt',
  'x'.repeat(255),
  'y'.repeat(100),
  'z'.repeat(99),
];
const rawName = Buffer.from([0x6e, 0xff, 0xfe, 0x80]);
const truncated = { code: 'transfer-truncated' };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-tar-'));
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (const name of hostile) writeFileSync(join(tree, name), `content of ${name}`);
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), rawName]), 'raw');
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'block'), Buffer.alloc(512, 1));
  linkSync(join(tree, 'plain'), join(tree, 'zz-hard'));
  symlinkSync('t'.repeat(300), join(tree, 'zz-sym'));
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  const deep = join(tree, ...Array.from({ length: 8 }, () => 'd'.repeat(150)));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'deep'), 'deep');
  execFileSync('chmod', ['4755', join(tree, 'plain')]);
  execFileSync('touch', ['-d', '@-12345', join(tree, 'empty')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['gnu', 'pax'])('what GNU tar writes with --format=%s', (format) => {
  const archive = (...more: string[]): Buffer => tar(`--format=${format}`, '--sort=name', ...more, '-C', folder, '-cf', '-', 'tree');

  test.each([1, 511, 512, 10_240, 1_000_000])('comes out whole in chunks of %i bytes', async (size) => {
    const entries = await readAll(archive(), size);
    const byName = new Map(entries.map((entry) => [entry.name.toString('latin1'), entry]));
    for (const name of hostile.filter((one) => one !== 'plain')) {
      expect(byName.get(Buffer.from(`tree/${name}`).toString('latin1'))?.content.toString()).toBe(`content of ${name}`);
    }
    expect(byName.get(`tree/${rawName.toString('latin1')}`)?.content.toString()).toBe('raw');
    expect(byName.get('tree/block')?.content).toEqual(Buffer.alloc(512, 1));
    expect(entries.find(({ content }) => content.toString() === 'deep')?.name.length).toBe(4 + 8 * 151 + 1 + 4);
  });

  test('keeps types, modes, times and link targets', async () => {
    const entries = new Map((await readAll(archive())).map((entry) => [entry.name.toString('latin1'), entry]));
    expect(entries.get('tree/')?.type).toBe('directory');
    expect(entries.get('tree/fifo')).toMatchObject({ type: 'fifo', size: 0 });
    expect(entries.get('tree/plain')).toMatchObject({ type: 'file', mode: 0o4755 });
    expect(entries.get('tree/empty')).toMatchObject({ type: 'file', size: 0, mtime: -12345 });
    expect(entries.get('tree/zz-hard')).toMatchObject({ type: 'hardlink', size: 0, linkname: Buffer.from('tree/plain') });
    expect(entries.get('tree/zz-sym')).toMatchObject({ type: 'symlink', linkname: Buffer.from('t'.repeat(300)) });
  });

  test('keeps device numbers', async () => {
    const [entry] = await readAll(tar(`--format=${format}`, '-cf', '-', '-C', '/dev', 'null'));
    expect(entry).toMatchObject({ type: 'char', devmajor: 1, devminor: 3 });
  });

  test('keeps owners above two to the 31st', async () => {
    const entries = await readAll(archive('--owner=:3064463360', '--group=:2352414720'));
    expect(entries.every(({ uid, gid }) => uid === 3_064_463_360 && gid === 2_352_414_720)).toBe(true);
  });

  test('can be skipped, member by member, or read in part', async () => {
    const names: string[] = [];
    for await (const entry of readTar(chunked(archive(), 700))) {
      names.push(entry.name.toString('latin1'));
      for await (const part of entry.body) {
        expect(part.length).toBeGreaterThan(0);
        break;
      }
    }
    expect(names).toEqual((await readAll(archive())).map((entry) => entry.name.toString('latin1')));
  });

  test('has its size right beyond 8 GiB', async () => {
    const big = join(folder, `big-${format}`);
    writeFileSync(big, '');
    truncateSync(big, 9 * 1024 ** 3);
    const start = execFileSync('sh', ['-c', `tar --format=${format} -C "$1" -cf - "$2" 2>/dev/null | head -c 4096`, 'x', folder, `big-${format}`]);
    const reader = readTar(chunked(start, 512));
    const first = await reader.next();
    expect(first.done === true ? undefined : first.value.size).toBe(9 * 1024 ** 3);
    await expect(reader.next()).rejects.toMatchObject(truncated);
  });

  test('is refused when it is cut at any byte before its end mark is complete', async () => {
    const whole = tar(`--format=${format}`, '-C', join(folder, 'tree'), '-cf', '-', 'plain', 'x'.repeat(255), 'zz-sym', 'block');
    const end = lastByte(whole) + 1;
    const dataEnd = Math.ceil(end / 512) * 512;
    for (let cut = 0; cut < dataEnd + 1024; cut += 1) {
      await expect(readAll(whole.subarray(0, cut), 100_000), `cut at ${cut}`).rejects.toMatchObject(truncated);
    }
    await expect(readAll(whole.subarray(0, dataEnd + 1024))).resolves.toHaveLength(4);
  });

  test('is refused when any byte of a header is changed', async () => {
    const whole = tar(`--format=${format}`, '-C', join(folder, 'tree'), '-cf', '-', 'plain');
    for (let at = 0; at < 512; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      await expect(readAll(changed), `byte ${at}`).rejects.toMatchObject(truncated);
    }
  });
});

test('extended attributes come raw', async () => {
  const body = Buffer.concat([record('SCHILY.xattr.security.capability', Buffer.from([1, 0, 0, 10, 255])), record('path', Buffer.from('renamed'))]);
  const archive = Buffer.concat([header('pax', octal(body.length), 'x'), padded(body), header('n', octal(0)), endMark]);
  const [entry] = await readAll(archive);
  expect(entry?.name.toString()).toBe('renamed');
  expect(entry?.xattrs).toEqual(new Map([['security.capability', Buffer.from([1, 0, 0, 10, 255])]]));
});

describe('an archive is refused', () => {
  const cases: Record<string, () => Buffer> = {
    'that is empty': () => Buffer.alloc(0),
    'with one zero block only': () => Buffer.alloc(512),
    'with something after its end': () => Buffer.concat([header('a', octal(0)), endMark, header('b', octal(0))]),
    'with a header between two zero blocks': () => Buffer.concat([Buffer.alloc(512), header('b', octal(0)), endMark]),
    'with a negative size': () => Buffer.concat([header('a', Buffer.alloc(12, 0xff)), endMark]),
    'with a size beyond what a number holds': () => Buffer.concat([header('a', Buffer.from([0x80, ...Buffer.alloc(11, 0xff)])), endMark]),
    'with a long name that is too long': () => Buffer.concat([header('l', octal(2 * 1024 * 1024), 'L'), endMark]),
    'with an unknown type': () => Buffer.concat([header('a', octal(0), 'S'), endMark]),
    'with a body behind a symlink': () => Buffer.concat([header('a', octal(512), '2'), Buffer.alloc(512), endMark]),
    'whose last header speaks of a member that never comes': () => Buffer.concat([header('l', octal(2), 'L'), padded(Buffer.from('n\0')), endMark]),
    'with a malformed pax record': () => Buffer.concat([header('p', octal(5), 'x'), padded(Buffer.from('99 a=')), header('n', octal(0)), endMark]),
    'with a GNU sparse file': () => {
      const body = record('GNU.sparse.major', Buffer.from('1'));
      return Buffer.concat([header('p', octal(body.length), 'x'), padded(body), header('n', octal(0)), endMark]);
    },
    'with a nameless member': () => Buffer.concat([header('', octal(0)), endMark]),
    'of the old v7 kind': () => {
      const block = header('a', octal(0));
      block.fill(0, 257, 265);
      return Buffer.concat([sealed(block), endMark]);
    },
  };
  test.each(Object.entries(cases))('%s', async (_what, archive) => {
    await expect(readAll(archive())).rejects.toMatchObject(truncated);
  });

  test('of random bytes, with no other error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
        const outcome = await readAll(bytes).catch((error: unknown) => error);
        expect(outcome).toBeInstanceOf(TriageError);
      }),
    );
  });

  test('or read, when the body of a pax header is random, but never with another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.constantFrom('x', 'g', 'L', 'K'), async (bytes, type) => {
        const archive = Buffer.concat([header('p', octal(bytes.length), type), padded(Buffer.from(bytes)), header('n', octal(0)), endMark]);
        const outcome = await readAll(archive).catch((error: unknown) => error);
        expect(Array.isArray(outcome) || outcome instanceof TriageError).toBe(true);
      }),
    );
  });

  test('and its source is released', async () => {
    let released = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        while (true) yield await Promise.resolve(Buffer.alloc(512, 7));
      } finally {
        released = true;
      }
    }
    await expect(readTar(source()).next()).rejects.toMatchObject(truncated);
    expect(released).toBe(true);
  });
});

function lastByte(archive: Buffer): number {
  return archive.findLastIndex((byte) => byte !== 0);
}
