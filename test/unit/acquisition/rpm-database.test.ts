import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Claims } from '../../../playbooks/acquisition/packages/claims.js';
import { readRpmDatabase } from '../../../playbooks/acquisition/packages/rpm/read-rpm-database.js';
import { SqlitePages } from '../../../playbooks/acquisition/packages/rpm/sqlite-pages.js';
import { columnsOf, rootOfTable } from '../../../playbooks/acquisition/packages/rpm/sqlite-record.js';
import { tableRecords } from '../../../playbooks/acquisition/packages/rpm/sqlite-table.js';
import { WantedPaths } from '../../../playbooks/acquisition/packages/rpm/wanted-paths.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { rpmFixture } from '../../support/rpm-fixture.js';

const [database, upgraded] = [rpmFixture('rpmdb'), rpmFixture('upgraded')];
const pageSize = database.readUInt16BE(16);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const small = Array.from({ length: 40 }, (_, index) => index + 1);
const many = Array.from({ length: 250 }, (_, index) => index + 1);
const few = Array.from({ length: 60 }, (_, index) => index + 1);
const paths = [
  ...['usr/bin/tool', 'usr/bin/link', 'etc/tool/tool.conf', 'usr/share/doc/tool/doc', 'run/ghost', 'usr/bin/old', 'usr/bin/none', 'tool'],
  ...many.map((n) => `usr/lib/many/file${n}`),
  ...few.map((n) => `usr/lib/few/file${n}`),
  ...small.map((n) => `usr/bin/small${n}`),
];

async function read(bytes: Buffer, asked: readonly string[] = paths): Promise<Claims> {
  const claims = new Claims('rpm');
  await readRpmDatabase(bytes, new WantedPaths(asked), claims);
  return claims;
}

/** A copy with some bytes of a page put otherwise. */
function withPage(page: number, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(database);
  change(copy.subarray((page - 1) * pageSize, page * pageSize));
  return copy;
}

const root = rootOfTable(new SqlitePages(database), 'Packages');

describe('a database of rpm', () => {
  it('says what each package has', async () => {
    const claims = await read(database);
    const tool = { package: 'tool', version: '4:1-3', algorithm: 'sha256' };
    expect(claims.at('usr/bin/tool')).toEqual({ ...tool, digest: sha256('tool 1\n') });
    expect(claims.at('etc/tool/tool.conf')).toEqual({ ...tool, digest: sha256('conf 1\n'), conffile: true });
    for (const n of small) expect(claims.at(`usr/bin/small${n}`)).toMatchObject({ package: `small${n}`, digest: sha256(`small ${n}\n`) });
    for (const n of many) expect(claims.at(`usr/lib/many/file${n}`)).toMatchObject({ package: 'many', version: '1-3', digest: sha256(`${n}\n`) });
    for (const n of few) expect(claims.at(`usr/lib/few/file${n}`)).toMatchObject({ package: 'few', digest: sha256(`${n}\n`) });
    expect(claims.at('usr/bin/old')).toEqual({
      package: 'old',
      version: '1-3',
      algorithm: 'md5',
      digest: createHash('md5').update('old\n').digest('hex'),
    });
    expect([claims.unreadable, claims.disputed]).toEqual([0, 0]);
  });

  it('says nothing of links, ghosts, what was not installed, and paths that nobody asked about', async () => {
    const claims = await read(database);
    for (const path of ['usr/bin/link', 'run/ghost', 'usr/share/doc/tool/doc', 'usr/bin/none', 'tool']) expect(claims.at(path)).toBeUndefined();
    expect((await read(database, ['usr/bin/old'])).at('usr/bin/tool')).toBeUndefined();
  });

  it('says what an upgrade brought', async () => {
    expect((await read(upgraded)).at('usr/bin/tool')).toMatchObject({ version: '4:2-3', digest: sha256('tool 2\n') });
  });

  it('is a tree of more than one page with records that are longer than a page', () => {
    expect(database[(root - 1) * pageSize]).toBe(0x05);
    const lengths = Array.from(tableRecords(new SqlitePages(database), root), ({ length }) => length);
    expect(lengths).toHaveLength(44);
    expect(Math.max(...lengths)).toBeGreaterThan(pageSize * 4);
  });

  it('stands with one package that cannot be understood, which is counted', async () => {
    const copy = Buffer.from(database);
    // A record that fits into its page is that part of the file itself; its header says in bytes 4 to 7 how long it is.
    const headers = Array.from(tableRecords(new SqlitePages(copy), root), (record) => columnsOf(record, 2)[1]);
    headers.find((header): header is Buffer => Buffer.isBuffer(header) && header.buffer === copy.buffer)?.writeUInt32BE(0xffffffff, 4);
    expect((await read(copy)).unreadable).toBe(1);
  });
});

describe('a damaged database of rpm', () => {
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /does not begin/],
    ['no database', Buffer.alloc(8192, 'x'), /does not begin/],
    ['the first half', database.subarray(0, Math.floor(database.length / 2)), /end is missing/],
    ['pages of no size', withPage(1, (page) => page.writeUInt16BE(1000, 16)), /pages of 1000/],
    ['text in UTF-16', withPage(1, (page) => page.writeUInt32BE(2, 56)), /UTF-8/],
    ['a root that is its own child', withPage(root, (page) => page.writeUInt32BE(root, 8)), /used twice/],
    ['a page beyond the end', withPage(root, (page) => page.writeUInt32BE(0xffffffff, 8)), /no page 4294967295/],
    ['page 0', withPage(root, (page) => page.writeUInt32BE(0, 8)), /no page 0/],
    ['a page of an index for a root', withPage(root, (page) => page.writeUInt8(0x02, 0)), /none of a table/],
    ['more cells than there are', withPage(root, (page) => page.writeUInt16BE(0xffff, 3)), /./],
  ])('%s is refused', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'transfer-truncated', message: expect.stringMatching(message) as string });
  });

  it('has no table of packages', () => {
    expect(() => rootOfTable(new SqlitePages(database), 'Package')).toThrow(/no table Package/);
  });

  it('that repeats one record in all cells of a page costs no more than the page', async () => {
    const bytes = withPage(lastLeaf(), (page) => {
      const cell = page.readUInt16BE(8);
      const cells = Math.floor((cell - 8) / 2);
      page.writeUInt16BE(cells, 3);
      for (let index = 0; index < cells; index += 1) page.writeUInt16BE(cell, 8 + 2 * index);
    });
    await expect(read(bytes)).rejects.toMatchObject({ message: 'the database is damaged: records of a page are longer than the page' });
  });

  it('fails in no other way than by a TriageError, whatever its bytes', async () => {
    const change = fc.record({ at: fc.integer({ min: 0, max: database.length - 1 }), byte: fc.integer({ min: 0, max: 255 }) });
    const inHeaders = fc.record({ at: fc.integer({ min: 0, max: 4 * pageSize }), byte: fc.constantFrom(0, 1, 2, 5, 13, 127, 128, 255) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(change, inHeaders), { minLength: 1, maxLength: 30 }), async (changes) => {
        const copy = Buffer.from(database);
        for (const { at, byte } of changes) copy[at] = byte;
        await failsAsItMay(copy);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: database.length - 1 }), async (end) => {
        await expect(read(database.subarray(0, end))).rejects.toBeInstanceOf(TriageError);
      }),
    );
  });
});

/** Every claim of a changed database still has its form. */
async function failsAsItMay(bytes: Buffer): Promise<void> {
  const claims = new Claims('rpm');
  const error: unknown = await readRpmDatabase(bytes, new WantedPaths(paths), claims).catch((reason: unknown) => reason);
  if (error !== undefined) expect(error).toBeInstanceOf(TriageError);
  for (const path of paths) expect(claims.at(path)?.digest ?? 'a'.repeat(32)).toMatch(/^[0-9a-f]{32,64}$/);
}

/** It has packages of one file, whose records fit into it. */
function lastLeaf(): number {
  return database.readUInt32BE((root - 1) * pageSize + 8);
}
