import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../cli/config.js';
import { checkHashLists } from '../../../cli/hash-list-check.js';
import { workerConfig } from '../../../cli/worker-config.js';
import { loadHashLists } from '../../../workers/adapters/hash-lists/hash-lists.js';

const { signal } = new AbortController();
const sum = (text: string) => createHash('sha256').update(text).digest('hex');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podtriage-hashes-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function list(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function good(content: string | Buffer) {
  return loadHashLists({ good: [await list('good', content)], bad: [] }, signal);
}

describe('a hash list', () => {
  it('is read in every form that sha256sum prints, and plain, with comments and blank lines', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const [a, b, c, d, e, f] = names.map(sum);
    const text = `# known\n\n${a}\n${b}  name with  blanks\n${c} *binary\r\n\\${d}  with\\nnewline\n  ${e?.toUpperCase()} \t\r\n   # more\n${f}`;
    const lists = await good(text);
    expect(lists.lists).toEqual([{ list: 'good', says: 'good', hashes: 6 }]);
    for (const name of names) expect(lists.find(sum(name))).toEqual({ list: 'good', says: 'good' });
    expect(lists.find(sum('g'))).toBeUndefined();
    expect(lists.find('no hash')).toBeUndefined();
    expect(lists.find('')).toBeUndefined();
  });

  it('is read as the real sha256sum writes it, names with newlines included', async () => {
    await list('plain', 'one');
    await list('with\nnewline', 'two');
    await list('back\\slash', 'three');
    const text = execFileSync('sh', ['-c', 'sha256sum plain with* back*; sha256sum -b plain'], { cwd: folder });
    const lists = await good(text);
    expect(lists.lists[0]?.hashes).toBe(4);
    for (const content of ['one', 'two', 'three']) expect(lists.find(sum(content))?.says).toBe('good');
  });

  it('is unpacked by what it is, not by its name, in one part or several', async () => {
    const lists = await good(Buffer.concat([gzipSync(`${sum('a')}\n`), gzipSync(`${sum('b')}  b\n`)]));
    expect([lists.find(sum('a')), lists.find(sum('b'))]).toEqual([
      { list: 'good', says: 'good' },
      { list: 'good', says: 'good' },
    ]);
  });

  it('answers bad before good, and names the first list that has it', async () => {
    const both = `${sum('both')}\n`;
    const lists = await loadHashLists(
      {
        good: [await list('nsrl.txt', `${both}${sum('good')}\n`)],
        bad: [await list('first', `${sum('bad')}\n`), await list('second', `${both}${sum('bad')}\n`)],
      },
      signal,
    );
    expect(lists.find(sum('both'))).toEqual({ list: 'second', says: 'bad' });
    expect(lists.find(sum('bad'))).toEqual({ list: 'first', says: 'bad' });
    expect(lists.find(sum('good'))).toEqual({ list: 'nsrl.txt', says: 'good' });
  });

  it('has exactly the hashes that were written, also where many share their first bytes', async () => {
    const hash = fc.tuple(fc.constantFrom('0000', 'ffff', 'abcd'), fc.stringMatching(/^[0-9a-f]{60}$/)).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(hash, { minLength: 2, maxLength: 40 }), async (hashes) => {
        const [absent, ...present] = hashes;
        const lists = await good(present.join('\n'));
        expect(present.every((each) => lists.find(each) !== undefined)).toBe(true);
        expect(lists.find(absent ?? '')).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it('is read whole when it is larger than any chunk', async () => {
    const hashes = Array.from({ length: 40_000 }, () => randomBytes(32).toString('hex'));
    const lists = await good(hashes.map((hash, index) => `${hash}  some/name/${index}\n`).join(''));
    expect(lists.lists[0]?.hashes).toBe(hashes.length);
    expect(hashes.every((hash) => lists.find(hash) !== undefined)).toBe(true);
    expect(lists.find(randomBytes(32).toString('hex'))).toBeUndefined();
  });
});

describe('a list that is wrong', () => {
  it.each([
    ['a short hash', `${sum('a')}\n\n${sum('b').slice(1)}\n`, 3],
    ['a longer one', `${sum('a')}0\n`, 1],
    ['no hexadecimal digit', `${'g'.repeat(64)}\n`, 1],
    ['md5', '# x\nd41d8cd98f00b204e9800998ecf8427e  empty\n', 2],
    ['a table', `"sha256","md5"\n`, 1],
    ['one blank before the name', `${sum('a')} name\n`, 1],
    ['the form of BSD', `SHA256 (x) = ${sum('a')}\n`, 1],
    ['a last line that is cut', `${sum('a')}\n${sum('b').slice(0, 20)}`, 2],
  ])('by %s is refused with its file and line', async (_what, content, line) => {
    await expect(good(content)).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining(`good, line ${line}:`) as string });
  });

  it('shows no more than 80 characters of a line, and none that a terminal obeys', async () => {
    const error = await good(`\x1b[2J${'x'.repeat(300)}\n`).catch((thrown: unknown) => thrown as Error);
    const shown = (error as Error).message.split('prints it: ')[1] ?? '';
    expect(shown.length).toBeLessThanOrEqual(80);
    expect(shown).toMatch(/^\\x1b\[2Jx+…$/);
  });

  it('is refused by name when it is missing, a folder, cut, or one endless line', async () => {
    const refused = (path: string) =>
      expect(loadHashLists({ good: [path], bad: [] }, signal)).rejects.toMatchObject({
        code: 'config-invalid',
        message: expect.stringContaining(path) as string,
      });
    await refused(join(folder, 'missing'));
    await refused(folder);
    await refused(await list('cut.gz', gzipSync(randomBytes(500).toString('hex')).subarray(0, 100)));
    await refused(await list('endless', 'a'.repeat(100_000)));
  });

  it('is not waited for when nobody wants it any more', async () => {
    const path = await list('long', `${sum('a')}\n`.repeat(20_000));
    await expect(loadHashLists({ good: [path], bad: [] }, AbortSignal.abort('stop'))).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('the configuration', () => {
  it('names lists of both kinds, separated by colons, and none by default', async () => {
    const config = await readConfig({ PODTRIAGE_HASHES_GOOD: '/srv/nsrl.gz:/srv/own', PODTRIAGE_HASHES_BAD: '/srv/bad:' });
    expect(workerConfig(config).hashLists).toEqual({ good: ['/srv/nsrl.gz', '/srv/own'], bad: ['/srv/bad'] });
    expect((await readConfig({})).hashLists).toEqual({ good: [], bad: [] });
  });
});

describe('doctor', () => {
  it('says how many hashes each list has, and warns of one that has none', async () => {
    const lists = { good: [await list('nsrl', `${sum('a')}\n${sum('b')}\n`)], bad: [await list('bad', `${sum('c')}\n`)] };
    expect(await checkHashLists({ hashLists: lists }, signal)).toEqual({ ok: true, found: 'bad: 1 bad, nsrl: 2 good' });
    expect(await checkHashLists({ hashLists: { good: [await list('none', '# nothing\n')], bad: [] } }, signal)).toMatchObject({ ok: 'warn' });
    expect(await checkHashLists({ hashLists: { good: [], bad: [] } }, signal)).toMatchObject({ ok: true });
  });
});
