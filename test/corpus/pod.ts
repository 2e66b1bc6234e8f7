import { apply, kubectl, lab } from '../e2e/lab.js';
import type { Case, Where } from './case.js';

/** What a pod of the corpus has beyond one container of the image `corpus`. */
export interface PodShape {
  readonly containers?: readonly object[];
  /** Fields of the container, where there is one. */
  readonly container?: object;
  readonly volumes?: readonly object[];
  /** Fields of the pod's spec. */
  readonly spec?: object;
  /** Other objects that it needs, made before it. */
  readonly with?: readonly object[];
}

/** An image of `lab load`. */
export function corpusImage(name = 'corpus'): string {
  return `localhost/lab/${name}:1`;
}

/** Makes a pod and waits until it is ready. */
export async function makePod(name: string, node: string, shape: PodShape): Promise<void> {
  const container = { name: 'web', image: corpusImage(), imagePullPolicy: 'Never', ...shape.container };
  const spec = {
    nodeName: node,
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    dnsPolicy: 'Default',
    tolerations: [{ operator: 'Exists' }],
    containers: shape.containers ?? [container],
    volumes: shape.volumes ?? [],
    ...shape.spec,
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: lab.namespace }, spec };
  await apply({ apiVersion: 'v1', kind: 'List', items: [...(shape.with ?? []), pod] });
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=240s');
}

/** Plants cases, a few at a time, each in its own directory. Throws with what the pod said when one could not be planted. */
export async function plantAll(pod: string, cases: readonly { readonly case: Case; readonly where: Where }[]): Promise<void> {
  const scripts = cases.map(({ case: { name, plant, stage }, where }) => {
    const script = typeof plant === 'string' ? plant : plant(where);
    const enter = `umask 022; ${stage === true ? '' : `mkdir ${quoted(`/${where.dir}`)}; `}cd ${quoted(`/${where.dir}`)}; SECRET=${quoted(where.secret)}`;
    return `sh -e -c ${quoted(`${enter}\n${script}`)} </dev/null || echo ${quoted(`not planted: ${name}`)}`;
  });
  for (const batch of batches(scripts)) {
    const said = await kubectl('exec', pod, '--', 'sh', '-c', `exec 2>&1\n${batch.join('\n')}`);
    if (said.includes('not planted: ')) throw new Error(`${pod}: ${said}`);
  }
}

/** One argument of a program can have 128 KiB; the API server takes it as part of a URL, escaped. */
function batches(scripts: readonly string[]): string[][] {
  const all: string[][] = [[]];
  let bytes = 0;
  for (const script of scripts) {
    if (bytes + script.length > 60_000) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(script);
    bytes += script.length;
  }
  return all;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
