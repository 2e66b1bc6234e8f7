import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { ListedPod } from '../../playbooks/domain/batch.js';
import { createClusters } from '../../workers/adapters/kubernetes/clusters.js';
import { startAsAccount } from './account.js';
import { kubectl, lab } from './lab.js';
import type { TestService } from './service.js';

const run = promisify(execFile);
const folder = join(import.meta.dirname, '../../deploy/kubernetes');
const restricted = 'podtriage-restricted';
const roles = ['podtriage', 'podtriage-lists'].flatMap((name) => [`clusterrole/${name}`, `clusterrolebinding/${name}`]);

/** kubectl as the lab's administrator, with something on stdin. */
async function admin(args: readonly string[], stdin = ''): Promise<{ stdout: string; stderr: string }> {
  const child = run(lab.programs.kubectl, ['--kubeconfig', lab.kubeconfig, ...args], { maxBuffer: 64 * 1024 * 1024 });
  child.child.stdin?.end(stdin);
  return child;
}

const workloadSchema = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    template: z.object({ spec: z.looseObject({ volumes: z.array(z.unknown()) }) }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })).default([]),
  }),
});

describe('deploy/kubernetes', () => {
  beforeAll(async () => {
    // In a dry run the namespace is not made, and what is in it would be refused.
    await admin(['apply', '-f', join(folder, 'rbac.yaml')]);
  });

  it('is what the API server takes, each object of it, without a warning', async () => {
    const { stdout, stderr } = await admin(['apply', '--dry-run=server', '-k', folder]);
    const kinds = stdout.split('\n').flatMap((line) => /^([a-z]+)[./]/.exec(line)?.[1] ?? []);
    expect(new Set(kinds)).toEqual(
      new Set(
        'namespace serviceaccount clusterrole clusterrolebinding configmap service persistentvolumeclaim deployment statefulset poddisruptionbudget networkpolicy'.split(
          ' ',
        ),
      ),
    );
    expect(stderr).toBe('');
  });

  it('makes pods that the restricted Pod Security Standard lets in', async () => {
    const space = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: restricted, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    };
    await admin(['apply', '-f', '-'], JSON.stringify(space));
    const { stdout } = await admin(['kustomize', folder]);
    const workloads = parseAllDocuments(stdout)
      .map((document) => document.toJS() as { kind: string })
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map((manifest) => workloadSchema.parse(manifest));
    expect(workloads).toHaveLength(3);
    for (const { metadata, spec } of workloads) {
      const claimed = spec.volumeClaimTemplates.map((claim) => ({ name: claim.metadata.name, emptyDir: {} }));
      const podSpec = { ...spec.template.spec, volumes: [...spec.template.spec.volumes, ...claimed] };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: metadata.name, namespace: restricted }, spec: podSpec };
      await expect(admin(['create', '--dry-run=server', '-f', '-'], JSON.stringify(pod)), metadata.name).resolves.toMatchObject({ stderr: '' });
    }
    // It would be easy to let everything in.
    const open = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'open', namespace: restricted },
      spec: { containers: [{ name: 'x', image: 'x' }] },
    };
    await expect(admin(['create', '--dry-run=server', '-f', '-'], JSON.stringify(open))).rejects.toMatchObject({
      stderr: expect.stringContaining('PodSecurity') as string,
    });
  });
});

describe('a worker with the service account of deploy/kubernetes and nothing else', () => {
  let service: TestService;
  let kubeconfig: string;

  beforeAll(async () => {
    for (const role of roles) await kubectl('delete', role, '--ignore-not-found');
    await admin(['apply', '-f', join(folder, 'rbac.yaml')]);
    ({ service, kubeconfig } = await startAsAccount());
  });

  afterAll(async () => {
    await service.stop();
    for (const role of roles) await kubectl('delete', role, '--ignore-not-found');
    await kubectl('delete', '-n', 'podtriage', 'serviceaccount/podtriage', '--ignore-not-found');
  });

  it('triages a pod, and misses nothing', async () => {
    const triaged = await service.triage('web-a');
    expect(triaged.steps.flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(triaged).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'malicious' });
  });

  it('lists pods for batches and alerts', async () => {
    const pods: ListedPod[] = [];
    const signal = new AbortController().signal;
    for await (const page of createClusters({ default: kubeconfig }).list('default', { namespace: lab.namespace }, signal)) pods.push(...page);
    expect(pods.map(({ pod }) => pod)).toEqual(expect.arrayContaining(['web-a', 'web-b']));
  });

  it.each([
    ['get', 'secrets'],
    ['list', 'secrets'],
    ['create', 'pods'],
    ['create', 'pods/exec'],
    ['delete', 'pods'],
    ['get', 'configmaps'],
  ])('may not %s %s', async (verb, resource) => {
    const [of = '', part] = resource.split('/');
    const words = [
      '--kubeconfig',
      kubeconfig,
      '-n',
      lab.namespace,
      'auth',
      'can-i',
      verb,
      of,
      ...(part === undefined ? [] : ['--subresource', part]),
    ];
    await expect(run(lab.programs.kubectl, words)).rejects.toMatchObject({ stdout: expect.stringMatching(/^no/) as string });
  });
});
