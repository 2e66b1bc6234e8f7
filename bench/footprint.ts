import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPod, deletePod, inPod, kubectl } from '../test/e2e/lab.js';
import { TestService } from '../test/e2e/service.js';
import { median } from './median.js';
import { labPid, NodeMeter, type Reading } from './node-meter.js';

const run = promisify(execFile);
const busy = 'bench-busy';
const suspect = 'bench-suspect';
const pods = [busy, suspect];
const fill = 'mkdir -p /tmp/new; i=0; while [ $i -lt 50 ]; do head -c 5000 /dev/urandom >/tmp/new/$i; i=$((i + 1)); done';
/** Of the busy pod's load. */
const requestsASecond = 500;

/**
 * What an `a-f-02` run costs the node, and what a busy pod on it feels. Cost: CPU and disk reads of all that comes in through the node's sshd, with
 * the page cache dropped before. Latency: a pod with nginx under constant load, without triage, with runs back to back on another pod of the node,
 * and with runs on the pod itself. What belongs to the node (sshd and all it starts, kubelet, containerd, the pod) has one core, all else the other:
 * control plane, service and client.
 * The lab must be up and `make build` done. PODTRIAGE_FOOTPRINT_ROUNDS, default 5; PODTRIAGE_FOOTPRINT_SECONDS of each load, default 10.
 */
export async function footprint(): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_FOOTPRINT_ROUNDS'] ?? '5');
  try {
    for (const pod of pods) {
      await deletePod(pod);
      await createPod(pod, 'node-a');
    }
    return { rounds, ...(await cost(rounds)), ...(await latency(rounds)) };
  } finally {
    for (const pod of pods) await deletePod(pod);
  }
}

/** Medians of one run each, login included. */
async function cost(rounds: number): Promise<Record<string, number>> {
  const readings: Reading[] = [];
  const meter = NodeMeter.start('a');
  try {
    for (let round = 0; round < rounds; round += 1) {
      await inPod(suspect, fill);
      readings.push(await costOfOne(meter));
      process.stdout.write(`cost, round ${round + 1}: ${JSON.stringify(readings.at(-1))}\n`);
    }
  } finally {
    meter.stop();
  }
  const cpu = median(readings.map(({ cpuSeconds }) => cpuSeconds));
  const disk = median(readings.map(({ diskBytes }) => diskBytes));
  return { cpu_seconds: rounded(cpu), read_mib: rounded(disk / 1024 ** 2) };
}

async function costOfOne(meter: NodeMeter): Promise<Reading> {
  const service = await TestService.start({ PODTRIAGE_LOG_LEVEL: 'warn' });
  await run('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
  const before = meter.read();
  await triage(service, suspect);
  // Its end closes the connection, and with it what sshd has left.
  await service.stop();
  const after = meter.read();
  return { cpuSeconds: after.cpuSeconds - before.cpuSeconds, diskBytes: after.diskBytes - before.diskBytes };
}

async function triage(service: TestService, pod: string): Promise<void> {
  const { state, steps } = await service.triage(pod);
  if (state !== 'completed') throw new Error(`the run ended as ${state}: ${JSON.stringify(steps)}`);
}

/** What runs on a node, and what in a real cluster runs on other machines. */
const ofNode = ['sshd-a', 'kubelet-a', 'containerd'];
const elsewhere = ['etcd', 'kube-apiserver', 'crio', 'kubelet-b', 'sshd-b'];

const kinds = { alone: undefined, other: suspect, same: busy };
type Kind = keyof typeof kinds;

async function latency(rounds: number): Promise<Record<string, number>> {
  const took: Record<Kind, number[]> = { alone: [], other: [], same: [] };
  const service = await TestService.start({ PODTRIAGE_LOG_LEVEL: 'warn' });
  const id = (await kubectl('get', 'pod', busy, '-o', 'jsonpath={.status.containerStatuses[0].containerID}')).replace(/^.*:\/\//, '');
  try {
    await pin(0, [...ofNode.map(labPid), ...pidsOf(id)]);
    // Its Redis is a child.
    const ofService = [service.pid, ...(await run('pgrep', ['-P', String(service.pid)])).stdout.trim().split('\n').map(Number)];
    await pin(1, [...elsewhere.map(labPid), ...ofService]);
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of ['alone', 'other', 'same'] as const) took[kind].push(...(await underLoad(service, kinds[kind])));
    }
  } finally {
    for (const program of [...ofNode, ...elsewhere]) await run('taskset', ['-apc', '0-1', String(labPid(program))]);
    await service.stop();
  }
  const [alone, other, same] = [took.alone, took.other, took.same].map((each) => at(each, 0.99)) as [number, number, number];
  return {
    p50_alone_ms: rounded(at(took.alone, 0.5)),
    p50_other_ms: rounded(at(took.other, 0.5)),
    p50_same_ms: rounded(at(took.same, 0.5)),
    p99_alone_ms: rounded(alone),
    p99_other_ms: rounded(other),
    p99_same_ms: rounded(same),
    p99_ratio: rounded(Math.max(other, same) / alone),
  };
}

/** Latencies of the busy pod's answers, in ms, while runs on the other pod follow each other. */
async function underLoad(service: TestService, pod: string | undefined): Promise<number[]> {
  if (pod !== undefined) await inPod(pod, fill);
  const seconds = process.env['PODTRIAGE_FOOTPRINT_SECONDS'] ?? '10';
  const address = await kubectl('get', 'pod', busy, '-o', 'jsonpath={.status.podIP}');
  const child = ['--import', 'tsx', join(import.meta.dirname, 'load-child.ts'), `http://${address}/`, String(requestsASecond), seconds];
  // The client goes before the service on their core: it measures the node, not the service. Pods of the lab are reached from its nodes only.
  const place = ['-t', String(labPid('sshd-a')), '-n', 'taskset', '-c', '1', 'nice', '-n', '-20'];
  const load = run('nsenter', [...place, process.execPath, ...child], { maxBuffer: 64 * 1024 ** 2 });
  const until = performance.now() + Number(seconds) * 1000;
  let runs = 0;
  for (; pod !== undefined && performance.now() < until; runs += 1) await triage(service, pod);
  const took = JSON.parse((await load).stdout) as number[];
  process.stdout.write(`load, runs on ${pod ?? 'no pod'}: ${runs} runs, p99 ${rounded(at(took, 0.99))} ms\n`);
  return took;
}

/** Processes of a container, by its id in their cgroup. */
function pidsOf(id: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Gives processes one core, with all their threads and what they start from now on. */
async function pin(core: 0 | 1, pids: readonly number[]): Promise<void> {
  for (const pid of pids) await run('taskset', ['-apc', String(core), String(pid)]);
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
