import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const cache = process.env['PODTRIAGE_LAB'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'podtriage-lab');

const labSchema = z.object({
  run: z.string(),
  command: z.string(),
  kubeconfig: z.string(),
  auditLog: z.string(),
  namespace: z.string(),
  image: z.string(),
  expected: z.string(),
  nodes: z.array(z.object({ name: z.string(), address: z.string(), socket: z.string(), sshdLog: z.string() })),
  ssh: z.object({
    key: z.string(),
    knownHosts: z.string(),
    wrongKnownHosts: z.string(),
    users: z.object({ root: z.string(), sudo: z.string(), noSudo: z.string() }),
  }),
  programs: z.object({ kubectl: z.string(), nerdctl: z.string(), ctr: z.string() }),
});

/** The lab as it runs now; `make test` has brought it up and planted it. */
export const lab = labSchema.parse(JSON.parse(readFileSync(join(cache, 'run', 'lab.json'), 'utf8')));

export async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await run(lab.programs.kubectl, ['--kubeconfig', lab.kubeconfig, '-n', lab.namespace, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export async function labCommand(...args: string[]): Promise<void> {
  await run('bash', [lab.command, ...args]);
}

/** A pod of the lab's own kind: web image, everything set as the lab's pods have it. */
export function podManifest(name: string, node: string, more: object = {}): object {
  const container = { name: 'web', image: lab.image, imagePullPolicy: 'Never', ...more };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: lab.namespace },
    spec: {
      ...(node === '' ? {} : { nodeName: node }),
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      dnsPolicy: 'Default',
      tolerations: [{ operator: 'Exists' }],
      containers: [container],
    },
  };
}

/** Makes an object of the cluster. */
export async function apply(manifest: object): Promise<void> {
  const script = `printf %s "$1" | "$2" --kubeconfig "$3" apply -f -`;
  await run('bash', ['-c', script, 'x', JSON.stringify(manifest), lab.programs.kubectl, lab.kubeconfig]);
}

/** Makes a pod and waits until it runs; without a node it stays pending. */
export async function createPod(name: string, node: string, more: object = {}): Promise<void> {
  await apply(podManifest(name, node, more));
  if (node !== '') await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=240s');
}

export async function deletePod(name: string): Promise<void> {
  await kubectl('delete', 'pod', name, '--ignore-not-found', '--wait=true', '--timeout=240s');
}

/** Runs a script in a pod. */
export async function inPod(name: string, script: string): Promise<void> {
  await kubectl('exec', name, '--', '/bin/sh', '-c', `${script}; true`);
}

const expectedSchema = z.object({
  changes: z.array(
    z.object({
      path_b64: z.string(),
      kind: z.enum(['added', 'changed', 'deleted']),
      type: z.enum(['f', 'd', 'l', 'p']),
      sha256: z.string().optional(),
      mode: z.string().optional(),
      target_b64: z.string().optional(),
    }),
  ),
  volumes: z.array(z.object({ volume: z.string(), path_b64: z.string(), sha256: z.string() })).default([]),
});
export type Expected = z.output<typeof expectedSchema>;

/** The right answer for a planted pod, made from what was planted. */
export function expected(pod: string): Expected {
  return expectedSchema.parse(JSON.parse(readFileSync(join(lab.expected, `${pod}.json`), 'utf8')));
}

/** Exec and attach calls that the API server has seen for a pod. */
export function execCalls(pod: string): number {
  return calls(pod, ['exec', 'attach']);
}

/** Requests for the log of a pod's container that the API server has seen. */
export function logCalls(pod: string): number {
  return calls(pod, ['log']);
}

function calls(pod: string, subresources: readonly string[]): number {
  const ids = readFileSync(lab.auditLog, 'utf8')
    .split('\n')
    .filter((line) => subresources.some((name) => new RegExp(`/pods/${pod}/${name}[?"]`).test(line)))
    .map((line) => /"auditID":"([^"]+)"/.exec(line)?.[1]);
  return new Set(ids).size;
}
