import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { RunView } from '../../store/run-view.js';
import { startAsAccount } from './account.js';
import { execCalls, kubectl, lab } from './lab.js';
import type { TestService } from './service.js';

/** Not the name in the printed line: that one may be in use on the machine of whoever runs the tests. */
const user = 'pt-printed';
const sudoers = '/etc/sudoers.d/podtriage-lab-printed';
const home = '/run/podtriage-lab/home';
const program = join(import.meta.dirname, '../../dist/cli/main.js');
const names = ['podtriage', 'podtriage-lists'];
const roles = [...names.flatMap((name) => [`clusterrolebinding/${name}`, `clusterrole/${name}`]), 'clusterrole/podtriage-exec'];

let service: TestService;
let kubeconfig: string;

/** What the command prints, without any service. */
function printed(playbook: string, only: 'rbac' | 'sudoers'): string {
  return execFileSync(process.execPath, [program, 'playbooks', playbook, '--permissions', '--only', only], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', PODTRIAGE_SSH_USER: user },
  });
}

function applyText(text: string): void {
  execFileSync(lab.programs.kubectl, ['--kubeconfig', lab.kubeconfig, 'apply', '-f', '-'], { input: text, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** A node user whose only line in sudoers is the printed one. */
function makeUser(): void {
  removeUser();
  const words = ['--system', '--no-create-home', '--home-dir', home, '--shell', '/bin/bash', '--comment', 'podtriage-lab', '--password', '*', user];
  execFileSync('useradd', words);
  writeFileSync(`${sudoers}.new`, printed('a-f-02', 'sudoers'), { mode: 0o440 });
  execFileSync('visudo', ['-q', '-c', '-f', `${sudoers}.new`]);
  renameSync(`${sudoers}.new`, sudoers);
}

function removeUser(): void {
  for (const file of [sudoers, `${sudoers}.new`]) rmSync(file, { force: true });
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  if (line?.split(':')[4] === 'podtriage-lab') execFileSync('userdel', [user]);
}

/** What RBAC says to it, in one word. */
function may(verb: string, resource: string): string {
  // A name with `/` would be one of an object.
  const [of = '', part] = resource.split('/');
  const words = ['--kubeconfig', kubeconfig, '-n', lab.namespace, 'auth', 'can-i', verb, of, ...(part === undefined ? [] : ['--subresource', part])];
  try {
    return execFileSync(lab.programs.kubectl, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'no';
  }
}

async function gapsOf(run: RunView): Promise<string> {
  const { body } = (await service.api(`/runs/${run.id}/report?format=json`)) as { body: { gaps: { reason: string; detail?: string }[] } };
  return body.gaps.map(({ reason, detail }) => `${reason}: ${detail ?? ''}`).join('\n');
}

function failureOf(run: RunView, step: string): { code: string; message: string } | undefined {
  return run.steps.find(({ name }) => name === step)?.error;
}

beforeAll(async () => {
  for (const role of roles) await kubectl('delete', role, '--ignore-not-found');
  applyText(printed('a-f-02', 'rbac'));
  makeUser();
  ({ service, kubeconfig } = await startAsAccount({ PODTRIAGE_SSH_USER: user }));
});

afterAll(async () => {
  await service.stop();
  removeUser();
  // The namespace stays: in the lab nobody would finish its deletion.
  for (const role of [...roles, '-n podtriage serviceaccount/podtriage']) await kubectl('delete', '--ignore-not-found', ...role.split(' '));
});

describe('with exactly the printed permissions of a-f-02', () => {
  it.each(['web-a', 'web-b'])('a-f-02 misses nothing on %s', async (pod) => {
    const run = await service.triage(pod);
    const errors = run.steps.flatMap(({ error }) => error ?? []);
    expect([errors, await gapsOf(run), run]).toMatchObject([[], '', { state: 'completed', completeness: 'full', verdict: 'malicious' }]);
  });

  it('the service account may do what is printed, and nothing beside it', () => {
    for (const [verb, resource] of [
      ['get', 'pods'],
      ['list', 'pods'],
      ['get', 'nodes'],
      ['get', 'namespaces'],
      ['list', 'events'],
    ] as const)
      expect([verb, resource, may(verb, resource)]).toEqual([verb, resource, 'yes']);
    for (const [verb, resource] of [
      ['create', 'pods/exec'],
      ['get', 'pods/exec'],
      ['watch', 'pods'],
      ['get', 'pods/log'],
      ['get', 'secrets'],
      ['get', 'configmaps'],
      ['delete', 'pods'],
      ['update', 'pods/ephemeralcontainers'],
      ['get', 'events'],
      ['get', 'nodes/proxy'],
    ] as const)
      expect([verb, resource, may(verb, resource)]).toEqual([verb, resource, 'no']);
  });

  it('the node user may start env as root, and nothing beside it', () => {
    const listed = execFileSync('sudo', ['-l', '-U', user], { encoding: 'utf8' });
    expect(listed.slice(listed.indexOf('may run')).split('\n').slice(1).filter(Boolean)).toEqual(['    (root) NOPASSWD: /usr/bin/env']);
  });

  it('a-f-02-listing ends where it would reach into the container, and says what to grant', async () => {
    const run = await service.triage('web-a', { playbook: 'a-f-02-listing' });
    expect(failureOf(run, 'diff-filesystem')).toBeUndefined();
    expect(failureOf(run, 'export-files')).toMatchObject({
      code: 'cluster-forbidden',
      message: expect.stringMatching(/does not let podtriage get and create pods\/exec: grant it in RBAC/) as string,
    });
    expect((await service.api(`/runs/${run.id}/report?format=json`)).status).toBe(200);
  });
});

describe('without one of the printed rules', () => {
  interface Role {
    readonly kind: string;
    readonly rules?: { verbs: string[]; resources: string[] }[];
  }
  /** The printed role, but for one rule. */
  const without = (verb: string, resource: string): string =>
    parseAllDocuments(printed('a-f-02', 'rbac'))
      .map((document) => document.toJS() as Role)
      .filter(({ kind }) => kind === 'ClusterRole')
      .map(({ rules = [], ...role }) => {
        const kept = (rule: { verbs: string[]; resources: string[] }): string[] =>
          rule.verbs.includes(verb) ? rule.resources.filter((name) => name !== resource) : rule.resources;
        return stringify({ ...role, rules: rules.map((rule) => ({ ...rule, resources: kept(rule) })).filter((rule) => rule.resources.length > 0) });
      })
      .join('---\n');

  afterAll(() => applyText(printed('a-f-02', 'rbac')));

  it.each([
    ['get', 'pods'],
    ['get', 'nodes'],
    ['list', 'events'],
  ])('%s %s, the run is not whole and names it', async (verb, resource) => {
    applyText(without(verb, resource));
    const run = await service.triage('clean-a');
    expect(`${await gapsOf(run)}\n${failureOf(run, 'locate-node')?.message ?? ''}`).toContain(`does not let podtriage ${verb} ${resource}:`);
    expect([run.state, run.completeness]).not.toEqual(['completed', 'full']);
  });

  it('get namespaces, a pod that is not there cannot be told from a namespace that is not', async () => {
    applyText(without('get', 'namespaces'));
    expect(failureOf(await service.triage('no-such-pod'), 'locate-node')?.message).toContain('could not be found out');
    applyText(printed('a-f-02', 'rbac'));
    expect(failureOf(await service.triage('no-such-pod'), 'locate-node')?.message).toContain('the namespace exists');
  });
});

describe('with the printed permissions of a-f-02-listing', () => {
  it('bound as the printed comment says, it takes the files', async () => {
    const text = printed('a-f-02-listing', 'rbac');
    applyText(text);
    const command = /^# kubectl -n NAMESPACE (.*)$/m.exec(text)?.[1] ?? '';
    await kubectl('delete', 'rolebinding', 'podtriage-exec', '--ignore-not-found');
    await kubectl(...command.split(' '));
    try {
      const run = await service.triage('web-a', { playbook: 'a-f-02-listing' });
      expect(failureOf(run, 'export-files')).toBeUndefined();
      expect(run).toMatchObject({ state: 'completed', verdict: 'malicious' });
    } finally {
      await kubectl('delete', 'rolebinding', 'podtriage-exec');
    }
  });

  it('a worker that is not told to allow it runs nothing in the container, and says how to allow it', async () => {
    await service.kill();
    await service.spawn({ PODTRIAGE_IN_CONTAINER: '', PODTRIAGE_KUBECONFIG: lab.kubeconfig });
    const before = execCalls('web-a');
    const run = await service.triage('web-a', { playbook: 'a-f-02-listing' });
    expect(failureOf(run, 'export-files')).toMatchObject({
      code: 'method-forbidden',
      message: expect.stringContaining('PODTRIAGE_IN_CONTAINER=allowed') as string,
    });
    expect(execCalls('web-a')).toBe(before);
    const custody = await service.api(`/runs/${run.id}/custody?limit=500`);
    expect(custody.text).not.toContain('in-container-tar');
  });
});
