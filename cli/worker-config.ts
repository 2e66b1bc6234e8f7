import { homedir } from 'node:os';
import { join } from 'node:path';
import type { WorkerConfig } from '../workers/context.js';
import type { ServiceConfig } from './config.js';

/** The part of the configuration that workers need, with its defaults: the service account in a pod, else ~/.kube/config. */
export function workerConfig(config: ServiceConfig): WorkerConfig {
  const { cluster, ssh, node, virusTotal, data } = config;
  const { perMinute, perDay, perMonth, foundHours, unknownMinutes } = virusTotal;
  const address = node.containerdAddress === undefined ? [] : ['--address', node.containerdAddress];
  return {
    cluster: { name: cluster.name, kubeconfig: cluster.kubeconfig ?? defaultKubeconfig() },
    ssh: {
      user: ssh.user,
      keyFile: ssh.keyFile,
      agent: ssh.agent,
      port: ssh.port,
      knownHosts: ssh.knownHosts ?? join(data.dir, 'known_hosts'),
      sudo: node.sudo,
      bandwidth: node.bandwidth,
    },
    virusTotal: {
      url: virusTotal.url,
      keyFile: virusTotal.keyFile,
      limits: { perMinute, perDay, perMonth },
      uploads: { mode: virusTotal.upload, maxBytes: virusTotal.uploadBytes },
      answerTtls: { found: foundHours * 3_600, unknown: unknownMinutes * 60, error: 60 },
    },
    hashLists: config.hashLists,
    nerdctl: [node.nerdctl, ...address],
    ctr: [node.ctr, ...address],
    nodeSlots: node.slots,
    inContainer: config.worker.inContainer === 'allowed',
    lockMs: config.worker.lockSeconds * 1_000,
    retainMs: config.worker.retentionDays * 86_400_000,
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
  };
}

function defaultKubeconfig(): string {
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined ? join(homedir(), '.kube', 'config') : 'in-cluster';
}
