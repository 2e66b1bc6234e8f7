import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { printPermissions } from '../../../cli/commands/playbooks.js';
import { catalog } from '../../../playbooks/catalog.js';
import { onCluster, type Permission, permissionSchema, rootOnNode, unionOf } from '../../../playbooks/permission.js';
import { parsePlaybook, permissionsOf } from '../../../playbooks/playbook.js';
import { loadPlaybooks } from '../../../store/definitions.js';
import { packageRoot } from '../../../store/package-root.js';
import { fakeIo } from './fake-io.js';

const playbooks = await loadPlaybooks(join(packageRoot(), 'playbooks', 'definitions'), catalog);
const permissions = (name: string): Permission[] => permissionsOf(playbooks.get(name) ?? { steps: [] });
const exec = [onCluster('create', 'pods/exec'), onCluster('get', 'pods/exec')];

function printed(name: string, only?: 'rbac' | 'sudoers', env: Record<string, string> = {}): string {
  const io = fakeIo({ env });
  printPermissions(io, playbooks, name, only);
  return io.printed();
}

/** `verb resource` of each rule of the ClusterRole of this name. */
function rulesOf(text: string, role: string): string[] {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as { kind: string; metadata: { name: string }; rules?: Rule[] });
  const rules = documents.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === role)?.rules ?? [];
  return rules.flatMap(({ verbs, resources }) => verbs.flatMap((verb) => resources.map((resource) => `${verb} ${resource}`))).sort();
}
interface Rule {
  readonly verbs: string[];
  readonly resources: string[];
}

describe('what a playbook needs', () => {
  it('is what its steps need, each once, in the API’s own shapes', () => {
    for (const [name, { steps }] of playbooks) {
      expect(permissions(name)).toEqual(unionOf(steps.flatMap((step) => step.permissions)));
      for (const permission of permissions(name)) expect(permissionSchema.parse(permission)).toEqual(permission);
    }
  });

  it('has exec in containers only where a parameter asks for it', () => {
    expect(permissions('a-f-02')).not.toContainEqual(exec[0]);
    expect(permissions('a-f-02-listing')).toEqual(expect.arrayContaining(exec));
    expect(permissions('a-f-02-listing')).toContainEqual({ kind: 'setting', variable: 'PODTRIAGE_IN_CONTAINER', value: 'allowed' });
  });

  it('has root on the node for logs only where some are asked for', () => {
    const needed = (params: string): Permission[] => {
      const steps = `  - step: locate-node\n  - step: read-logs\n${params}  - step: write-report\n`;
      return permissionsOf(parsePlaybook('p.yaml', `name: p\ntitle: t\nsummary: s\nsteps:\n${steps}`, catalog));
    };
    expect(needed('    params: { logBytes: 0 }\n')).not.toContainEqual(rootOnNode);
    expect(needed('')).toContainEqual(rootOnNode);
  });
});

describe('podtriage playbooks NAME --permissions', () => {
  it('prints exactly the rules of the cluster that the steps name', () => {
    expect(rulesOf(printed('a-f-02'), 'podtriage')).toEqual(['get namespaces', 'get nodes', 'get pods', 'list events']);
    expect(rulesOf(printed('a-f-02-listing'), 'podtriage')).toEqual(rulesOf(printed('a-f-02'), 'podtriage'));
    expect(rulesOf(printed('a-f-02-listing'), 'podtriage-exec')).toEqual(['create pods/exec', 'get pods/exec']);
  });

  it('lists pods in a role of its own, which batches and alerts need and playbooks do not', () => {
    expect(rulesOf(printed('a-f-02'), 'podtriage-lists')).toEqual(['list pods']);
  });

  it('binds no role that reaches into containers', () => {
    const bound = parseAllDocuments(printed('a-f-02-listing')).map((document) => document.toJS() as { roleRef?: { name: string } });
    expect(bound.flatMap(({ roleRef }) => roleRef?.name ?? [])).toEqual(['podtriage', 'podtriage-lists']);
  });

  it('prints the line of sudoers as it must stand, and that it means root', () => {
    const lines = printed('a-f-02', 'sudoers').split('\n');
    expect(lines.filter((line) => !line.startsWith('#') && line !== '')).toEqual(['podtriage ALL=(root) NOPASSWD: /usr/bin/env']);
    expect(lines.join(' ')).toMatch(/root of the node/);
    expect(printed('a-f-02', 'sudoers', { PODTRIAGE_SSH_USER: 'ir-team' })).toContain('\nir-team ALL=(root) NOPASSWD: /usr/bin/env\n');
  });

  it('names what is needed elsewhere', () => {
    expect(printed('a-f-02')).toContain('VirusTotal: GET /files/{sha256}');
    expect(printed('a-f-02')).not.toContain('PODTRIAGE_IN_CONTAINER');
    expect(printed('a-f-02-listing')).toContain('PODTRIAGE_IN_CONTAINER=allowed');
  });

  it('refuses a playbook that is not there, and a user who could add lines to sudoers', () => {
    expect(() => printed('nothing')).toThrow(expect.objectContaining({ code: 'playbook-unknown' }) as Error);
    for (const user of ['a b', 'a\nb ALL=(ALL) ALL', '#1', 'a,b', '%wheel'])
      expect(() => printed('a-f-02', 'sudoers', { PODTRIAGE_SSH_USER: user })).toThrow(expect.objectContaining({ code: 'config-invalid' }) as Error);
  });
});

describe('files that repeat it', () => {
  const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');

  it('deploy/rbac.yaml is what a-f-02 prints', () => {
    expect(read('deploy/rbac.yaml')).toBe(printed('a-f-02', 'rbac'));
  });

  it('README.md shows the line of sudoers', () => {
    expect(read('README.md')).toContain(printed('a-f-02', 'sudoers').trimEnd().split('\n').at(-1));
  });
});
