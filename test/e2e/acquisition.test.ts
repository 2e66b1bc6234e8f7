import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { execCalls, expected, kubectl, lab } from './lab.js';
import { foundLines, plantedLines } from './planted.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

describe.each([
  ['node-a', 'containerd', 'web-a', 'clean-a'],
  ['node-b', 'CRI-O', 'web-b', 'clean-b'],
])('a-f-02 on %s (%s)', (_node, _runtime, pod, clean) => {
  it('finds exactly the planted changes, with their hashes, and judges the pod malicious', async () => {
    const run = await service.triage(pod);
    expect(run).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'malicious' });
    const [changes, artifacts] = [await service.rows<Change>(run.id, 'changes'), await service.rows<Artifact>(run.id, 'artifacts')];
    expect(foundLines(changes, artifacts)).toEqual(plantedLines(expected(pod)));
  });

  it('takes the files of emptyDir volumes, on disk and in memory', async () => {
    const run = await service.triage(pod);
    const artifacts = await service.rows<Artifact>(run.id, 'artifacts');
    const volumes = artifacts.flatMap(({ source, sha256 }) =>
      source?.place.kind === 'volume' && source.place.volume !== '/dev/shm' ? [`${source.place.volume} ${source.path.b64} ${sha256}`] : [],
    );
    expect(volumes.sort()).toEqual(
      expected(pod)
        .volumes.map(({ volume, path_b64, sha256 }) => `${volume} ${path_b64} ${sha256}`)
        .sort(),
    );
  });

  it('takes nothing of the node’s own files, though links point at them', async () => {
    const run = await service.triage(pod);
    const shadow = readFileSync('/etc/shadow');
    for (const { sha256, left } of await service.rows<Artifact>(run.id, 'artifacts')) {
      if (left === true) continue;
      const bytes = readFileSync(join(service.data, 'evidence', 'sha256', sha256.slice(0, 2), sha256.slice(2)));
      expect(bytes.includes(shadow.subarray(0, 40))).toBe(false);
    }
  });

  it('starts no process in the container', async () => {
    const id = (await kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}')).split('//')[1] ?? '';
    const before = { calls: execCalls(pod), processes: processesOf(id) };
    expect(before.processes.length).toBeGreaterThan(0);
    const watch = watchCgroup(id);
    await service.triage(pod);
    expect(new Set(watch.stop())).toEqual(new Set(before.processes));
    expect({ calls: execCalls(pod), processes: processesOf(id) }).toEqual(before);
  });

  it('gives the same artifacts five times in a row, and moves nothing twice', async () => {
    const sets: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const run = await service.triage(pod);
      const files = (await service.rows<Artifact>(run.id, 'artifacts')).filter(({ kind }) => kind === 'file');
      expect(files.every(({ known }) => known)).toBe(true);
      sets.push(
        files
          .map(({ id, sha256 }) => `${id} ${sha256}`)
          .sort()
          .join('\n'),
      );
    }
    expect(new Set(sets).size).toBe(1);
  });

  it('finds nothing in a pod to which nothing was done', async () => {
    const run = await service.triage(clean);
    expect(run).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'no-findings' });
    const own = (await service.rows<Change>(run.id, 'changes')).filter(({ origin }) => origin === 'container');
    // Its web server keeps its pid and its temporary folders in /dev/shm.
    expect(own.filter(({ place }) => !(place.kind === 'volume' && place.mountPath === '/dev/shm'))).toEqual([]);
  });
});

describe('a-f-02-listing', () => {
  it('finds the same changed files on containerd, minus what its method cannot see', async () => {
    const run = await service.triage('web-a', { playbook: 'a-f-02-listing' });
    const ours = await service.triage('web-a');
    const files = async (id: string) => {
      const rows = (await service.rows<Artifact>(id, 'artifacts')).filter(({ kind, source }) => kind === 'file' && source?.place.kind === 'rootfs');
      return new Set(rows.map(({ source, sha256 }) => `${source?.path.text ?? ''} ${sha256}`));
    };
    const [listed, read] = [await files(run.id), await files(ours.id)];
    expect([...listed].filter((line) => !read.has(line))).toEqual([]);
    const unseen = [...read].filter((line) => !listed.has(line)).map((line) => line.slice(0, line.lastIndexOf(' ')));
    // A newline in a name breaks its line of `nerdctl diff`, and bytes that are no UTF-8 cannot be sent to the API server as an argument.
    expect(unseen.sort()).toEqual(['tmp/n/\\xff\\xfe', 'tmp/n/new\\x0aline']);
    const report = (await service.api(`/runs/${run.id}/report?format=json`)).body as { gaps: { reason: string; subject: string }[] };
    expect(report.gaps.map(({ reason }) => reason)).toContain('unreadable-line');
    expect(run).toMatchObject({ state: 'completed', completeness: 'partial', verdict: 'malicious' });
  });

  it('says on CRI-O that nerdctl cannot see its containers, and what can', async () => {
    const run = await service.triage('web-b', { playbook: 'a-f-02-listing' });
    expect(run).toMatchObject({ state: 'failed', error: { code: 'runtime-unsupported' } });
    expect(run.error?.message).toMatch(/nerdctl cannot see.*a-f-02/s);
    expect((await service.api(`/runs/${run.id}/report?format=json`)).status).toBe(200);
  });
});

describe('custody', () => {
  it('of every run verifies, and shows each node command before it ran', async () => {
    const run = await service.triage('web-a');
    const verified = await service.command('verify', run.id);
    expect(verified).toMatchObject({ code: 0 });
    const { body } = (await service.api(`/runs/${run.id}/custody?limit=500`)) as { body: { entries: { act: string; subject?: string }[] } };
    const acts = body.entries.map(({ act }) => act);
    expect(acts[0]).toBe('run.requested');
    expect(acts.filter((act) => act === 'command.started').length).toBe(acts.filter((act) => act === 'command.finished').length);
    expect(acts.filter((act) => act === 'lookup.answered').length).toBe(
      new Set((await service.rows<{ sha256: string }>(run.id, 'lookups')).map(({ sha256 }) => sha256)).size,
    );
    for (const act of ['node.tools', 'cluster.request', 'cluster.answered', 'artifact.known', 'report.written']) expect(acts).toContain(act);
  });
});

/** Pids in the container's cgroup, as the node sees them. */
function processesOf(id: string): string[] {
  const files = execFileSync('bash', ['-c', `find /sys/fs/cgroup -path "*${id}*" -name cgroup.procs -not -path "*conmon*" 2>/dev/null`], {
    encoding: 'utf8',
  });
  const pids = files
    .split('\n')
    .filter(Boolean)
    .flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean));
  return [...new Set(pids)].sort();
}

/** Looks at the cgroup as often as it can: a process that we started there would show. */
function watchCgroup(id: string): { stop(): string[] } {
  const seen = new Set(processesOf(id));
  const timer = setInterval(() => {
    for (const pid of processesOf(id)) seen.add(pid);
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      return [...seen];
    },
  };
}

it('uses the lab that is planted', () => {
  expect(lab.nodes.map(({ name }) => name)).toEqual(['node-a', 'node-b']);
});
