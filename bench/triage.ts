import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPod, deletePod, inPod, lab } from '../test/e2e/lab.js';
import { TestService } from '../test/e2e/service.js';
import { median } from './median.js';

const run = promisify(execFile);
const pod = 'bench';
const files = 50;
const rounds = 3;

/**
 * One `a-f-02` run against measure A-F-02 as a shell script, on the same pod with 50 changed files, VirusTotal (emulator) without limits.
 * The service runs and has done a run on another pod; the files are new in each round, so that nothing of them is known. The lab must be up.
 */
export async function triage(): Promise<Record<string, unknown>> {
  const service = await TestService.start({ PODTRIAGE_LOG_LEVEL: 'warn' });
  try {
    await deletePod(pod);
    await createPod(pod, 'node-a');
    await service.triage('clean-a');
    const ours: number[] = [];
    const script: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await inPod(pod, `i=0; while [ $i -lt ${files} ]; do head -c 5000 /dev/urandom > /tmp/file-$i; i=$((i+1)); done`);
      ours.push(await timeOurs(service));
      script.push(await timeScript(service));
      process.stdout.write(`round ${round + 1}: ours ${ours.at(-1) ?? 0} ms, script ${script.at(-1) ?? 0} ms\n`);
    }
    return { files, ours_ms: median(ours), script_ms: median(script), ratio: Math.round((median(script) / median(ours)) * 100) / 100 };
  } finally {
    await deletePod(pod);
    await service.stop();
  }
}

/** From the request to the written report. */
async function timeOurs(service: TestService): Promise<number> {
  const started = performance.now();
  const { state, steps, id } = await service.triage(pod);
  const took = performance.now() - started;
  const taken = (await service.rows<{ kind: string; known: boolean }>(id, 'artifacts')).filter(({ kind, known }) => kind === 'file' && !known).length;
  if (state !== 'completed' || taken !== files) throw new Error(`the run ended as ${state} with ${taken} files: ${JSON.stringify(steps)}`);
  return Math.round(took);
}

async function timeScript(service: TestService): Promise<number> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/root',
    KUBECONFIG: lab.kubeconfig,
    KUBECTL: lab.programs.kubectl,
    NERDCTL: lab.programs.nerdctl,
    CONTAINERD: lab.nodes[0]?.socket ?? '',
    SSH_KEY: lab.ssh.key,
    SSH_USER: lab.ssh.users.sudo,
    KNOWN_HOSTS: lab.ssh.knownHosts,
    NAMESPACE: lab.namespace,
    POD: pod,
    VT_URL: service.virusTotal.url,
    VT_KEY: 'e2e-key',
  };
  const started = performance.now();
  const { stdout } = await run('bash', [join(import.meta.dirname, 'a-f-02.sh')], { env });
  const took = performance.now() - started;
  const looked = stdout.split('\n').filter((line) => line.includes(' /tmp/file-')).length;
  if (looked !== files) throw new Error(`the script looked up ${looked} of ${files} files:\n${stdout}`);
  return Math.round(took);
}
