import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../../store/package-root.js';
import { compose } from '../../support/compose.js';

const folder = join(packageRoot(), 'deploy/kubernetes');
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');

const containerSchema = z.object({
  name: z.string(),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  livenessProbe: z.object({}),
  readinessProbe: z.object({}),
  resources: z.object({ requests: z.object({ cpu: z.string(), memory: z.string() }), limits: z.object({ memory: z.string() }) }),
  env: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
});
const workloadSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    template: z.object({
      spec: z.object({
        automountServiceAccountToken: z.boolean(),
        securityContext: z.object({ runAsNonRoot: z.literal(true), seccompProfile: z.object({ type: z.literal('RuntimeDefault') }) }),
        containers: z.array(containerSchema).length(1),
        volumes: z.array(z.object({ name: z.string(), secret: z.object({ secretName: z.string(), defaultMode: z.number() }).optional() })),
      }),
    }),
  }),
});

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}
const files = readdirSync(folder).filter((name) => name !== 'kustomization.yaml');
const manifests = files.flatMap((name) => parseAllDocuments(text(name)).map((document) => document.toJS() as Manifest));
const workloads = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet').map((manifest) => workloadSchema.parse(manifest));
const podOf = (name: string) => workloads.find(({ metadata }) => metadata.name === name)!.spec.template.spec;

describe('the manifests', () => {
  it('let workers do on the cluster what deploy/rbac.yaml says, to the letter', () => {
    expect(text('rbac.yaml')).toBe(readFileSync(join(packageRoot(), 'deploy/rbac.yaml'), 'utf8'));
  });

  it('are all in the kustomization', () => {
    const { resources } = parseAllDocuments(text('kustomization.yaml'))[0]!.toJS() as { resources: string[] };
    expect([...resources].sort()).toEqual([...files].sort());
  });

  it('give a token of the cluster to workers alone', () => {
    expect(Object.fromEntries(workloads.map(({ metadata, spec }) => [metadata.name, spec.template.spec.automountServiceAccountToken]))).toEqual({
      'podtriage-redis': false,
      'podtriage-api': false,
      'podtriage-worker': true,
    });
  });

  it('mount secrets for the group of the process and nobody else, and those of workers in no other pod', () => {
    const secrets = workloads.flatMap(({ spec }) => spec.template.spec.volumes.flatMap(({ secret }) => secret ?? []));
    expect(new Set(secrets.map(({ defaultMode }) => defaultMode))).toEqual(new Set([0o440]));
    const names = (workload: string) => podOf(workload).volumes.flatMap(({ secret }) => secret?.secretName ?? []);
    expect(names('podtriage-api')).toEqual(['podtriage-api', 'podtriage-redis', 'podtriage-s3', 'podtriage-intakes']);
    expect(names('podtriage-worker')).toEqual(['podtriage-worker', 'podtriage-redis', 'podtriage-s3', 'podtriage-endpoints']);
    expect(names('podtriage-redis')).toEqual(['podtriage-redis']);
  });

  it('deny all traffic that no policy allows', () => {
    const deny = manifests.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'default-deny');
    expect(deny?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it('keep workers from the metadata service of a cloud', () => {
    const blocks = JSON.stringify(manifests.filter(({ kind }) => kind === 'NetworkPolicy')).match(
      /"cidr":"0\.0\.0\.0\/0","except":\["169\.254\.0\.0\/16"\]/g,
    );
    expect(blocks).toHaveLength(2);
  });
});

it('every variable that is set by a manifest or by docker-compose.yml is one that the service reads', () => {
  const config = manifests.filter(({ kind }) => kind === 'ConfigMap').flatMap(({ data }) => Object.keys(data ?? {}));
  const env = workloads.flatMap(({ spec }) => spec.template.spec.containers.flatMap((container) => container.env.map(({ name }) => name)));
  const composed = Object.values(compose().services).flatMap(({ environment }) => Object.keys(environment));
  const source = ['config.ts', 'client-config.ts'].map((name) => readFileSync(join(packageRoot(), 'cli', name), 'utf8')).join('\n');
  for (const name of [...config, ...env, ...composed]) expect(source).toMatch(new RegExp(`\\b${name}\\b`));
});
