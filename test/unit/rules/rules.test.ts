import { describe, expect, it } from 'vitest';
import { type Sample, sampleSchema, sampleSubject } from '../../../playbooks/judgement/sample.js';
import { sourceOf } from '../../../playbooks/judgement/subject.js';
import { loadRules } from './load-rules.js';

const rules = loadRules();

function firing(sample: Partial<Sample> & { path: string }): string[] {
  const subject = sampleSubject(sampleSchema.parse(sample));
  return rules.filter((rule) => rule.fires(subject)).map((rule) => rule.name);
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
  ])('say of a planted file %o: %o', (sample, names) => {
    expect(firing(sample)).toEqual(names);
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
