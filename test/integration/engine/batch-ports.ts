import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type ListedPod, listedPodSchema } from '../../../playbooks/domain/batch.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { ClusterPort, EvidencePort, NodePort, PodListPort, StagedEvidence } from '../../../playbooks/ports.js';
import type { RunnerPorts } from '../../../workers/runner/deps.js';

/** A pod of a Deployment, on one of two nodes. */
export function webPod(number: number, change: Partial<ListedPod> = {}): ListedPod {
  return {
    namespace: 'shop',
    pod: `web-${number}`,
    uid: `uid-${number}`,
    node: number % 2 === 0 ? 'node-a' : 'node-b',
    phase: 'Running',
    owner: { kind: 'Deployment', name: 'web' },
    images: ['shop/web:1'],
    imageDigests: [],
    containerIds: [],
    ...change,
  };
}

/** So many of them, from number 0 on. */
export function webPods(count: number): ListedPod[] {
  return Array.from({ length: count }, (_, number) => webPod(number));
}

const podsFile = (folder: string): string => join(folder, 'pods.json');

/** What the cluster has, for all processes that share the folder. */
export function setPods(folder: string, pods: readonly ListedPod[]): void {
  writeFileSync(`${podsFile(folder)}.new`, JSON.stringify(pods));
  renameSync(`${podsFile(folder)}.new`, podsFile(folder));
}

/** The file as it was last read; {@link setPods} makes another one. To read hundreds of pods takes a while in which nothing else happens. */
let read: { readonly file: string; readonly pods: readonly ListedPod[] } | undefined;

function podsOf(folder: string): readonly ListedPod[] {
  const { ino, mtimeNs } = statSync(podsFile(folder), { bigint: true });
  const file = `${ino} ${mtimeNs}`;
  if (read?.file !== file) read = { file, pods: z.array(listedPodSchema).parse(JSON.parse(readFileSync(podsFile(folder), 'utf8'))) };
  return read.pods;
}

const awayFile = (folder: string): string => join(folder, 'away.json');

/** From now on `node-b` is away when one of these commands is to be started there. */
export function setAway(folder: string, commands: readonly string[]): void {
  writeFileSync(awayFile(folder), JSON.stringify(commands));
}

function isAway(folder: string, node: string, command: string): boolean {
  return (
    node === 'node-b' &&
    existsSync(awayFile(folder)) &&
    z
      .array(z.string())
      .parse(JSON.parse(readFileSync(awayFile(folder), 'utf8')))
      .includes(command)
  );
}

/** The outside world of a batch test: a cluster of the pods in `folder`, nodes whose commands take `latencyMs`, evidence as files in `folder`. */
export function batchPorts(folder: string, latencyMs: number): RunnerPorts & { readonly pods: PodListPort } {
  const cluster: ClusterPort = {
    pod({ namespace, pod }) {
      const found = podsOf(folder).find((each) => each.namespace === namespace && each.pod === pod);
      if (found === undefined) return Promise.reject(new TriageError('pod-not-found', `there is no pod ${pod} in namespace ${namespace}`));
      return Promise.resolve({ uid: found.uid, ...(found.node === undefined ? {} : { node: found.node }), containers: [], raw: {} });
    },
    node: (name, node) => Promise.resolve({ cluster: name, name: node, address: '10.0.0.1' }),
    events: () => Promise.resolve([]),
  };
  const pods: PodListPort = {
    async *list(_cluster, { namespace, node, labels }) {
      await sleep(1);
      if (labels === 'refused') throw new TriageError('invalid-request', 'the API server refuses the selection');
      const all = podsOf(folder).filter(
        (pod) => (namespace === undefined || pod.namespace === namespace) && (node === undefined || pod.node === node),
      );
      for (let from = 0; from < all.length; from += 7) yield all.slice(from, from + 7);
    },
  };
  return { cluster, pods, nodes: nodesOf(folder, latencyMs), evidence: folderEvidence(folder) };
}

function nodesOf(folder: string, latencyMs: number): NodePort {
  return {
    connect: (node) =>
      Promise.resolve({
        node,
        close: () => Promise.resolve(),
        start(command, signal) {
          if (isAway(folder, node.name, command.name)) return Promise.reject(new TriageError('node-unreachable', `node ${node.name} is away`));
          const finished = sleep(latencyMs, undefined, { signal }).then(
            () => ({ exitCode: 0, stderr: '', stdoutBytes: 2, durationMs: latencyMs }),
            () => {
              throw new TriageError('cancelled', 'the command was stopped');
            },
          );
          finished.catch(() => undefined);
          return Promise.resolve({ stdout: Readable.from([Buffer.from('ok')]), finished });
        },
      }),
  };
}

function folderEvidence(folder: string): EvidencePort {
  const stage = async (source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StagedEvidence> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const hex = (name: string): string => createHash(name).update(bytes).digest('hex');
    const digest = { sha256: hex('sha256'), sha1: hex('sha1'), md5: hex('md5'), size: bytes.length, head: bytes.subarray(0, 512) };
    const keep: StagedEvidence['keep'] = async () => {
      await writeFile(join(folder, digest.sha256), bytes);
      return { ...digest, existed: false };
    };
    return { ...digest, keep, discard: () => Promise.resolve() };
  };
  return {
    has: (sha256) =>
      access(join(folder, sha256)).then(
        () => true,
        () => false,
      ),
    stage,
    put: async (source, signal) => (await stage(source)).keep(signal),
    open: (sha256) => Promise.resolve(createReadStream(join(folder, sha256))),
  };
}
