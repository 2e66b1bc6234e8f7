import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { createPod, deletePod, inPod } from '../test/e2e/lab.js';
import { TestService } from '../test/e2e/service.js';
import { latency, rounded, triage } from './footprint-latency.js';
import { median } from './median.js';
import { NodeMeter, type Reading } from './node-meter.js';

const run = promisify(execFile);
const busy = 'bench-busy';
const suspect = 'bench-suspect';
const onOtherNode = 'bench-elsewhere';
const pods = { [busy]: 'node-a', [suspect]: 'node-a', [onOtherNode]: 'node-b' };
const fill = 'mkdir -p /tmp/new; i=0; while [ $i -lt 50 ]; do head -c 5000 /dev/urandom >/tmp/new/$i; i=$((i + 1)); done';

/**
 * What an `a-f-02` run costs the node, and what a busy pod on it feels. Cost: CPU and disk reads of all that comes in through the node's sshd, with
 * the page cache dropped before. Latency: footprint-latency.ts.
 * The lab must be up and `make build` done. PODTRIAGE_FOOTPRINT_ROUNDS, default 5; PODTRIAGE_FOOTPRINT_SECONDS of each load, default 10.
 */
export async function footprint(): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_FOOTPRINT_ROUNDS'] ?? '5');
  try {
    for (const [pod, node] of Object.entries(pods)) {
      await deletePod(pod);
      await createPod(pod, node);
    }
    const suspects = { busy, other: suspect, elsewhere: onOtherNode };
    return { rounds, ...(await cost(rounds)), ...(await latency(rounds, suspects, (pod) => inPod(pod, fill))) };
  } finally {
    for (const pod of Object.keys(pods)) await deletePod(pod);
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
