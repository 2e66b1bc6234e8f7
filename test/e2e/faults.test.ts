import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { type CustodyEntry, sha256Hex } from '../../playbooks/domain/custody.js';
import { createPod, deletePod, inPod, lab, labCommand } from './lab.js';
import { TestService } from './service.js';

let service: TestService;
let other: TestService | undefined;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

afterEach(async () => {
  await other?.stop();
  other = undefined;
});

async function reportOf(of: TestService, run: string): Promise<{ status: number; text: string }> {
  const { status, text } = await of.api(`/runs/${run}/report?format=markdown`);
  return { status, text };
}

describe('a target that is not there', () => {
  it.each<[string, { pod: string; namespace?: string; container?: string }, string, RegExp]>([
    ['a pod', { pod: 'nothing-here' }, 'pod-not-found', /nothing-here/],
    ['a namespace', { pod: 'web-a', namespace: 'nowhere' }, 'pod-not-found', /namespace/],
    ['a container', { pod: 'web-a', container: 'sidecar' }, 'container-not-found', /sidecar.*web/s],
  ])('%s: the run fails with its name, and has a report', async (_, target, code, message) => {
    const run = await service.triage(target.pod, {
      ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      ...(target.container === undefined ? {} : { container: target.container }),
    });
    expect(run).toMatchObject({ state: 'failed', error: { code } });
    expect(run.error?.message).toMatch(message);
    expect(await reportOf(service, run.id)).toMatchObject({ status: 200, text: expect.stringContaining(code) as string });
  });

  it('a pod without a node: the run says that there is nothing to acquire yet', async () => {
    await createPod('pending', '');
    try {
      expect(await service.triage('pending')).toMatchObject({ state: 'failed', error: { code: 'not-scheduled' } });
    } finally {
      await deletePod('pending');
    }
  });
});

describe('a pod that goes away while its run waits for the node', () => {
  async function whileNodeIsDown(act: () => Promise<void>): Promise<Awaited<ReturnType<TestService['ended']>>> {
    await createPod('victim', 'node-a');
    await labCommand('stop-sshd', 'a');
    let id = '';
    try {
      id = await service.open('victim');
      await until(async () => (await service.run(id)).steps.find(({ name }) => name === 'list-containers')?.attempt === 1);
      await act();
    } finally {
      await labCommand('start-sshd', 'a');
    }
    return service.ended(id);
  }

  it('deleted: the run fails as pod-gone', async () => {
    expect(await whileNodeIsDown(() => deletePod('victim'))).toMatchObject({ state: 'failed', error: { code: 'pod-gone' } });
  });

  it('made anew under the same name: the run fails as uid-mismatch and does not touch the new one', async () => {
    try {
      const run = await whileNodeIsDown(async () => {
        await deletePod('victim');
        await createPod('victim', 'node-a');
      });
      expect(run).toMatchObject({ state: 'failed', error: { code: 'uid-mismatch' } });
    } finally {
      await deletePod('victim');
    }
  });
});

describe('a node that does not let us read', () => {
  it('a node that was away for a while: the run waits and goes on by itself', async () => {
    await labCommand('stop-sshd', 'b');
    let id = '';
    try {
      id = await service.open('web-b');
      await until(async () => (await service.run(id)).waitingFor?.for === 'retry');
    } finally {
      await labCommand('start-sshd', 'b');
    }
    expect(await service.ended(id)).toMatchObject({ state: 'completed', verdict: 'malicious' });
  });

  it('a node that goes away for 20 s while it sends a file: the file is had all the same', async () => {
    other = await TestService.start({ PODTRIAGE_NODE_BANDWIDTH: '1' });
    await createPod('bulky', 'node-b');
    try {
      await inPod('bulky', 'head -c 6000000 /dev/zero > /tmp/blob && chmod 755 /tmp/blob');
      const id = await other.open('bulky');
      await until(async () => (await other?.run(id))?.steps.find(({ name }) => name === 'export-files')?.state === 'running');
      await sleep(1_500);
      await labCommand('stop-sshd', 'b');
      await sleep(20_000);
      await labCommand('start-sshd', 'b');
      const run = await other.ended(id);
      expect(run).toMatchObject({ state: 'completed', completeness: 'full' });
      expect(run.steps.find(({ name }) => name === 'export-files')?.attempt).toBeGreaterThan(1);
      const [blob] = (await other.rows<Artifact>(id, 'artifacts')).filter(({ source }) => source?.path.text === 'tmp/blob');
      expect(blob).toMatchObject({ size: 6_000_000, sha256: sha256Hex(Buffer.alloc(6_000_000)), known: false });
    } finally {
      await labCommand('start-sshd', 'b');
      await deletePod('bulky');
    }
  });

  it('a node that stays away: the run fails as node-unreachable after its last try', async () => {
    await labCommand('stop-sshd', 'b');
    try {
      const run = await service.ended(await service.open('web-b'), 240_000);
      expect(run).toMatchObject({ state: 'failed', error: { code: 'node-unreachable' } });
      expect(run.steps.find(({ name }) => name === 'list-containers')).toMatchObject({ state: 'failed', attempt: 6 });
    } finally {
      await labCommand('start-sshd', 'b');
    }
  });

  it.each([
    ['another host key than the pinned one', { PODTRIAGE_KNOWN_HOSTS: lab.ssh.wrongKnownHosts }, 'host-key-mismatch', /node-a/],
    ['a user that is not there', { PODTRIAGE_SSH_USER: 'nobody-here' }, 'node-auth-failed', /nobody-here/],
    ['sudo that asks for a password', { PODTRIAGE_SSH_USER: lab.ssh.users.noSudo }, 'permission-denied', /sudo/],
    ['tools that are missing', { PODTRIAGE_SUDO: 'sudo -n env PATH=/nonexistent' }, 'tool-missing', /node-a/],
  ])('%s: the run fails at once with its name', async (_, env, code, message) => {
    other = await TestService.start(env);
    const run = await other.triage('web-a');
    expect(run).toMatchObject({ state: 'failed', error: { code } });
    expect(run.error?.message).toMatch(message);
    // A busy node may have kept an earlier attempt from getting so far; what cannot become better is not tried again.
    const { entries } = (await other.api(`/runs/${run.id}/custody?limit=1000`)).body as { entries: CustodyEntry[] };
    const refusals = entries.filter(
      ({ act, detail }) => act === 'command.finished' && detail['step'] === 'list-containers' && detail['error'] === code,
    );
    const failures = entries.filter(({ act, subject, detail }) => act === 'step.failed' && subject === 'list-containers' && detail['error'] === code);
    expect([refusals.length <= 1, failures.length]).toEqual([true, 1]);
  });
});

describe('VirusTotal that does not answer', () => {
  it('a wrong key: the lookups are errors, the run is partial, and all else in it stands', async () => {
    other = await TestService.start();
    execFileSync('bash', ['-c', `echo wrong-key > "${join(other.data, 'virustotal-key')}"`]);
    await other.kill();
    await other.spawn();
    const run = await other.triage('web-a');
    expect(run).toMatchObject({ state: 'completed', completeness: 'partial', verdict: 'suspicious' });
    const lookups = await other.rows<{ status: string; error?: { code: string } }>(run.id, 'lookups');
    expect(new Set(lookups.map(({ status, error }) => `${status} ${error?.code ?? ''}`))).toEqual(new Set(['error intel-unauthorized']));
  });

  it('down for a while: the run waits and gets its answers when it is back', async () => {
    other = await TestService.start();
    other.virusTotal.outage(true);
    const id = await other.open('web-a');
    await until(async () => (await other?.run(id))?.milestones.acquisitionFinished !== undefined);
    await sleep(1_500);
    other.virusTotal.outage(false);
    expect(await other.ended(id)).toMatchObject({ state: 'completed', verdict: 'malicious' });
  });
});

describe('our own side', () => {
  it('Redis gone for 5 seconds in the middle of a run: nothing is lost', async () => {
    other = await TestService.start();
    const id = await other.open('web-a');
    const socket = join(other.data, 'redis.sock');
    const pid = execFileSync('redis-cli', ['-s', socket, 'info', 'server'], { encoding: 'utf8' }).match(/process_id:(\d+)/)?.[1] ?? '';
    process.kill(Number(pid), 'SIGSTOP');
    await sleep(5_000);
    process.kill(Number(pid), 'SIGCONT');
    expect(await other.ended(id)).toMatchObject({ state: 'completed', verdict: 'malicious' });
    expect(await other.command('verify', id)).toMatchObject({ code: 0 });
  });

  it('an evidence folder that cannot be written: the run fails with its name and nothing is half-recorded', async () => {
    other = await TestService.start();
    const evidence = join(other.data, 'evidence');
    execFileSync('mount', ['--bind', evidence, evidence]);
    execFileSync('mount', ['-o', 'remount,bind,ro', evidence]);
    try {
      const run = await other.triage('web-a');
      expect(run).toMatchObject({ state: 'failed', error: { code: 'store-unwritable' } });
      expect(run.error?.message).toContain(evidence);
      expect(await other.rows(run.id, 'artifacts')).toEqual([]);
      expect(await other.command('verify', run.id)).toMatchObject({ code: 0 });
      expect((await other.api(`/runs/${run.id}/report`)).status).toBe(404);
    } finally {
      execFileSync('umount', [evidence]);
    }
  });

  it('a disk that is full: the run fails as store-full, not with a short file', async () => {
    other = await TestService.start();
    const evidence = join(other.data, 'evidence');
    await createPod('bulky', 'node-a');
    await inPod('bulky', 'head -c 4000000 /dev/urandom > /tmp/blob');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', evidence]);
    execFileSync('mkdir', [join(evidence, 'sha256'), join(evidence, 'tmp')]);
    try {
      const run = await other.triage('bulky');
      expect(run.steps.find(({ name }) => name === 'export-files')).toMatchObject({ state: 'failed', error: { code: 'store-full' } });
    } finally {
      execFileSync('umount', [evidence]);
      await deletePod('bulky');
    }
  });

  it('cancel while the node is away: the run ends as cancelled, with a report and a chain that verifies', async () => {
    await labCommand('stop-sshd', 'a');
    try {
      const id = await service.open('web-a');
      await until(async () => (await service.run(id)).waitingFor !== undefined);
      expect((await service.post(`/runs/${id}/cancel`, {})).status).toBeLessThan(300);
      const run = await service.ended(id, 10_000);
      expect(run).toMatchObject({ state: 'cancelled' });
      expect(run.steps.filter(({ reason }) => reason === 'cancelled').length).toBeGreaterThan(3);
      expect(await reportOf(service, id)).toMatchObject({ status: 200 });
      expect(await service.command('verify', id)).toMatchObject({ code: 0 });
    } finally {
      await labCommand('start-sshd', 'a');
    }
  });
});

async function until(holds: () => Promise<boolean | undefined>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if ((await holds()) === true) return;
    await sleep(50);
  }
  throw new Error('what was waited for did not happen within 20 s');
}
