import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { RunView } from '../../store/run-view.js';
import { apply, deletePod, kubectl, lab, logCalls, podManifest } from './lab.js';
import { TestService } from './service.js';

let service: TestService;
const made: string[] = [];

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await Promise.all([...made.map(deletePod), service.stop()]);
});

/** What a container leaves behind: a script, so that it is among what is always taken. */
const content = (word: string): string => `#!/bin/sh\necho ${word}\n`;
const leave = (word: string): string => `printf '#!/bin/sh\\necho ${word}\\n' > /${word}; chmod 755 /${word}`;
const wait = 'exec sleep 100000';

function container(name: string, script: string, more: object = {}): object {
  return { name, image: lab.image, imagePullPolicy: 'Never', command: ['/bin/sh', '-c', script], ...more };
}

interface Manifest {
  readonly spec: object;
}

async function makePod(name: string, node: string, spec: object): Promise<void> {
  const manifest = podManifest(name, node) as Manifest;
  made.push(name);
  await deletePod(name);
  await apply({ ...manifest, spec: { ...manifest.spec, ...spec } });
}

/** Waits until the pod's status says what is wanted. */
async function until(pod: string, jsonPath: string, wanted: RegExp): Promise<void> {
  let said = '';
  for (let tries = 0; tries < 300; tries += 1) {
    said = await kubectl('get', 'pod', pod, '-o', `jsonpath={${jsonPath}}`);
    if (wanted.test(said)) return;
    await sleep(200);
  }
  throw new Error(`pod ${pod}: ${jsonPath} is still ${said}`);
}

interface Triage {
  readonly run: RunView;
  readonly changes: Change[];
  readonly artifacts: Artifact[];
  readonly gaps: readonly { subject: string; reason: string; detail: string }[];
  readonly blindSpots: readonly string[];
}

async function triage(pod: string): Promise<Triage> {
  const run = await service.triage(pod);
  const { gaps, blindSpots } = (await service.api(`/runs/${run.id}/report?format=json`)).body as Pick<Triage, 'gaps' | 'blindSpots'>;
  const [changes, artifacts] = [await service.rows<Change>(run.id, 'changes'), await service.rows<Artifact>(run.id, 'artifacts')];
  return { run, changes, artifacts, gaps, blindSpots };
}

/** Containers and instances that a path was found in, with what was taken of it there. */
function found({ changes, artifacts }: Triage, path: string): string[] {
  return changes
    .filter((change) => change.path.text === path && change.place.kind === 'rootfs')
    .map(({ container: name, containerId, instance = 'current', kind }) => {
      const artifact = artifacts.find(({ source }) => source?.containerId === containerId && source.path.text === path);
      if (artifact !== undefined) expect(artifact.source?.instance ?? 'current').toBe(instance);
      return `${name} ${instance} ${kind} ${artifact?.sha256 ?? 'not taken'}`;
    });
}

/** What the store has of the container's log, as the runtime wrote it on the node: a stream, `F` and the text on each line. */
function logOf({ artifacts }: Triage, container: string): string[] {
  const artifact = artifacts.find(({ kind, name }) => kind === 'log' && name === `log of container ${container}`);
  if (artifact === undefined) return [];
  expect(artifact.method).toBe('node');
  const bytes = readFileSync(join(service.data, 'evidence', 'sha256', artifact.sha256.slice(0, 2), artifact.sha256.slice(2)));
  const lines = bytes.toString('latin1').split('\n');
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d) (stdout|stderr) [FP] /);
  return lines.map((line) => line.split(' ').slice(1).join(' ')).filter((line) => line !== '');
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(lab.nodes.map(({ name }) => ({ node: name, pod: `ctn-all-${name.slice(-1)}`, letter: name.slice(-1) })))(
  'on $node',
  ({ node, pod, letter }) => {
    it('reads init, sidecar and ephemeral containers, and a restarted one as it is and as it was', async () => {
      const once = `if [ -e /share/once ]; then echo again; ${leave('second')}; ${wait}; fi; echo once; echo failed >&2; ${leave('first')}; touch /share/once; sleep 1; exit 1`;
      await makePod(pod, node, {
        initContainers: [container('setup', leave('prepared')), container('side', `${leave('beside')}; ${wait}`, { restartPolicy: 'Always' })],
        containers: [container('web', once, { volumeMounts: [{ name: 'share', mountPath: '/share' }] })],
        volumes: [{ name: 'share', emptyDir: {} }],
      });
      await until(pod, '.status.containerStatuses[0].restartCount}{.status.containerStatuses[0].state.running.startedAt', /^1.+/);
      const debug = ['debug', pod, '--image', lab.image, '--image-pull-policy', 'Never', '--target', 'web', '-c', 'probe', '--quiet'];
      await kubectl(...debug, '--', '/bin/sh', '-c', `${leave('looked')}; ${wait}`);
      await until(pod, '.status.ephemeralContainerStatuses[0].state.running.startedAt', /.+/);

      const before = logCalls(pod);
      const result = await triage(pod);
      expect(logCalls(pod)).toBe(before);
      expect(result.run).toMatchObject({ state: 'completed' });
      expect(result.gaps).toEqual([]);
      expect(found(result, 'prepared')).toEqual([`setup current added ${sha256(content('prepared'))}`]);
      expect(found(result, 'beside')).toEqual([`side current added ${sha256(content('beside'))}`]);
      expect(found(result, 'looked')).toEqual([`probe current added ${sha256(content('looked'))}`]);
      expect(found(result, 'first')).toEqual([`web previous added ${sha256(content('first'))}`]);
      expect(found(result, 'second')).toEqual([`web current added ${sha256(content('second'))}`]);
      const { text } = await service.api(`/runs/${result.run.id}/report?format=markdown`);
      expect(text).toMatch(/first.*in `web \(previous instance\)`/);
      expect(logOf(result, 'web')).toEqual(['stdout F again']);
      // Two streams have no order.
      expect(logOf(result, 'web (previous instance)').sort()).toEqual(['stderr F failed', 'stdout F once']);
      expect(
        result.artifacts
          .filter(({ kind }) => kind === 'log')
          .map(({ name }) => name?.split(' ')[3])
          .sort(),
      ).toEqual(['probe', 'setup', 'side', 'web', 'web']);
    });

    it('reads a pod whose only container has ended', async () => {
      const name = `ctn-ended-${letter}`;
      await makePod(name, node, { restartPolicy: 'Never', containers: [container('web', `echo over; ${leave('ended')}; rm /etc/passwd`)] });
      await until(name, '.status.phase', /Succeeded/);
      const result = await triage(name);
      expect(result.run).toMatchObject({ state: 'completed' });
      expect(result.gaps).toEqual([]);
      expect(found(result, 'ended')).toEqual([`web current added ${sha256(content('ended'))}`]);
      expect(found(result, 'etc/passwd')).toEqual(['web current deleted not taken']);
      expect(logOf(result, 'web')).toEqual(['stdout F over']);
    });

    it('reads a pod with a user namespace of its own, compared with the image and with owners as the container sees them', async () => {
      const name = `ctn-userns-${letter}`;
      const script = `${leave('mapped')}; chown 33:34 /mapped; echo x >> /etc/passwd; rm /etc/group; ${wait}`;
      const initContainers = [container('setup', `${leave('prepared')}; chown 35:36 /prepared; chmod 600 /etc/passwd`)];
      await makePod(name, node, { hostUsers: false, initContainers, containers: [container('web', script)] });
      await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=240s');
      const result = await triage(name);
      expect(result.run).toMatchObject({ state: 'completed' });
      expect(result.gaps).toEqual([]);
      expect(found(result, 'mapped')).toEqual([`web current added ${sha256(content('mapped'))}`]);
      expect(found(result, 'prepared')).toEqual([`setup current added ${sha256(content('prepared'))}`]);
      expect(found(result, 'etc/passwd')).toEqual([
        expect.stringMatching(/^setup current changed [0-9a-f]{64}$/),
        expect.stringMatching(/^web current changed [0-9a-f]{64}$/),
      ]);
      // The runtime binds the node's device nodes into such a pod.
      expect(result.blindSpots.filter((place) => /\/dev\/null|\/proc\//.test(place))).toEqual([]);
      expect(found(result, 'etc/group')).toEqual(['web current deleted not taken']);
      expect(result.changes.find(({ path }) => path.text === 'mapped')).toMatchObject({ uid: 33, gid: 34 });
      expect(result.changes.find(({ path }) => path.text === 'prepared')).toMatchObject({ uid: 35, gid: 36 });
      // What the image has is no change, whoever owns it on the node.
      expect(result.changes.filter(({ path }) => path.text === 'etc')).toEqual([]);
    });

    it('reads what is left of a container in a crash loop', async () => {
      const name = `ctn-crash-${letter}`;
      await makePod(name, node, { containers: [container('web', `echo crash; ${leave('crashed')}; exit 1`)] });
      await until(name, '.status.containerStatuses[0].restartCount', /^[2-9]/);
      const result = await triage(name);
      expect(result.run).toMatchObject({ state: 'completed' });
      expect(found(result, 'crashed')).toContainEqual(
        expect.stringMatching(new RegExp(`^web (current|previous) added ${sha256(content('crashed'))}$`)),
      );
      expect([...logOf(result, 'web'), ...logOf(result, 'web (previous instance)')]).toContain('stdout F crash');
      // kubelet keeps one dead instance, and its log: the API server can name another that is gone.
      const reason = expect.stringMatching(/^(container-not-running|no-log|pod-gone)$/) as string;
      for (const gap of result.gaps) expect(gap).toMatchObject({ reason });
    });
  },
);

it('reads what runs of a pod whose other container was never started, and says which that is', async () => {
  const missing = container('late', wait, { image: 'localhost/lab/not-there:1' });
  await makePod('ctn-late', 'node-b', { containers: [container('web', `${leave('ready')}; ${wait}`), missing] });
  await until('ctn-late', '.status.containerStatuses[?(@.name=="web")].state.running.startedAt', /.+/);
  const result = await triage('ctn-late');
  expect(result.run).toMatchObject({ state: 'completed', completeness: 'partial' });
  expect(result.gaps).toMatchObject([
    { subject: 'container late', reason: 'container-not-running', detail: expect.stringContaining('waiting') as string },
  ]);
  expect(found(result, 'ready')).toEqual([`web current added ${sha256(content('ready'))}`]);
});

describe('on containerd alone', () => {
  it('reads a container whose process has made itself another root, and says so', async () => {
    const script = `mkdir -p /jail/bin; cp /bin/busybox /jail/bin; ${leave('outside')}; exec chroot /jail /bin/busybox sleep 100000`;
    await makePod('ctn-jail', 'node-a', { containers: [container('web', script)] });
    await kubectl('wait', '--for=condition=Ready', 'pod/ctn-jail', '--timeout=240s');
    for (let root = ''; !root.includes('jail'); root = await kubectl('exec', 'ctn-jail', '--', '/bin/sh', '-c', 'ls -l /proc/1/root; true'));
    const result = await triage('ctn-jail');
    expect(result.gaps.map(({ reason }) => reason)).toContain('root-replaced');
    expect(found(result, 'outside')).toEqual([`web current added ${sha256(content('outside'))}`]);
    expect(found(result, 'jail/bin/busybox')).toEqual([expect.stringMatching(/^web current added [0-9a-f]{64}$/)]);
  });

  it('reads a snapshotter without upper directories by nerdctl, with types and content from the node', async () => {
    const script = `mkdir -p /deep; ${leave('plain')}; mv /plain /deep/plain; chown 33:34 /deep/plain; chmod 4755 /deep/plain; rm /etc/passwd; ln -s /etc/shadow /deep/link; ${wait}`;
    await makePod('ctn-native', 'node-a', {
      runtimeClassName: 'native',
      initContainers: [container('setup', leave('prepared'))],
      containers: [container('web', script)],
    });
    await kubectl('wait', '--for=condition=Ready', 'pod/ctn-native', '--timeout=240s');
    const result = await triage('ctn-native');
    expect(result.run).toMatchObject({ state: 'completed' });
    expect(result.gaps).toEqual([]);
    expect(found(result, 'prepared')).toEqual([`setup current added ${sha256(content('prepared'))}`]);
    expect(found(result, 'deep/plain')).toEqual([`web current added ${sha256(content('plain'))}`]);
    expect(found(result, 'etc/passwd')).toEqual(['web current deleted not taken']);
    const row = (path: string) => result.changes.find((change) => change.path.text === path);
    expect(row('deep/plain')).toMatchObject({ type: 'file', mode: '4755', uid: 33, gid: 34, size: content('plain').length, method: 'nerdctl' });
    expect(row('deep/link')).toMatchObject({ type: 'symlink', target: { text: '/etc/shadow' } });
  });
});

describe('without ctr on the node', () => {
  it('running containers are read, and for ended ones the report says what to set', async () => {
    const bare = await TestService.start({ PODTRIAGE_CTR: '/opt/no/ctr' });
    try {
      const run = await bare.triage('ctn-all-a');
      expect(run).toMatchObject({ state: 'completed', completeness: 'partial' });
      const { gaps } = (await bare.api(`/runs/${run.id}/report?format=json`)).body as Pick<Triage, 'gaps'>;
      const missing = gaps.filter(({ reason }) => reason === 'tool-missing');
      expect(missing.map(({ subject }) => subject)).toEqual(['container setup', 'container web (previous instance)']);
      expect(missing[0]?.detail).toContain('PODTRIAGE_CTR');
      const changes = await bare.rows<Change>(run.id, 'changes');
      expect(changes.map(({ path }) => path.text)).toEqual(expect.arrayContaining(['beside', 'second', 'looked']));
    } finally {
      await bare.stop();
    }
  });
});
