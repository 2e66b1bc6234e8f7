import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { readListing } from '../../../playbooks/acquisition/ndjson.js';
import { type Process, processSchema } from '../../../playbooks/domain/process.js';
import type { Facts, NodeContainer } from '../../../playbooks/facts.js';
import { listProcesses } from '../../../playbooks/steps/list-processes.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { type RealCgroup, realCgroup } from '../../support/cgroup.js';
import { sleepProgram } from '../../support/program.js';
import { type LocalContext, localContext } from '../../support/step-context.js';

const path = process.env['PATH'] ?? '';

/** A container of real processes, as far as its cgroup makes one, and the step that lists them. */
export class ProcessStand {
  private constructor(
    readonly id: string,
    readonly folder: string,
    readonly evidence: Awaited<ReturnType<typeof createDiskEvidence>>,
    private readonly cgroup: RealCgroup,
    public local: LocalContext,
  ) {}

  /** The container's first process. */
  init!: ChildProcess;

  static async create(): Promise<ProcessStand> {
    const id = randomBytes(32).toString('hex');
    const folder = mkdtempSync(join(tmpdir(), 'podtriage processes-'));
    const evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
    const local = localContext(evidence, AbortSignal.timeout(60_000));
    const stand = new ProcessStand(id, folder, evidence, realCgroup(`podtriage-test-${process.pid}/${id}`), local);
    stand.init = await stand.started(sleepProgram, ['1000']);
    return stand;
  }

  async remove(): Promise<void> {
    process.env['PATH'] = path;
    await this.cgroup.remove();
    rmSync(this.folder, { recursive: true });
  }

  /** Starts a program in the container, and waits until it is that program that runs. */
  async started(
    program: string,
    args: string[],
    options: { argv0?: string; env?: Record<string, string>; below?: string } = {},
  ): Promise<ChildProcess> {
    const { below, ...rest } = options;
    const child = spawn(program, args, { stdio: 'ignore', ...rest });
    await new Promise((resolve) => child.once('spawn', resolve));
    this.cgroup.enter(child.pid ?? 0, below);
    return child;
  }

  container(extra: Partial<NodeContainer> = {}): NodeContainer {
    return {
      name: 'web',
      id: this.id,
      kind: 'container',
      instance: 'current',
      state: 'running',
      runtime: 'containerd',
      pid: this.init.pid,
      rootfs: this.folder,
      volumes: [],
      mountPaths: [],
      ...extra,
    };
  }

  async list(containers = [this.container()]): Promise<{ fact: Facts['processes']; rows: Process[] }> {
    const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u' };
    const board = { target, node: { name: 'local', address: '127.0.0.1' }, containers };
    const { processes: fact } = await listProcesses.bind({})(board, this.local.ctx);
    if (fact === undefined) throw new Error('the step wrote no fact');
    return { fact, rows: await readListing(this.evidence, fact.sha256, processSchema) };
  }

  /** Puts a script before a program of the node. */
  instead(name: string, script: string): void {
    const bin = join(this.folder, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env['PATH'] = `${bin}:${path}`;
  }
}

/** A new one for each test. */
export function withProcesses(): () => ProcessStand {
  let stand: ProcessStand;
  beforeEach(async () => {
    stand = await ProcessStand.create();
  });
  afterEach(() => stand.remove());
  return () => stand;
}

/** The row of a process. */
export function rowOf(rows: readonly Process[], child: ChildProcess): Process | undefined {
  return rows.find(({ pid }) => pid === child.pid);
}
