import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { base, md5, PackageStand, row, status, sums } from './package-stand.js';

const sha1 = (text: string): string => createHash('sha1').update(text).digest('base64');

let stand: PackageStand;

beforeEach(async () => {
  stand = await PackageStand.open();
});

afterEach(() => {
  stand.close();
});

function quiet(): void {
  expect(stand.gaps).toEqual([]);
  expect(stand.limits).toEqual([]);
}

describe('check-packages with dpkg', () => {
  it('says of changed files what the image’s packages have, where usr was merged too', async () => {
    const { rows, fact } = await stand.packagesOf(
      [base],
      'echo evil > usr/bin/ls; echo evil > usr/lib/libc.so; echo evil > usr/sbin/nginx; echo evil > etc/conf; echo new > usr/bin/new; chmod 755 usr/bin/cat',
    );
    expect(rows).toEqual({
      'usr/bin/cat': row('usr/bin/cat', { image: { package: 'coreutils', version: '9.1-1', algorithm: 'md5', digest: md5('cat\n') } }),
      'usr/bin/ls': row('usr/bin/ls', { image: { package: 'coreutils', version: '9.1-1', algorithm: 'md5', digest: md5('ls\n') } }),
      'usr/lib/libc.so': row('usr/lib/libc.so', { image: { package: 'libc6', version: '2.36-9', algorithm: 'md5', digest: md5('c\n') } }),
      'usr/sbin/nginx': row('usr/sbin/nginx', { image: { package: 'nginx', version: '1.22', algorithm: 'md5', digest: md5('n\n') } }),
    });
    expect(fact).toMatchObject({ count: 4, managers: ['dpkg'] });
    quiet();
  });

  it('takes bin and usr/bin for two directories where neither is a link', async () => {
    const { rows } = await stand.packagesOf(
      [`mkdir -p bin usr/bin; echo ls > bin/ls; ${sums('coreutils', { 'bin/ls': 'ls\n' })}`],
      'echo ls > usr/bin/ls; echo evil > bin/ls',
    );
    expect(Object.keys(rows)).toEqual(['bin/ls']);
    quiet();
  });

  it('believes the topmost layer that has a package’s sums, and its versions', async () => {
    const upgrade = `mkdir -p usr/bin; echo ls2 > usr/bin/ls; ${sums('coreutils', { 'bin/ls': 'ls2\n' })}; ${status({ coreutils: '9.2' })}`;
    const { rows } = await stand.packagesOf(
      ['mkdir other', upgrade, base],
      'echo evil > usr/bin/ls; echo evil > usr/bin/cat; echo evil > usr/sbin/nginx',
    );
    expect(rows['usr/bin/ls']?.image).toEqual({ package: 'coreutils', version: '9.2', algorithm: 'md5', digest: md5('ls2\n') });
    // The upgraded package no longer has it.
    expect(rows['usr/bin/cat']).toBeUndefined();
    expect(rows['usr/sbin/nginx']?.image?.digest).toBe(md5('n\n'));
    quiet();
  });

  it.each([
    ['a package’s sums', 'mkdir -p var/lib/dpkg/info; mknod var/lib/dpkg/info/coreutils.md5sums c 0 0'],
    ['their directory', 'mkdir -p var/lib/dpkg; mknod var/lib/dpkg/info c 0 0'],
    ['their directory, made again', 'mkdir -p var/lib/dpkg/info; mark var/lib/dpkg/info trusted.overlay.opaque y'],
  ])('does not see through a whiteout of %s', async (_, layer) => {
    const { rows } = await stand.packagesOf([layer, base], 'echo evil > usr/bin/ls');
    expect(rows).toEqual({});
    quiet();
  });

  it('knows images that were made without dpkg (distroless)', async () => {
    const layer = `mkdir -p usr/bin var/lib/dpkg/status.d; echo ls > usr/bin/ls
      printf 'Package: tool\\nVersion: 3\\nArchitecture: amd64\\n' > var/lib/dpkg/status.d/tool
      printf '${md5('ls\n')}  usr/bin/ls\\n' > var/lib/dpkg/status.d/tool.md5sums`;
    const { rows } = await stand.packagesOf([layer], 'echo evil > usr/bin/ls');
    expect(rows['usr/bin/ls']?.image).toEqual({ package: 'tool', version: '3', algorithm: 'md5', digest: md5('ls\n') });
    quiet();
  });

  it('tells what an upgrade in the container wrote from what the image says', async () => {
    const { rows } = await stand.packagesOf(
      [base],
      `echo ls3 > usr/bin/ls; echo cat > usr/bin/cat; echo x > usr/bin/x
       ${sums('coreutils', { 'bin/ls': 'ls3\n', 'bin/cat': 'cat\n' })}; ${sums('extra', { 'usr/bin/x': 'x\n' })}; ${status({ coreutils: '9.3', extra: '1' })}`,
    );
    expect(rows['usr/bin/ls']).toMatchObject({
      image: { version: '9.1-1', digest: md5('ls\n') },
      own: { package: 'coreutils', version: '9.3', digest: md5('ls3\n') },
    });
    expect(rows['usr/bin/cat']).not.toHaveProperty('own');
    expect(rows['usr/bin/x']).toEqual(row('usr/bin/x', { own: { package: 'extra', version: '1', algorithm: 'md5', digest: md5('x\n') } }));
    quiet();
  });

  const conffiles = (...lines: string[]): string =>
    `mkdir -p var/lib/dpkg; printf '%s\\n' 'Package: nginx' 'Status: install ok installed' 'Architecture: amd64' 'Version: 1.22' Conffiles: ${lines
      .map((line) => `' ${line}'`)
      .join(' ')} 'Description: x' ' /etc/no ${md5('')}' > var/lib/dpkg/status`;
  const wasConf = { package: 'nginx', version: '1.22', algorithm: 'md5', digest: md5('was\n'), conffile: true } as const;

  it('knows what configuration was in the package, edited or not', async () => {
    const { rows } = await stand.packagesOf(
      [
        `${base}\nmkdir etc/cron.daily; echo d > etc/cron.daily/x; echo n > etc/new; echo o > etc/old; echo no > etc/no
         ${conffiles(`/etc/conf ${md5('was\n')}`, `/etc/cron.daily/x ${md5('d\n')}`, '/etc/new newconffile', `/etc/old ${md5('o\n')} obsolete`)}`,
      ],
      'for f in etc/conf etc/cron.daily/x etc/new etc/old etc/no usr/bin/ls; do echo evil > $f; done',
    );
    expect(rows).toEqual({
      'etc/conf': row('etc/conf', { image: wasConf }),
      'etc/cron.daily/x': row('etc/cron.daily/x', { image: { ...wasConf, digest: md5('d\n') } }),
      'etc/old': row('etc/old', { image: { ...wasConf, digest: md5('o\n') } }),
      'usr/bin/ls': row('usr/bin/ls', { image: { package: 'coreutils', algorithm: 'md5', digest: md5('ls\n') } }),
    });
    quiet();
  });

  it('tells configuration of an upgrade from that of the image', async () => {
    const { rows } = await stand.packagesOf(
      [`${base}\n${conffiles(`/etc/conf ${md5('was\n')}`)}`],
      `echo now > etc/conf; ${conffiles(`/etc/conf ${md5('now\n')}`, `/usr/sbin/nginx ${md5('x')}`)}; echo evil > usr/sbin/nginx`,
    );
    expect(rows['etc/conf']).toEqual(row('etc/conf', { image: wasConf, own: { ...wasConf, digest: md5('now\n') } }));
    // The word of the container makes no configuration of a program.
    expect(rows['usr/sbin/nginx']?.image).not.toHaveProperty('conffile');
    quiet();
  });

  it('counts lines of configuration that cannot be understood, whatever their length', async () => {
    const { rows } = await stand.packagesOf(
      [`${base}\n${conffiles('/etc/conf', '/etc/conf 0123', `etc/conf ${md5('')}`, `/etc/conf ${md5('')} stale`, `/etc/conf ${md5('was\n')}`)}`],
      `echo evil > etc/conf; { echo Package: x; echo Conffiles:; head -c 9000000 /dev/zero | tr '\\0' ' '; echo; yes obsolete | head -n 600000 | tr '\\n' ' '; echo; } > var/lib/dpkg/status`,
    );
    expect(rows).toEqual({ 'etc/conf': row('etc/conf', { image: wasConf }) });
    expect(stand.limits.map(({ reason, detail }) => `${reason}: ${detail}`)).toEqual([
      'package-lines: 4 lines of the image cannot be understood',
      'package-lines: 1 lines that the container has written cannot be understood',
    ]);
  });

  it('does not believe two packages that differ, and says so', async () => {
    const { rows } = await stand.packagesOf(
      [`${base}\n${sums('rival', { 'bin/ls': 'rival\n' })}`],
      'echo evil > usr/bin/ls; echo evil > usr/bin/cat',
    );
    expect(Object.keys(rows)).toEqual(['usr/bin/cat']);
    expect(stand.limits).toEqual([
      expect.objectContaining({ reason: 'package-disputed', detail: expect.stringContaining('1 changed file') as string }),
    ]);
  });

  it('counts lines that cannot be understood', async () => {
    const { rows } = await stand.packagesOf(
      [`${base}\nprintf 'junk\\n\\nXX${md5('').slice(2)}  bin/ls\\n' >> var/lib/dpkg/info/coreutils.md5sums`],
      'echo evil > usr/bin/ls',
    );
    expect(Object.keys(rows)).toEqual(['usr/bin/ls']);
    expect(stand.limits).toEqual([
      expect.objectContaining({ reason: 'package-lines', detail: expect.stringMatching(/^3 lines of the image/) as string }),
    ]);
  });

  it('keeps hostile names as the bytes they are', async () => {
    const name = String.raw`usr/bin/$'a b\xff\e[31m;$(id)-rf'`;
    const { rows } = await stand.packagesOf(
      [`${base}\necho x > ${name}; md5sum ${name} | sed 's/^\\\\//' > var/lib/dpkg/info/odd.md5sums`],
      `echo evil > ${name}; echo evil > $'usr/bin/new\\nline'; echo evil > usr/bin/ls`,
    );
    expect(Object.keys(rows)).toEqual([String.raw`usr/bin/a b\xff\x1b[31m;$(id)-rf`, 'usr/bin/ls']);
    expect(Object.values(rows)[0]?.image).toMatchObject({ package: 'odd', digest: md5('x\n') });
    quiet();
  });
});

describe('check-packages with apk', () => {
  const block = (name: string, version: string, files: string): string => `C:Q1x\\nP:${name}\\nV:${version}\\nA:x86_64\\n${files}\\n`;
  const image = `mkdir -p bin etc lib/apk/db; echo b > bin/busybox; echo p > etc/passwd; echo r > at-root
    printf '${block('busybox', '1.36-r1', `F:\\nR:at-root\\nZ:Q1${sha1('r\n')}\\nF:bin\\nM:0:0:755\\nR:busybox\\na:0:0:755\\nZ:Q1${sha1('b\n')}\\n`)}${block('base', '3', `F:etc\\nR:passwd\\nZ:Q2${createHash('sha256').update('p\n').digest('base64')}\\n`)}' > lib/apk/db/installed`;

  it('says what the image’s packages have', async () => {
    const { rows, fact } = await stand.packagesOf([image], 'for f in bin/busybox etc/passwd at-root bin/new; do echo evil > $f; done');
    expect(rows).toEqual({
      'at-root': {
        ...row('at-root', {}),
        manager: 'apk',
        image: { package: 'busybox', version: '1.36-r1', algorithm: 'sha1', digest: Buffer.from(sha1('r\n'), 'base64').toString('hex') },
      },
      'bin/busybox': {
        ...row('bin/busybox', {}),
        manager: 'apk',
        image: { package: 'busybox', version: '1.36-r1', algorithm: 'sha1', digest: Buffer.from(sha1('b\n'), 'base64').toString('hex') },
      },
      'etc/passwd': {
        ...row('etc/passwd', {}),
        manager: 'apk',
        image: { package: 'base', version: '3', algorithm: 'sha256', digest: createHash('sha256').update('p\n').digest('hex'), conffile: true },
      },
    });
    expect(fact.managers).toEqual(['apk']);
    quiet();
  });

  it('finds the database where usr was merged, and what the container wrote there', async () => {
    const merged = `mkdir -p usr/bin usr/lib/apk/db; ln -s usr/lib lib; ln -s usr/bin bin; echo t > usr/bin/tool
      printf '${block('tool', '1', `F:usr/bin\\nR:tool\\nZ:Q1${sha1('t\n')}\\n`)}' > usr/lib/apk/db/installed`;
    const { rows } = await stand.packagesOf(
      [merged],
      `echo t2 > usr/bin/tool; printf '${block('tool', '2', `F:usr/bin\\nR:tool\\nZ:Q1${sha1('t2\n')}\\n`)}' > usr/lib/apk/db/installed`,
    );
    expect(rows['usr/bin/tool']).toMatchObject({ manager: 'apk', image: { version: '1' }, own: { version: '2' } });
    quiet();
  });

  it('is not held up by a database that repeats itself', async () => {
    const { rows } = await stand.packagesOf(
      [image],
      `echo evil > bin/busybox; { printf 'P:'; head -c 4900 /dev/zero | tr '\\0' p; printf '\\nV:1\\nF:bin\\n'; yes $'R:busybox\\nZ:Q1${sha1('evil\n')}' | head -n 200000; } > lib/apk/db/installed`,
    );
    expect(rows['bin/busybox']?.own?.package).toHaveLength(200);
  });
});

describe('check-packages', () => {
  it('has nothing to say of an image without packages', async () => {
    const { fact } = await stand.packagesOf(['mkdir bin; echo b > bin/b'], 'echo evil > bin/b');
    expect(fact).toMatchObject({ count: 0, managers: [] });
    quiet();
  });

  it('asks nothing where no file was changed', async () => {
    const { fact } = await stand.packagesOf([base], 'mkdir new; rm etc/conf');
    expect(fact).toMatchObject({ count: 0, managers: [] });
    quiet();
  });

  it.each(['Packages', 'Packages.db'])('says that databases of rpm in an older format are not read: %s', async (name) => {
    await stand.packagesOf([`mkdir -p bin var/lib/rpm; echo x > var/lib/rpm/${name}; echo b > bin/b`], 'echo evil > bin/b');
    expect(stand.limits).toEqual([
      expect.objectContaining({ subject: `container web (current instance):/var/lib/rpm/${name}`, reason: 'package-database-unsupported' }),
    ]);
  });

  it('says that a container without layers is not read', async () => {
    await stand.packagesOf([base], 'echo evil > usr/bin/ls', { container: { overlay: undefined } });
    expect(stand.limits).toEqual([expect.objectContaining({ reason: 'no-layers' })]);
  });

  it('has a gap, and no failure, where the container is gone', async () => {
    const overlay = { upper: '/nonexistent/upper', lowers: ['/nonexistent/lower'], metacopy: false, redirects: false, userxattr: false };
    const { fact } = await stand.packagesOf([base], 'echo evil > usr/bin/ls', { container: { overlay } });
    expect(fact.count).toBe(0);
    expect(stand.gaps).toEqual([expect.objectContaining({ reason: 'pod-gone' })]);
  });

  it('reads an image of many layers', async () => {
    const layers = Array.from(
      { length: 60 },
      (_, index) => `mkdir -p usr/bin; echo ${index} > usr/bin/t${index}; ${sums(`t${index}`, { [`usr/bin/t${index}`]: `${index}\n` })}`,
    );
    const { rows } = await stand.packagesOf(layers, 'for n in $(seq 0 59); do echo evil > usr/bin/t$n; done');
    expect(Object.keys(rows)).toHaveLength(60);
    expect(rows['usr/bin/t59']?.image?.digest).toBe(md5('59\n'));
    quiet();
  });
});
