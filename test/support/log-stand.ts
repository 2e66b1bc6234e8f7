import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gap, Limit } from '../../playbooks/domain/run.js';
import type { NodeContainer, PodContainer } from '../../playbooks/facts.js';
import type { NodeCommand, StepContext } from '../../playbooks/ports.js';
import { readLogs } from '../../playbooks/steps/read-logs.js';
import { createDiskEvidence } from '../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../store/evidence/keeper.js';
import { localNode } from './local-node.js';
import { type LocalContext, localContext } from './step-context.js';
import { sha256Of } from './wait.js';

const id = 'ab'.repeat(32);

/** What is odd about the node, the pod or the step; containers are those that list-containers has written down. */
export interface OddLogs {
  readonly logBytes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly containers?: readonly NodeContainer[];
  readonly staticUid?: string;
  readonly more?: Partial<StepContext>;
}

/** A container as the pod's status has it: the first instance of `web`, running. */
export function podContainer(more: Partial<PodContainer> = {}): PodContainer {
  const known = { name: 'web', kind: 'container', instance: 'current', state: 'running', image: 'i', imageId: '' } as const;
  return { ...known, id, runtime: 'containerd', restarts: 0, ...more };
}

/** The same as it was before its last restart. */
export function previous(more: Partial<PodContainer> = {}): PodContainer {
  return podContainer({ instance: 'previous', id: 'cd'.repeat(32), state: 'terminated', ...more });
}

/** What is kept of a log, in short. */
export function keptRow(name: string, content: string | Uint8Array): string {
  return `log node ${name}: ${sha256Of(Buffer.from(content))}`;
}

/** Folders as kubelet makes them, and the step that reads from them on this machine. */
export class LogStand {
  readonly podLogs: string;
  readonly commands: NodeCommand[] = [];

  private constructor(
    readonly folder: string,
    readonly evidence: EvidenceKeeper,
    private readonly local: LocalContext,
  ) {
    this.podLogs = join(folder, 'pod logs');
    mkdirSync(this.podLogs);
  }

  static async open(): Promise<LogStand> {
    const folder = mkdtempSync(join(tmpdir(), 'podtriage logs-'));
    const evidence = await createDiskEvidence(join(folder, 'evidence'));
    return new LogStand(folder, evidence, localContext(evidence, new AbortController().signal));
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  get gaps(): Gap[] {
    return this.local.gaps;
  }

  get limits(): Limit[] {
    return this.local.limits;
  }

  get artifacts(): LocalContext['artifacts'] {
    return this.local.artifacts;
  }

  get kept(): string[] {
    return this.artifacts.map(({ kind, method, name = '', sha256 }) => `${kind} ${method} ${name}: ${sha256}`).sort();
  }

  /** A path in the pod's folder of logs. */
  at(path: string): string {
    return join(this.podLogs, 'shop_web_u-1', path);
  }

  put(path: string, content: string | Uint8Array): string {
    const file = this.at(path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** The container as list-containers has it. */
  onNode(): NodeContainer {
    const { name, kind, instance } = podContainer();
    return { name, id, kind, instance, state: 'running', runtime: 'containerd', volumes: [], mountPaths: [], podLogs: this.podLogs };
  }

  /** Runs the step. */
  async read(podContainers: readonly PodContainer[], odd: OddLogs = {}): Promise<void> {
    const { logBytes, env = {}, containers = [this.onNode()], staticUid, more } = odd;
    const session = localNode({ env, onStart: (command) => this.commands.push(command) });
    const ctx = { ...this.local.ctx, ctr: ['false'], nodes: { connect: () => Promise.resolve(session) }, ...more };
    const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u-1', ...(staticUid === undefined ? {} : { staticUid }) };
    const board = { target, node: { name: 'local', address: '::1' }, podContainers: [...podContainers], containers: [...containers] };
    await readLogs.bind(logBytes === undefined ? {} : { logBytes })(board, ctx);
  }
}
