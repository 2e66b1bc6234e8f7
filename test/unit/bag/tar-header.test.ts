import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readTar } from '../../../playbooks/acquisition/tar/tar-reader.js';
import { tarEnd, tarHeader, tarPadding } from '../../../playbooks/bag/tar-header.js';

const GiB = 1024 ** 3;
const long = `podtriage-r0123456789012345678/data/artifacts/${'f'.repeat(64)}`;

/** The first bytes of an archive whose first file has this size: its content never comes. */
async function* cut(name: string, size: number): AsyncGenerator<Uint8Array> {
  yield tarHeader({ name, size, mtime: 1_700_000_000 });
  await Promise.resolve();
}

test.each([0, 1, 511, 512, 8 * GiB - 1, 8 * GiB, 8 * GiB + 1, 256 * GiB])('a file of %d bytes is read with its size', async (size) => {
  const archive = readTar(cut(long, size));
  const { value } = await archive.next();
  expect(value).toMatchObject({ type: 'file', size, mode: 0o400, uid: 0, gid: 0, mtime: 1_700_000_000 });
  expect(value?.name.toString()).toBe(long);
  await archive.return();
});

test.each(['bagit.txt', long])('GNU tar reads what it is: %s', (name) => {
  const content = Buffer.from('content');
  const archive = Buffer.concat([tarHeader({ name, size: content.length, mtime: 0 }), content, tarPadding(content.length), tarEnd]);
  const listed = execFileSync('tar', ['--utc', '-tvf', '-'], { input: archive, encoding: 'utf8' });
  expect(listed).toMatch(new RegExp(`^-r-------- 0/0 +7 1970-01-01 00:00 ${name}\n$`));
  expect(execFileSync('tar', ['-xOf', '-'], { input: archive })).toEqual(content);
});

test('GNU tar reads the size of a file of 9 GiB', () => {
  // It fails at the end that is not there, and has listed the file until then.
  const input = tarHeader({ name: long, size: 9 * GiB, mtime: 0 });
  const listed = execFileSync('sh', ['-c', 'tar -tvf - 2>/dev/null || true'], { input, encoding: 'utf8' });
  expect(listed).toContain(` ${9 * GiB} `);
});
