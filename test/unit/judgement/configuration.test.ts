import { describe, expect, it } from 'vitest';
import { judge } from '../../../playbooks/judgement/judge.js';
import { loadRules } from '../rules/load-rules.js';
import { artifactOf, change } from './builders.js';

describe('findings about configuration', () => {
  it('do not call configuration replaced that somebody edited, and say that it is not as packaged', () => {
    const [conf, script] = [change('etc/nginx/nginx.conf', { kind: 'changed' }), change('etc/init.d/cron', { kind: 'changed' })];
    const image = { package: 'nginx', algorithm: 'md5', digest: 'b'.repeat(32), conffile: true } as const;
    const { findings } = judge({
      ...{ lookups: [], gaps: [], failedSteps: [], rules: loadRules() },
      changes: [conf, script],
      artifacts: [artifactOf(conf, 'text', { md5: 'a'.repeat(32) }), artifactOf(script, 'script', { md5: 'a'.repeat(32) })],
      packages: [conf, script].map(({ containerId, path }) => ({ container: 'web', containerId, path, manager: 'dpkg' as const, image })),
    });
    expect(findings.map(({ rule }) => rule)).toEqual(['server-configuration-changed', 'startup-changed', 'script-added']);
    expect(findings[0]?.evidence).toContain('; configuration, not as in package nginx');
  });
});
