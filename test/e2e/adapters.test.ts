import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readTar } from '../../playbooks/acquisition/tar/tar-reader.js';
import type { NodeCommand, NodeSession } from '../../playbooks/ports.js';
import { createClusters } from '../../workers/adapters/kubernetes/clusters.js';
import { createSshNodes, type SshNodes } from '../../workers/adapters/node/ssh-nodes.js';
import { lab } from './lab.js';

const signal = new AbortController().signal;
const clusters = createClusters({ default: lab.kubeconfig });
const opened: SshNodes[] = [];
afterAll(async () => {
  await Promise.all(opened.map((nodes) => nodes.close()));
});

const podOf = (node: string): { cluster: string; namespace: string; pod: string } => ({
  cluster: 'default',
  namespace: lab.namespace,
  pod: `web-${node.slice(-1)}`,
});

async function login(user: string, index: number, knownHosts = lab.ssh.knownHosts): Promise<NodeSession> {
  const nodes = createSshNodes({
    user,
    port: 22,
    login: { privateKeyFile: lab.ssh.key },
    knownHosts,
    sudo: ['sudo', '-n'],
    connectTimeoutMs: 10_000,
    keepaliveMs: 5_000,
  });
  opened.push(nodes);
  const node = lab.nodes[index]!;
  return nodes.connect({ cluster: 'default', name: node.name, address: node.address }, signal);
}

async function output(session: NodeSession, argv: readonly string[]): Promise<string> {
  const command: NodeCommand = { name: 'test', argv, privileged: true, timeoutMs: 10_000, maxBytes: 1024 * 1024 };
  const running = await session.start(command, signal);
  let text = '';
  for await (const chunk of running.stdout) text += String(chunk);
  await running.finished;
  return text;
}

describe.each(lab.nodes.map((node, index) => ({ ...node, index })))('on $name', ({ name, address, index }) => {
  test('a pod is found with its node, its runtime and its container', async () => {
    const pod = await clusters.pod(podOf(name), signal);
    expect(pod.node).toBe(name);
    expect(pod.containers).toMatchObject([{ kind: 'container', runtime: name === 'node-a' ? 'containerd' : 'cri-o', state: 'running' }]);
    expect(pod.containers[0]?.id).toMatch(/^[0-9a-f]{64}$/);
    expect(await clusters.node('default', name, signal)).toEqual({ cluster: 'default', name, address });
  });

  test('its events can be had', async () => {
    const ref = podOf(name);
    const { uid } = await clusters.pod(ref, signal);
    const events = z
      .object({ items: z.array(z.object({ involvedObject: z.object({ uid: z.literal(uid) }) })) })
      .parse(await clusters.events(ref, uid, signal));
    expect(events.items.length).toBeGreaterThan(0);
  });

  test("the container's own tar gives an archive that the reader takes", async () => {
    const ref = podOf(name);
    const { containers } = await clusters.pod(ref, signal);
    const names: string[] = [];
    const archive = await clusters.archive(ref, containers[0]!.name, Buffer.from('/etc'), 100_000_000, signal);
    for await (const entry of readTar(archive)) names.push(entry.name.toString());
    expect(names[0]).toBe('etc/');
    expect(names.length).toBeGreaterThan(1);
  });

  test('a path that the container does not have is command-failed, not an empty archive', async () => {
    const ref = podOf(name);
    const { containers } = await clusters.pod(ref, signal);
    const archive = await clusters.archive(ref, containers[0]!.name, Buffer.from('/no/such/path'), 100_000_000, signal);
    await expect(
      (async () => {
        for await (const entry of readTar(archive)) expect(entry).toBeUndefined();
      })(),
    ).rejects.toMatchObject({ code: 'command-failed' });
  });

  test('root and the user with sudo are root there', async () => {
    expect(await output(await login(lab.ssh.users.root, index), ['id', '-u'])).toBe('0\n');
    expect(await output(await login(lab.ssh.users.sudo, index), ['id', '-u'])).toBe('0\n');
  });

  test('the user without sudo is permission-denied', async () => {
    await expect(output(await login(lab.ssh.users.noSudo, index), ['id', '-u'])).rejects.toMatchObject({ code: 'permission-denied' });
  });
});

test('another host key than the known one is refused', async () => {
  await expect(login(lab.ssh.users.root, 0, lab.ssh.wrongKnownHosts)).rejects.toMatchObject({ code: 'host-key-mismatch' });
});
