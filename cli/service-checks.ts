import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { readNodeRecords } from '../playbooks/acquisition/containers/node-records.js';
import { asTriageError } from '../playbooks/domain/error.js';
import type { NodePort } from '../playbooks/ports.js';
import { openCluster, openNodes, type WorkerConfig } from '../workers/context.js';
import type { DoctorCheck, DoctorFinding } from './commands/doctor.js';
import type { ServiceConfig } from './config.js';
import { checkEndpoints, checkIntakes } from './file-checks.js';
import { checkHashLists } from './hash-list-check.js';
import { checkIntel } from './intel-check.js';
import { clockFinding } from './startup-checks.js';
import { workerConfig } from './worker-config.js';

/** Checks of what runs need outside this machine: the cluster, each node that known_hosts names, VirusTotal. */
export function serviceChecks(service: ServiceConfig): readonly DoctorCheck[] {
  const config = workerConfig(service);
  return [
    { name: `cluster ${config.cluster.name}`, run: (signal) => checkCluster(config, signal) },
    { name: `clock of cluster ${config.cluster.name}`, run: (signal) => checkClusterClock(config, signal) },
    { name: 'nodes', run: (signal) => checkNodes(config, signal) },
    { name: 'VirusTotal', run: (signal) => checkIntel(service, config, signal) },
    { name: 'hash lists', run: (signal) => checkHashLists(config, signal) },
    { name: 'intakes', run: () => checkIntakes(service) },
    { name: 'endpoints', run: () => checkEndpoints(service) },
    { name: 'tar in containers', run: () => Promise.resolve(checkInContainer(config)) },
  ];
}

/** Asks for a pod that is not there: the refusal that says so proves address, credential and permission. */
async function checkCluster(config: WorkerConfig, signal: AbortSignal): Promise<DoctorFinding> {
  const { name, kubeconfig } = config.cluster;
  try {
    await openCluster(config).pod({ cluster: name, namespace: 'default', pod: 'podtriage-doctor' }, signal);
  } catch (error) {
    const { code, message } = asTriageError(error);
    if (code !== 'pod-not-found') return { ok: false, found: message, todo: `check PODTRIAGE_KUBECONFIG (${kubeconfig}) and apply deploy/rbac.yaml` };
  }
  return { ok: true, found: `reads pods, by ${kubeconfig}` };
}

/** Events and logs are dated by the cluster, custody by us: a timeline of both needs clocks that agree. */
async function checkClusterClock(config: WorkerConfig, signal: AbortSignal): Promise<DoctorFinding> {
  const before = Date.now();
  const date = await openCluster(config).date(config.cluster.name, signal);
  // The header has whole seconds: half of one is what it leaves out on average.
  return clockFinding((before + Date.now()) / 2 - date.getTime() - 500, 'the API server');
}

async function checkNodes(config: WorkerConfig, signal: AbortSignal): Promise<DoctorFinding> {
  const { knownHosts, user = userInfo().username } = config.ssh;
  const names = await knownNames(knownHosts);
  if (names.length === 0) {
    return {
      ok: false,
      found: `${knownHosts} names no node`,
      todo: `add a line for each node, by its name in Kubernetes: NODE ssh-ed25519 KEY (ssh-keyscan gives the key; check it by another way)`,
    };
  }
  const nodes = openNodes(config);
  const found = await Promise.all(names.map((name) => checkNode(config, nodes, name, signal)));
  await nodes.close();
  const bad = found.filter((problem) => problem !== undefined);
  if (bad.length === 0) return { ok: true, found: `${names.length} of ${names.length} let ${user} in, with root and all tools: ${names.join(', ')}` };
  return { ok: false, found: `${bad.length} of ${names.length} cannot be read`, todo: bad.join('; ') };
}

/** Undefined when the node lets us in, gives root, and has the tools. */
async function checkNode(config: WorkerConfig, nodes: NodePort, name: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const session = await nodes.connect(await openCluster(config).node(config.cluster.name, name, signal), signal);
    try {
      await readNodeRecords(session, [], signal);
    } finally {
      await session.close();
    }
    return undefined;
  } catch (error) {
    return `${name}: ${asTriageError(error).message}`;
  }
}

/** Plain names of a known_hosts file (sshd(8)); hashed ones and patterns cannot be told. */
async function knownNames(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const hosts = text.split('\n').flatMap((line) => (/^\s*[#@|]/.test(line) ? [] : (line.trim().split(/\s+/)[0] ?? '').split(',')));
  return [...new Set(hosts.map((host) => /^\[(.+)\]:\d+$/.exec(host)?.[1] ?? host).filter((host) => /^[a-z0-9][a-z0-9.-]*$/.test(host)))];
}

/** Either is right; whoever asks should know which it is. */
function checkInContainer({ inContainer }: WorkerConfig): DoctorFinding {
  const found = inContainer
    ? 'allowed (PODTRIAGE_IN_CONTAINER): playbooks with method kubectl-cp run the suspect’s own tar, and the suspect can see it'
    : 'never (PODTRIAGE_IN_CONTAINER): playbooks with method kubectl-cp, such as a-f-02-listing, cannot take files';
  return { ok: true, found };
}
