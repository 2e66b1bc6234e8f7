import { z } from 'zod';
import { podLogsOfContainerd } from '../acquisition/containers/containerd-client.js';
import { podLogFolder } from '../acquisition/containers/runtime-config.js';
import { gapsOfLogs, limitsOfLogs } from '../acquisition/logs/missing-logs.js';
import { type KeptLog, type LogPlace, type PodLogs, readPodLogs } from '../acquisition/logs/pod-logs.js';
import { logSubject, type WantedLog, wantedLogs } from '../acquisition/logs/wanted-logs.js';
import { withNode } from '../acquisition/node/with-node.js';
import { asTriageError } from '../domain/error.js';
import { patientAttempts } from '../domain/retry.js';
import type { Facts } from '../facts.js';
import { rootOnNode } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { recordKept } from './derived.js';

const params = z.strictObject({
  /** The last bytes of each container's log that are kept. */
  logBytes: z
    .int()
    .min(0)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024),
});

/** Kubelet's own default (KubeletConfiguration, `podLogsDir`). */
const defaultPodLogs = '/var/log/pods';

/** Keeps the end of each container's log as it is on the node: kubelet's own way to give it out costs the node a write for every line. */
export const readLogs = defineStep({
  name: 'read-logs',
  summary: 'Keeps the last part of each container’s log, and of the log of the instance before a restart',
  queue: 'node',
  permissions: ({ logBytes }) => (logBytes === 0 ? [] : [rootOnNode]),
  needs: ['target', 'node', 'podContainers'],
  uses: ['containers'],
  writes: [],
  params,
  timeoutMs: 30 * 60_000,
  attempts: patientAttempts,
  async run({ target, node, podContainers, containers = [] }, { logBytes }, ctx) {
    const wanted = logBytes === 0 ? [] : wantedLogs(podContainers);
    if (wanted.length === 0) return {};
    await withNode(ctx, target, node, (session) => new LogsOfPod(session, target, wanted, logBytes, ctx).read(podContainers, containers));
    return {};
  },
});

/** What is wrong with the logs or their folder; a lost node or a full store is not for the report to explain away. */
const ofTheLogs: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'timeout', 'tool-missing', 'transfer-truncated']);

class LogsOfPod {
  private readonly kept: KeptLog[] = [];

  constructor(
    private readonly session: NodeSession,
    private readonly target: Facts['target'],
    private readonly wanted: readonly WantedLog[],
    private readonly most: number,
    private readonly ctx: StepContext,
  ) {}

  async read(podContainers: Facts['podContainers'], containers: Facts['containers']): Promise<void> {
    const named = containers.find(({ podLogs }) => podLogs !== undefined)?.podLogs;
    try {
      let podLogs = named ?? defaultPodLogs;
      let found = await this.readIn(podLogs);
      if (named === undefined && !isThere(found)) {
        podLogs = (await this.askContainerd(podContainers)) ?? podLogs;
        if (podLogs !== defaultPodLogs) found = await this.readIn(podLogs);
      }
      this.report(podContainers, `${podLogs}/${this.folder}`, found);
    } catch (error) {
      const known = asTriageError(error);
      if (!ofTheLogs.has(known.code) || this.ctx.signal.aborted) throw known;
      this.failed(known.code, known.message);
    }
  }

  private get folder(): string {
    const { namespace, pod, uid, staticUid } = this.target;
    return podLogFolder({ namespace, name: pod, uid: staticUid ?? uid });
  }

  private readIn(podLogs: string): Promise<PodLogs | undefined> {
    const place: LogPlace = { session: this.session, podLogs, folder: this.folder, most: this.most };
    return readPodLogs(place, this.wanted, this.ctx.evidence, (log) => this.keep(log), this.ctx.signal);
  }

  /** Of a pod whose containers have all ended, or that only nerdctl was asked about, list-containers has not seen it. */
  private async askContainerd(podContainers: Facts['podContainers']): Promise<string | undefined> {
    const id = podContainers.find((container) => container.runtime === 'containerd' && container.id !== '')?.id;
    if (id === undefined) return undefined;
    try {
      return await podLogsOfContainerd(this.session, id, this.ctx);
    } catch (error) {
      const known = asTriageError(error);
      if (known.code !== 'tool-missing' && known.code !== 'command-failed') throw known;
      return undefined;
    }
  }

  private async keep(kept: KeptLog): Promise<void> {
    const { log, file, stored, unstable } = kept;
    await recordKept(this.ctx, { kind: 'log', name: logSubject(log), method: 'node', identity: file.identity, unstable }, stored);
    this.kept.push(kept);
  }

  private report(podContainers: Facts['podContainers'], folder: string, found: PodLogs | undefined): void {
    for (const gap of gapsOfLogs(podContainers, this.wanted, this.kept, `${folder} on node ${this.session.node.name}`, found)) this.ctx.gap(gap);
    for (const limit of limitsOfLogs(this.wanted, this.kept, found)) this.ctx.limit(limit);
  }

  private failed(reason: string, detail: string): void {
    const open = this.wanted.filter((log) => !this.kept.some((kept) => kept.log === log));
    for (const subject of new Set(open.map(logSubject))) this.ctx.gap({ subject, reason, detail });
    for (const limit of limitsOfLogs(this.wanted, this.kept, undefined)) this.ctx.limit(limit);
  }
}

function isThere(found: PodLogs | undefined): boolean {
  return found?.types.get('') === 'd';
}
