import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kubectl } from '../test/e2e/lab.js';
import { TestService } from '../test/e2e/service.js';
import { median } from './median.js';
import { labPid } from './node-meter.js';

const run = promisify(execFile);

/** Of the busy pod's load. */
const requestsASecond = 500;

/** What runs on a node, and what in a real cluster runs on other machines. */
const ofNode = ['sshd-a', 'kubelet-a', 'containerd'];
const elsewhere = ['etcd', 'kube-apiserver', 'crio', 'kubelet-b', 'sshd-b'];

/**
 * What runs are made on while the busy pod is under load. `elsewhere`: on a pod of another node, which shows what of the effect is none of this
 * node's: both nodes are one machine, whose cores share their caches.
 */
export interface Suspects {
  readonly busy: string;
  readonly other: string;
  readonly elsewhere: string;
}

/** What one phase showed: percentiles of latency, in ms, and for how long the pod was kept from its core, in microseconds a request. */
interface Phase {
  readonly p50: number;
  readonly p99: number;
  readonly wait: number;
}

const kinds = ['alone', 'elsewhere', 'other', 'same'] as const;
type Kind = (typeof kinds)[number];

/**
 * What a busy pod feels, in rounds of four phases that follow each other: without triage, and with runs back to back on a pod of another
 * node, on another pod of its node, and on itself. Each number is the median of the rounds, as one bad second of the machine would else decide.
 * What belongs to the node (sshd and all it starts, kubelet, containerd, the pod) has one core, all else the other.
 * Latency is what a client sees, who is not alone on his core either; `wait` is the kernel's own count of the time in which the pod's processes
 * could have run and did not (proc_pid_schedstat), and knows nothing of the client.
 * @param prepare makes something to be found in a pod before runs are made on it
 */
export async function latency(rounds: number, suspects: Suspects, prepare: (pod: string) => Promise<void>): Promise<Record<string, number>> {
  const phases: Record<Kind, Phase[]> = { alone: [], elsewhere: [], other: [], same: [] };
  const service = await TestService.start({ PODTRIAGE_LOG_LEVEL: 'warn' });
  const { busy, other } = suspects;
  const pods = { alone: undefined, elsewhere: suspects.elsewhere, other, same: busy };
  try {
    const processes = await processesOf(busy);
    await pinAll(processes, service);
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) {
        const pod = pods[kind];
        if (pod !== undefined) await prepare(pod);
        const before = waited(processes);
        const took = await underLoad(service, busy, pod);
        const phase = { p50: at(took, 0.5), p99: at(took, 0.99), wait: (waited(processes) - before) / took.length / 1000 };
        process.stdout.write(`load, runs on ${pod ?? 'no pod'}: ${JSON.stringify(phase)}\n`);
        phases[kind].push(phase);
      }
    }
  } finally {
    for (const program of [...ofNode, ...elsewhere]) await run('taskset', ['-apc', '0-1', String(labPid(program))]);
    await service.stop();
  }
  const middle = (kind: Kind, of: keyof Phase) => rounded(median(phases[kind].map((phase) => phase[of])));
  const ratio = (kind: Kind) => median(phases[kind].map(({ p99 }, round) => p99 / (phases.alone[round]?.p99 ?? Number.NaN)));
  const figures = kinds.flatMap((kind) => [
    [`p50_${kind}_ms`, middle(kind, 'p50')] as const,
    [`p99_${kind}_ms`, middle(kind, 'p99')] as const,
    [`wait_${kind}_us`, middle(kind, 'wait')] as const,
  ]);
  return {
    ...Object.fromEntries(figures),
    p99_elsewhere_ratio: rounded(ratio('elsewhere')),
    p99_ratio: rounded(Math.max(ratio('other'), ratio('same'))),
  };
}

/** Latencies of the busy pod's answers, in ms, while runs on a pod follow each other. */
async function underLoad(service: TestService, busy: string, pod: string | undefined): Promise<number[]> {
  const seconds = process.env['PODTRIAGE_FOOTPRINT_SECONDS'] ?? '10';
  const address = await kubectl('get', 'pod', busy, '-o', 'jsonpath={.status.podIP}');
  const child = ['--import', 'tsx', join(import.meta.dirname, 'load-child.ts'), `http://${address}/`, String(requestsASecond), seconds];
  const load = run('nsenter', [...place(), process.execPath, ...child], { maxBuffer: 64 * 1024 ** 2 });
  // A run that fails is told first: the pods are gone then, and the client fails, too.
  load.catch(() => undefined);
  const until = performance.now() + Number(seconds) * 1000;
  let runs = 0;
  for (; pod !== undefined && performance.now() < until; runs += 1) await triage(service, pod);
  process.stdout.write(`${runs} runs; `);
  return JSON.parse((await load).stdout) as number[];
}

/**
 * The client goes before all else on the core that it shares with the service: it measures the node, not the service. A nice value counts within
 * its session alone (sched(7), "The autogroup feature"), so it has one of its own. Pods of the lab are reached from its nodes only.
 */
function place(): string[] {
  const first = '{ echo -20 >/proc/self/autogroup; } 2>/dev/null; exec nice -n -20 "$@"';
  return ['-t', String(labPid('sshd-a')), '-n', 'setsid', 'taskset', '-c', '1', 'sh', '-c', first, 'load'];
}

/** Makes one run, which must come to its end. */
export async function triage(service: TestService, pod: string): Promise<void> {
  const { state, steps } = await service.triage(pod);
  if (state !== 'completed') throw new Error(`the run ended as ${state}: ${JSON.stringify(steps)}`);
}

async function pinAll(processes: readonly number[], service: TestService): Promise<void> {
  await pin(0, [...ofNode.map(labPid), ...processes]);
  // Its Redis is a child.
  const ofService = [service.pid, ...(await run('pgrep', ['-P', String(service.pid)])).stdout.trim().split('\n').map(Number)];
  await pin(1, [...elsewhere.map(labPid), ...ofService]);
}

async function processesOf(pod: string): Promise<number[]> {
  return pidsOf((await kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}')).replace(/^.*:\/\//, ''));
}

/** For how long processes of one thread each have waited for a core so far, in ns. */
function waited(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]), 0);
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

/** To three digits after the point. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
