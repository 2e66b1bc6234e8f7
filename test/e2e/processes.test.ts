import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Lookup } from '../../playbooks/domain/lookup.js';
import type { Process } from '../../playbooks/domain/process.js';
import type { Report } from '../../playbooks/report/model.js';
import { createPod, deletePod, execCalls, inPod } from './lab.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

/** A value of the environment that must not leave the node, whole or in part. */
const secret = 'c29tZXNlY3JldA-of-the-environment';

/** The bytes of an artifact as the service has stored them. */
function stored({ sha256 }: Pick<Artifact, 'sha256'>): Buffer {
  return readFileSync(join(service.data, 'evidence', 'sha256', sha256.slice(0, 2), sha256.slice(2)));
}

describe.each([
  ['node-a', 'containerd'],
  ['node-b', 'CRI-O'],
])('the processes of a pod on %s (%s)', (node) => {
  const pod = `processes-${node}`;
  let id = '';
  let processes: Process[] = [];
  let artifacts: Artifact[] = [];
  const called = (word: string) => processes.filter((each) => each.arguments.some(({ text }) => text === word));

  beforeAll(async () => {
    await createPod(pod, node, { env: [{ name: 'WALLET', value: `${secret}=\nSECOND=${secret}` }] });
    await inPod(
      pod,
      [
        '(cat /bin/busybox; echo deleted) >/tmp/sleep; chmod 755 /tmp/sleep; /tmp/sleep 11111 >/dev/null 2>&1 & sleep 0.2; rm /tmp/sleep',
        'cp /bin/busybox /dev/shm/sleep; /dev/shm/sleep 22222 >/dev/null 2>&1 &',
        'nc -l -p 4444 </dev/zero >/dev/null 2>&1 &',
        `sh -c 'while :; do sleep 33333; done' "$(printf 'a\\033[2J\\nb')" 'stratum+tcp://pool.example:3333' >/dev/null 2>&1 & sleep 0.2`,
      ].join('\n'),
    );
    const before = execCalls(pod);
    const run = await service.triage(pod);
    expect(run).toMatchObject({ state: 'completed', completeness: 'full' });
    expect(execCalls(pod)).toBe(before);
    id = run.id;
    processes = await service.rows<Process>(id, 'processes');
    artifacts = await service.rows<Artifact>(id, 'artifacts');
  });

  afterAll(async () => {
    await deletePod(pod);
  });

  it('are listed, each with its container, start, user and program', () => {
    const [init] = processes;
    expect(init).toMatchObject({ container: 'web', containerPid: 1, uid: 0, executable: { state: 'present', path: { text: '/usr/sbin/nginx' } } });
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(processes.length);
    for (const { startedAt, executable } of processes) {
      expect(Math.abs(Date.now() - Date.parse(startedAt))).toBeLessThan(600_000);
      expect(executable.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('give the content of a program that was deleted, and it is asked about first', async () => {
    const [running] = called('11111');
    expect(running?.executable).toMatchObject({ state: 'deleted', path: { text: '/tmp/sleep' } });
    const artifact = artifacts.find(({ kind, sha256 }) => kind === 'process-executable' && sha256 === running?.executable.sha256);
    expect(artifact).toMatchObject({ content: 'elf', source: { place: { kind: 'process', pid: running?.pid } } });
    expect(artifact?.left).toBeUndefined();
    const bytes = stored({ sha256: running?.executable.sha256 ?? '' });
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact?.sha256);
    expect(bytes.subarray(-8).toString()).toBe('deleted\n');
    const lookups = await service.rows<Lookup>(id, 'lookups');
    expect(lookups.findIndex(({ sha256 }) => sha256 === artifact?.sha256)).toBeLessThan(2);
  });

  it('show a program in /dev/shm, sockets, and hostile arguments as the bytes they are', () => {
    expect(called('22222')[0]?.executable).toMatchObject({ state: 'present', filesystem: 'tmpfs', path: { text: '/dev/shm/sleep' } });
    const sockets = called('4444').flatMap((process) => process.sockets);
    expect(sockets.map(({ state, local }) => [state, local.slice(local.lastIndexOf(':'))])).toEqual([['LISTEN', ':4444']]);
    const hostile = processes.find((each) => each.arguments.some(({ text }) => text.startsWith('stratum')));
    expect(hostile?.arguments.map(({ text }) => text)).toContain('a\\x1b[2J\\x0ab');
  });

  it('show names of the environment, and no value is written anywhere', async () => {
    expect(called('11111')[0]?.environment.map(({ text }) => text)).toContain('WALLET');
    expect(JSON.stringify(processes)).not.toContain('SECOND');
    const custody = await service.api(`/runs/${id}/custody?limit=1000`);
    // The pod object, as the API server gave it, has what its owner wrote into it.
    const kept = artifacts.filter(({ kind, left }) => kind !== 'pod' && left !== true).map(stored);
    expect(kept.length).toBeGreaterThan(5);
    for (const bytes of [Buffer.from(custody.text), ...kept]) {
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret).toString('base64').slice(0, 24))).toBe(false);
    }
  });

  it('are judged and reported', async () => {
    const report = (await service.api(`/runs/${id}/report?format=json`)).body as Report;
    const fired = new Set(report.findings.map(({ rule }) => rule));
    for (const rule of ['fileless-executable', 'executable-in-memory-place', 'miner-command-line']) expect(fired).toContain(rule);
    expect(report.counts.processes).toEqual({ total: processes.length, fileless: 1 });
    const markdown = (await service.api(`/runs/${id}/report?format=markdown`)).text;
    expect(markdown).toContain('## Processes');
    expect(markdown).toContain('deleted `/tmp/sleep`');
  });
});
