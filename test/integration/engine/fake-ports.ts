import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { ClusterPort, EvidencePort, InContainerPort, NodePort } from '../../../playbooks/ports.js';
import type { RunnerPorts } from '../../../workers/runner/deps.js';

const cluster: ClusterPort = {
  async pod(_ref, signal) {
    await sleep(2, undefined, { signal });
    return { uid: 'uid-1', node: 'node-a', containers: [], raw: {} };
  },
  node: (name, node) => Promise.resolve({ cluster: name, name: node, address: '10.0.0.1' }),
  events: () => Promise.resolve([]),
};

/** A node whose command `sleep MS` takes so long; heeds its signal. */
export const fakeNodes: NodePort = {
  connect: (node) =>
    Promise.resolve({
      node,
      close: () => Promise.resolve(),
      start(command, signal) {
        const ms = Number(command.argv[1] ?? '0');
        const finished = sleep(ms, undefined, { signal }).then(
          () => ({ exitCode: 0, stderr: '', stdoutBytes: 2, durationMs: ms }),
          () => {
            throw new TriageError('cancelled', 'the command was stopped');
          },
        );
        finished.catch(() => undefined);
        return Promise.resolve({ stdout: Readable.from([Buffer.from('ok')]), finished });
      },
    }),
};

const inContainer: InContainerPort = { archive: () => Promise.reject(new TriageError('internal', 'not in this test')) };

/** Keeps nothing but says what it would have kept. */
export const fakeEvidence: EvidencePort = {
  has: () => Promise.resolve(false),
  put: async (...from) => (await fakeEvidence.stage(...from)).keep(),
  async stage(source) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const hex = (name: string): string => createHash(name).update(bytes).digest('hex');
    const digest = { sha256: hex('sha256'), sha1: hex('sha1'), md5: hex('md5'), size: bytes.length, head: bytes.subarray(0, 512) };
    return { ...digest, keep: () => Promise.resolve({ ...digest, existed: false }), discard: () => Promise.resolve() };
  },
  open: () => Promise.reject(new TriageError('not-found', 'not in this test')),
};

/** The outside world of an engine test. */
export const fakePorts: RunnerPorts = { cluster, inContainer, nodes: fakeNodes, evidence: fakeEvidence };
