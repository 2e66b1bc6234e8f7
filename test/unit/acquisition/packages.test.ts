import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InstalledReader } from '../../../playbooks/acquisition/packages/apk.js';
import { Claims } from '../../../playbooks/acquisition/packages/claims.js';
import { DatabaseAnswer } from '../../../playbooks/acquisition/packages/database-answer.js';
import { databaseFile, roleOf } from '../../../playbooks/acquisition/packages/database-files.js';
import { type FileGroup, selecting } from '../../../playbooks/acquisition/packages/database-script.js';
import { StatusReader, takeMd5sum } from '../../../playbooks/acquisition/packages/dpkg.js';
import { findInChanges } from '../../../playbooks/acquisition/packages/find-databases.js';
import { namesInDatabases } from '../../../playbooks/acquisition/packages/package-knowledge.js';
import { packageRows } from '../../../playbooks/acquisition/packages/package-rows.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { packageFileSchema } from '../../../playbooks/domain/package.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { chunked } from './archives.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const digest = 'd41d8cd98f00b204e9800998ecf8427e';

/** A line of a database: anything but its end, with much of what gives lines their meaning. */
const line = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'P:',
        'V:',
        'F:',
        'R:',
        'Z:Q1',
        '2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
        digest,
        '  ',
        './',
        'Package: ',
        'Version:',
        ' /',
        'usr/bin/ls',
        '=',
      ),
      fc.string(),
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => Buffer.from(parts.join(''), 'utf8').toString('latin1').replaceAll('\n', ''));

/** Bytes of a path: no NUL, no empty name. */
const path = fc
  .uint8Array({ minLength: 1, maxLength: 60 })
  .map((raw) => `usr/${Buffer.from(raw.map((byte) => (byte === 0 || byte === 10 ? 1 : byte))).toString('latin1')}`);

function changeAt(at: string, more: Partial<Change> = {}): Change {
  const place = { kind: 'rootfs' as const };
  return {
    container: 'web',
    containerId: 'c',
    place,
    path: pathName(bytes(at)),
    kind: 'changed',
    type: 'file',
    origin: 'container',
    method: 'overlay',
    ...more,
  };
}

describe('md5sums of dpkg', () => {
  it('come back with the exact bytes of every path', () => {
    fc.assert(
      fc.property(path, fc.constantFrom('', './', '/', './/'), (at, lead) => {
        const claims = new Claims('dpkg');
        takeMd5sum('tool:amd64.md5sums', `${digest}  ${lead}${at}`, claims);
        expect(claims.at(at)).toEqual({ package: 'tool', algorithm: 'md5', digest });
        expect(claims.unreadable).toBe(0);
      }),
    );
  });

  it('are a claim or are counted, whatever stands there', () => {
    fc.assert(
      fc.property(fc.array(line), (all) => {
        const claims = new Claims('dpkg');
        for (const each of all) takeMd5sum('x.md5sums', each, claims);
        const readable = all.filter((each) => /^[0-9a-f]{32} {2}[./]*[^/]/.test(each)).length;
        expect(claims.unreadable).toBeGreaterThanOrEqual(all.length - readable);
      }),
    );
  });

  it.each(['', `${digest} usr/bin/ls`, `${digest}  `, `${digest}  /`, `${digest.toUpperCase()}  usr/bin/ls`, `${digest}0  usr/bin/ls`])(
    'has no claim in %j',
    (text) => {
      const claims = new Claims('dpkg');
      takeMd5sum('x.md5sums', text, claims);
      expect(claims.unreadable).toBe(1);
    },
  );
});

describe('versions of dpkg', () => {
  it('are those of the package and of its architecture', () => {
    const claims = new Claims('dpkg');
    const reader = new StatusReader(claims);
    for (const each of ['Package: libc6', 'Architecture: amd64', 'Version: 2', 'Package: libc6', 'Architecture: i386', 'Version: 1'])
      reader.take(each);
    takeMd5sum('libc6:i386.md5sums', `${digest}  a`, claims);
    takeMd5sum('libc6:amd64.md5sums', `${digest}  b`, claims);
    takeMd5sum('libc6.md5sums', `${digest}  c`, claims);
    expect(['a', 'b', 'c'].map((at) => claims.at(at)?.version)).toEqual(['1', '2', '2']);
  });
});

describe('installed of apk', () => {
  it('takes what lies in etc for configuration', () => {
    const claims = new Claims('apk');
    const reader = new InstalledReader(claims);
    for (const each of ['P:a', 'F:etc/x', 'R:y', `Z:${digest}`, 'F:', 'R:etcetera', `Z:${digest}`]) reader.take(each);
    expect(claims.at('etc/x/y')?.conffile).toBe(true);
    expect(claims.at('etcetera')).not.toHaveProperty('conffile');
  });

  it('begins anew with each package', () => {
    const claims = new Claims('apk');
    const reader = new InstalledReader(claims);
    for (const each of ['P:a', 'V:1', 'F:usr', 'R:x', `Z:${digest}`, '', `Z:${digest}`, 'P:b', 'R:y', `Z:${digest}`]) reader.take(each);
    expect(claims.at('usr/x')).toEqual({ package: 'a', version: '1', algorithm: 'md5', digest });
    expect(claims.at('usr/y')).toBeUndefined();
    expect(claims.unreadable).toBe(2);
  });

  it.each(['Q12jmj7l5rSw0yVb/vlWAYkK/YBw', 'Q22jmj7l5rSw0yVb/vlWAYkK/YBwk=', 'Q3x', 'X1', ''])('has no digest in %j', (text) => {
    const claims = new Claims('apk');
    const reader = new InstalledReader(claims);
    for (const each of ['P:a', 'F:', 'R:x', `Z:${text}`]) reader.take(each);
    expect(claims.at('x')).toBeUndefined();
    expect(claims.unreadable).toBe(1);
  });
});

describe('what databases say, whatever stands in them', () => {
  it('makes rows that fit their schema', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (all) => {
        const [dpkg, apk] = [new Claims('dpkg'), new Claims('apk')];
        const [status, installed] = [new StatusReader(dpkg), new InstalledReader(apk)];
        for (const each of all) {
          takeMd5sum('x.md5sums', each, dpkg);
          status.take(each);
          installed.take(each);
        }
        const databases = new Map([['dpkg', dpkg] as const, ['apk', apk] as const]);
        const changes = [changeAt('usr/bin/ls'), changeAt('usr/bin/ls=')];
        for (const row of packageRows(changes, { image: databases, own: new Map(), links: new Set() }))
          expect(packageFileSchema.parse(row)).toEqual(row);
      }),
    );
  });

  it('is only read from names that a package may have', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), path), (name) => {
        const role = roleOf(`var/lib/dpkg/info/${name}.md5sums`);
        if (role === 'dpkg') expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9+.:~_-]*$/);
      }),
    );
    expect(roleOf('var/lib/dpkg/info/libc6:amd64.md5sums')).toBe('dpkg');
    expect(roleOf('var/lib/dpkg/info/-rf.md5sums')).toBe('odd');
    expect(roleOf('var/lib/dpkg/info/x.list')).toBeUndefined();
  });
});

describe('the answer about databases', () => {
  const file = databaseFile('var/lib/dpkg/info/x.md5sums', 10);
  const group: FileGroup = { tree: '/t', directory: file.directory, files: [file] };
  const answered = async (text: string, size = 1_000): Promise<{ claims: Claims; answer: DatabaseAnswer }> => {
    const claims = new Claims('dpkg');
    const answer = new DatabaseAnswer([{ group, claims }]);
    await answer.read(chunked(bytes(text), size));
    return { claims, answer };
  };
  const whole = `:group\n:copied 0\n:file ./x.md5sums\n=${digest}  usr/bin/ls\n:unreadable 3\n:end\n`;

  it('is the same however it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 90 }), async (size) => {
        const { claims, answer } = await answered(whole, size);
        expect(claims.at('usr/bin/ls')?.digest).toBe(digest);
        expect(claims.unreadable).toBe(3);
        expect(answer.unread).toEqual([]);
      }),
    );
  });

  it('is cut at no place without being refused', async () => {
    for (let end = 0; end < whole.length; end += 1) await expect(answered(whole.slice(0, end))).rejects.toMatchObject({ code: 'transfer-truncated' });
  });

  it.each(['missing', 'unsafe', 'lost', 'failed', 'copied 2'])('tells that a group was not read: %s', async (note) => {
    expect((await answered(`:group\n:${note}\n:end\n`)).answer.unread).toMatchObject([{ group }]);
  });

  it('tells of files that did not come', async () => {
    expect((await answered(':group\n:copied 0\n:end\n')).answer.unread).toMatchObject([
      { detail: expect.stringContaining('could not be read') as string },
    ]);
  });

  it('is foreign or cut in no other way than by a TriageError', async () => {
    const part = fc.oneof(
      fc.constantFrom(':group\n', ':file ./x.md5sums\n', ':file ', ':end\n', '=', '\n', ':copied 0\n', ':toString\n', ':'),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part), async (parts) => {
        const error: unknown = await answered(Buffer.from(parts.join('')).toString('latin1')).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(TriageError);
      }),
    );
  });
});

describe('what the node is asked', () => {
  it('has no name of the pod in its argv, and all of them on stdin', () => {
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const changes = paths.map((at) => changeAt(at));
        const names = changes.flatMap(namesInDatabases);
        const { groups } = findInChanges('/upper', [...changes, changeAt('var/lib/dpkg/info/x.md5sums'), changeAt('lib/apk/db/installed')]);
        const { argv, stdin } = selecting(names, groups);
        const words = argv.slice(argv.indexOf('podtriage') + 5);
        expect(words).toEqual(['/upper', 'var/lib/dpkg/info', '0', '12', '/upper', 'lib/apk/db', '1', '12']);
        const length = Number(argv[argv.indexOf('podtriage') + 2]);
        expect(stdin.subarray(0, length).toString('latin1').split('\n').slice(0, -1)).toEqual(names);
        expect(stdin.subarray(length).toString('latin1')).toBe('./x.md5sums\0./installed\0');
      }),
    );
  });

  it('does not have paths that no database can hold', () => {
    expect(namesInDatabases(changeAt('usr/bin/a\nb'))).toEqual([]);
    expect(namesInDatabases(changeAt('x'.repeat(4_097)))).toEqual([]);
    expect(namesInDatabases(changeAt('usr/bin/ls'))).toEqual(['usr/bin/ls', 'bin/ls']);
    expect(namesInDatabases(changeAt('lib64/ld.so'))).toEqual(['lib64/ld.so', 'usr/lib64/ld.so']);
    expect(namesInDatabases(changeAt('usr/share/x'))).toEqual(['usr/share/x']);
  });
});
