import { describe, expect, it } from 'vitest';
import { type Sample, sampleSchema, sampleSubject } from '../../../playbooks/judgement/sample.js';
import { sourceOf } from '../../../playbooks/judgement/subject.js';
import { loadRules } from './load-rules.js';

const rules = loadRules();

function firing(sample: Partial<Sample> & { path: string }): string[] {
  const subject = sampleSubject(sampleSchema.parse(sample));
  return rules.filter((rule) => rule.fires(subject)).map((rule) => rule.name);
}

function levelsOf(sample: Partial<Sample> & { path: string }): string[] {
  const subject = sampleSubject(sampleSchema.parse(sample));
  return rules.filter((rule) => rule.fires(subject)).map((rule) => rule.gradeOf(subject).level);
}

describe.each(rules)('rule $name', (rule) => {
  it.each(rule.examples.map((subject) => [sourceOf(subject)?.path.text, subject] as const))('fires for %s', (_path, subject) => {
    expect(rule.fires(subject)).toBe(true);
  });

  it.each(rule.counterExamples.map((subject) => [sourceOf(subject)?.path.text, subject] as const))('keeps silent for %s', (_path, subject) => {
    expect(rule.fires(subject)).toBe(false);
  });
});

describe('the rules together', () => {
  it.each<Partial<Sample> & { path: string }>([
    { path: 'var/log/nginx/access.log', kind: 'changed', content: 'text' },
    { path: 'app/__pycache__/main.cpython-312.pyc', content: 'binary' },
    { path: 'run/nginx.pid', content: 'text' },
    { path: 'var/cache/nginx/proxy_temp/1', content: 'binary' },
    { path: 'tmp/sess_0123', content: 'text' },
    { path: 'var/lib/app/data.db', kind: 'changed', content: 'binary' },
    { path: 'etc/hosts', origin: 'runtime', size: 0 },
    { path: 'etc/resolv.conf', origin: 'runtime', size: 0 },
    { path: 'etc/nginx', kind: 'changed', type: 'directory', origin: 'mount', size: 4096 },
    { path: 'var/www/html', type: 'directory', origin: 'mount' },
    { path: 'usr/lib/python3.12/__pycache__/os.cpython-312.pyc', content: 'binary', since: 'later' },
    { path: 'tmp/hsperfdata_root/1', content: 'binary', mode: '0600', size: 32_768 },
    { path: 'run/app.pid', content: 'text', since: 'at-start' },
    { path: 'var/log/app.log.1.gz', content: 'archive' },
    { path: 'var/log/app.log', kind: 'changed', size: 0, sizeBefore: 900, content: 'empty', rotated: true },
    { path: 'var/log/app.log', kind: 'deleted', rotated: true },
    { path: 'var/log/dpkg.log', kind: 'changed', size: 900, sizeBefore: 100, content: 'text' },
    { path: 'var/lib/dpkg/status', kind: 'changed', content: 'text' },
    { path: 'var/lib/dpkg/info/tool.md5sums', content: 'text' },
    { path: 'var/lib/apt/lists/deb.example_dists_stable_Packages', content: 'text' },
    { path: 'var/cache/apt/archives/tool.deb', kind: 'deleted' },
    { path: 'etc/ld.so.cache', kind: 'changed', content: 'binary' },
    { path: 'etc/ssh/ssh_host_ed25519_key', content: 'text', mode: '0600' },
    { path: 'etc/localtime', kind: 'changed', type: 'symlink', target: '/usr/share/zoneinfo/Europe/Vienna' },
    { path: 'etc/timezone', kind: 'changed', content: 'text' },
    { path: 'var/cache/fontconfig/0123-le64.cache-8', content: 'binary' },
    { path: 'app/node_modules/.cache/babel-loader/a.json', content: 'text' },
    { path: 'root/.npm/_logs/2025-01-01T00_00_00_000Z-debug-0.log', content: 'text' },
    { path: 'usr/share/doc/tool/changelog.gz', kind: 'changed', content: 'archive', package: 'as-upgraded' },
    { path: 'etc/apt/apt.conf.d/01autoremove', kind: 'changed', content: 'text', package: 'edited' },
    { path: 'etc/hosts.allow', kind: 'changed', content: 'text', package: 'edited', since: 'later' },
    { path: 'etc/mtab', type: 'symlink', origin: 'runtime', target: '/proc/mounts', size: 12 },
  ])('say nothing about the ordinary $path', (sample) => {
    expect(firing(sample)).toEqual([]);
  });

  it.each([
    [{ path: 'tmp/xmrig', content: 'elf' as const, lookup: 'detected' as const }, ['executable-in-temp', 'lookup-detected', 'miner-name']],
    [{ path: 'usr/local/bin/su-x', content: 'elf' as const, mode: '4755' }, ['executable-added', 'setuid-gained']],
    [{ path: 'var/www/html/shell.php', content: 'php' as const }, ['web-root-changed', 'web-root-script']],
    [{ path: 'etc/cron.d/update', content: 'text' as const }, ['cron-changed']],
    [{ path: 'var/log/app.log', kind: 'deleted' as const }, ['log-deleted']],
    [
      { path: 'etc/cron.daily/dpkg', kind: 'changed' as const, content: 'script' as const, package: 'edited' as const },
      ['cron-changed', 'script-added'],
    ],
    [
      { path: 'etc/nginx/nginx.conf', kind: 'changed' as const, content: 'text' as const, package: 'edited' as const },
      ['server-configuration-changed'],
    ],
  ])('say of a planted file %o: %o', (sample, names) => {
    expect(firing(sample)).toEqual(names);
  });

  it.each<[string, Partial<Sample> & { path: string }]>([
    ['a library of an upgraded package', { path: 'usr/lib/libssl.so.3', kind: 'changed', content: 'elf', package: 'as-upgraded', since: 'later' }],
    ['a new library of one', { path: 'usr/lib/libssl.so.3.0.14', content: 'elf', package: 'as-upgraded', since: 'later' }],
    ['a script of one', { path: 'usr/bin/ldd', kind: 'changed', content: 'script', package: 'as-upgraded', since: 'later' }],
    ['an interpreter’s file of one', { path: 'usr/lib/python3/dist-packages/apt/x.py', kind: 'changed', content: 'text', package: 'as-upgraded' }],
    ['a configuration of one', { path: 'etc/nginx/nginx.conf', kind: 'changed', content: 'text', package: 'as-upgraded', since: 'later' }],
    ['a setting of one', { path: 'etc/cron.daily/dpkg', kind: 'changed', content: 'script', package: 'as-upgraded', since: 'later' }],
    ['a setuid program of one', { path: 'usr/bin/su', kind: 'changed', content: 'elf', mode: '4755', modeBefore: '4755', package: 'as-upgraded' }],
    ['what dpkg runs itself', { path: 'var/lib/dpkg/info/tool.postinst', content: 'script', since: 'later' }],
    ['a server configuration that was made at start', { path: 'etc/nginx/conf.d/default.conf', kind: 'changed', content: 'text', since: 'at-start' }],
    ['a native library that Java unpacks', { path: 'tmp/libnetty_transport_native_epoll_x86_64.so', content: 'elf', mode: '0644' }],
    ['a program that npm installs', { path: 'app/node_modules/esbuild/bin/esbuild', content: 'elf', mode: '0755', since: 'at-start' }],
  ])('make no more than a notice of %s', (_what, sample) => {
    expect(levelsOf(sample).filter((level) => level !== 'notice')).toEqual([]);
  });

  it.each<[string, Partial<Sample> & { path: string }, string]>([
    [
      'setuid on a program that is as packaged',
      { path: 'bin/bash', kind: 'changed', content: 'elf', mode: '4755', modeBefore: '0755', package: 'as-packaged' },
      'setuid-gained',
    ],
    [
      'mining by a program that a list knows',
      {
        path: 'usr/bin/python3',
        content: 'elf',
        lookup: 'known-good',
        process: { state: 'present', filesystem: 'overlayfs', name: 'python3', arguments: ['-o', 'stratum+tcp://x'] },
      },
      'miner-command-line',
    ],
  ])('are as loud about %s', (_what, sample, name) => {
    const subject = sampleSubject(sampleSchema.parse(sample));
    const rule = rules.find((each) => each.name === name);
    expect(rule?.fires(subject)).toBe(true);
    expect(rule?.gradeOf(subject)).toEqual({ level: rule?.level, weight: rule?.weight });
  });

  it('make a notice of a path whose bytes are known to be good, and weigh it as one', () => {
    const subject = sampleSubject(sampleSchema.parse({ path: 'etc/nginx/nginx.conf', kind: 'changed', content: 'text', lookup: 'known-good' }));
    const rule = rules.find(({ name }) => name === 'server-configuration-changed');
    expect(rule?.fires(subject)).toBe(true);
    expect(rule?.gradeOf(subject)).toEqual({ level: 'notice', weight: 40 });
  });

  it('ask nothing of content facts and packages that a run does not have', () => {
    const asking = rules.filter(({ name }) =>
      ['miner-configuration', 'wallet-address', 'packed-executable', 'dense-executable', 'package-file-replaced'].includes(name),
    );
    expect(asking).toHaveLength(5);
    for (const content of ['elf', 'script', 'text'] as const) {
      const subject = sampleSubject(sampleSchema.parse({ path: 'usr/lib/x.so', kind: 'changed', content, lookup: 'unknown' }));
      expect(asking.filter((rule) => rule.fires(subject)).map(({ name }) => name)).toEqual([]);
    }
  });

  it('say what each is made for with an ATT&CK id, or with none', () => {
    const named = new Set(rules.flatMap(({ techniques }) => techniques));
    const wanted = `T1505.003 T1190 T1068 T1548.001 T1070.002 T1070.004 T1070.006 T1496 T1105 T1059.004 T1036 T1036.005 T1036.006 T1036.007 T1053.003
      T1574.006 T1098.004 T1136.001 T1554 T1620 T1027.002`.split(/\s+/);
    expect(wanted.filter((technique) => !named.has(technique))).toEqual([]);
  });

  it('see a name whatever bytes stand around it', () => {
    const subject = sampleSubject(sampleSchema.parse({ path: 'x', content: 'php' }));
    const path = Buffer.concat([Buffer.from('var/www/\n\xff', 'latin1'), Buffer.from([0xff, 0xfe, 0x1b]), Buffer.from('/a.php')]);
    const change = { ...subject.change!, path: { b64: path.toString('base64'), text: 'harmless' } };
    expect(rules.filter((rule) => rule.fires({ ...subject, change })).map((rule) => rule.name)).toContain('web-root-script');
  });

  it('see files of unknown type as a weak listing gives them', () => {
    expect(firing({ path: 'etc/nginx/nginx.conf', kind: 'changed', type: 'unknown' })).toEqual(['server-configuration-changed']);
  });

  it('have weights in which known malware stands alone on top', () => {
    const malicious = rules.filter((rule) => rule.level === 'malicious').map((rule) => rule.weight);
    const rest = rules.filter((rule) => rule.level !== 'malicious').map((rule) => rule.weight);
    expect(Math.min(...malicious)).toBeGreaterThan(Math.max(...rest));
  });
});
