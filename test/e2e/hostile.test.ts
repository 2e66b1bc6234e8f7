import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { createPod, deletePod, inPod } from './lab.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

describe.each(['node-a', 'node-b'])('a hostile pod on %s', (node) => {
  const pod = `forger-${node}`;
  const secret = `/opt/podtriage-secret-${node}`;

  it('that forges a root whose upper directory names one of the node: nothing of the node is listed or taken', async () => {
    mkdirSync(join(secret, 'fs'), { recursive: true });
    writeFileSync(join(secret, 'fs', 'of-the-node'), 'secret of the node\n');
    const unprivileged = { runAsUser: 65534, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    await createPod(pod, node, { command: ['/bin/sleep', '100000'], securityContext: unprivileged });
    try {
      await inPod(pod, forgery(secret));
      expect(forgedRoots(secret)).toBeGreaterThan(0);
      const run = await service.triage(pod);
      expect(run.state).toBe('completed');
      const changes = await service.rows<Change>(run.id, 'changes');
      expect(changes.filter(({ origin, path }) => origin === 'container' || path.text.includes('of-the-node'))).toEqual([]);
      expect((await service.rows<Artifact>(run.id, 'artifacts')).filter(({ kind }) => kind === 'file')).toEqual([]);
    } finally {
      await deletePod(pod);
      rmSync(secret, { recursive: true });
    }
  });
});

describe('limits', () => {
  it('are kept, and each file that one leaves out is named with it', async () => {
    const run = await service.triage('web-a', { options: { limits: { files: 3, fileBytes: 1024 } } });
    const files = (await service.rows<Artifact>(run.id, 'artifacts')).filter(({ kind }) => kind === 'file');
    expect(files.length).toBe(3);
    expect(files.every(({ size }) => size <= 1024)).toBe(true);
    const { limits } = (await service.api(`/runs/${run.id}/report?format=json`)).body as { limits: { subject: string; reason: string }[] };
    expect(limits.filter(({ reason }) => reason === 'file-bytes').map(({ subject }) => subject)).toEqual(['web:/usr/local/bin/su-x']);
    expect(limits.filter(({ reason }) => reason === 'files').length).toBe(13);
    // What was not looked at cannot be "no findings".
    expect(['malicious', 'suspicious', 'inconclusive']).toContain(run.verdict);
  });
});

/** An unprivileged process makes itself root of a user namespace, mounts an overlay of its own and pivots into it. */
function forgery(secret: string): string {
  const inside = [
    'mount -t tmpfs tmpfs /opt',
    `mkdir -p ${secret}/fs /opt/lower /opt/work /opt/new`,
    `mount -t overlay overlay -o lowerdir=/opt/lower,upperdir=${secret}/fs,workdir=/opt/work,userxattr /opt/new`,
    'cp /bin/busybox /opt/new/busybox',
    'cd /opt/new',
    'mkdir old',
    'pivot_root . old',
    'exec /busybox sleep 100000',
  ];
  return `unshare -U -r -m sh -c '${inside.join(' && ')}' >/dev/null 2>&1 & sleep 1`;
}

/** Processes whose mount table says that their root is the forged one. */
function forgedRoots(secret: string): number {
  const found = execFileSync('bash', ['-c', `grep -slF "upperdir=${secret}/fs" /proc/[0-9]*/mountinfo || true`], { encoding: 'utf8' });
  return found.split('\n').filter(Boolean).length;
}
