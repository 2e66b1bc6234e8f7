import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeOfDifference } from '../../playbooks/acquisition/changes/change-rows.js';
import { overlayDiff } from '../../playbooks/acquisition/changes/overlay-diff.js';
import { artifactsFromNode } from '../../playbooks/acquisition/taking/acquire-node.js';
import { planAcquisition } from '../../playbooks/acquisition/taking/plan.js';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { Act } from '../../playbooks/domain/custody.js';
import { pathBytes } from '../../playbooks/domain/path-name.js';
import { runRequestSchema } from '../../playbooks/domain/request.js';
import type { Gap, Limit } from '../../playbooks/domain/run.js';
import type { NodeContainer, Overlay } from '../../playbooks/facts.js';
import type { EvidencePort, MovePort, NodeSession, StepContext } from '../../playbooks/ports.js';
import { createDiskEvidence } from '../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../store/evidence/keeper.js';
import { localNode } from './local-node.js';
import { alone } from './moves.js';
import { type RealOverlay, realOverlay } from './overlay.js';

/** sha256, lower case hex. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** What a step would have written down; artifacts by path, latin1. */
export interface Taken {
  readonly by: ReadonlyMap<string, Artifact>;
  readonly recorded: readonly Artifact[];
  readonly gaps: readonly Gap[];
  readonly limits: readonly Limit[];
  readonly acts: readonly Act[];
}

/** How files are taken, where it is not the usual way. */
export interface Asked {
  readonly mode?: 'hashes' | 'selected' | 'all';
  readonly session?: NodeSession;
  readonly evidence?: EvidencePort;
  readonly moves?: MovePort;
  readonly overlay?: Overlay;
}

/** A container's real overlay, a real evidence store, and what the step export-files does with both. */
export class AcquireStand {
  private constructor(
    readonly folder: string,
    readonly store: EvidenceKeeper,
    readonly mounted: RealOverlay,
  ) {}

  static async open(change: string, layers: readonly string[] = ['mkdir a'], options = ''): Promise<AcquireStand> {
    const folder = mkdtempSync(join(tmpdir(), 'podtriage-acquire-'));
    const store = await createDiskEvidence(join(folder, 'evidence'));
    const mounted = realOverlay(layers, options);
    mounted.inContainer(change);
    return new AcquireStand(folder, store, mounted);
  }

  close(): void {
    this.mounted.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async changes(): Promise<Change[]> {
    const { overlay } = this.mounted;
    const { differences } = await overlayDiff(localNode(), { overlay }, 100_000, new AbortController().signal);
    return differences.map((difference) => changeOfDifference(this.container(overlay), difference));
  }

  /** Acquires what is listed, as the step does. */
  async take(listed: readonly Change[], asked: Asked = {}): Promise<Taken> {
    const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web' }, options: { acquire: asked.mode ?? 'selected' } });
    const taken = { recorded: [] as Artifact[], gaps: [] as Gap[], limits: [] as Limit[], acts: [] as Act[] };
    const { take, limits } = planAcquisition(listed, request.options.limits);
    taken.limits.push(...limits);
    const ctx = {
      run: { request, limits: request.options.limits },
      signal: new AbortController().signal,
      clock: () => new Date(),
      evidence: asked.evidence ?? this.store,
      moves: asked.moves ?? alone,
      recordArtifacts: (artifacts: Artifact[]) => Promise.resolve(void taken.recorded.push(...artifacts)),
      record: (act: Act) => Promise.resolve(void taken.acts.push(act)),
      gap: (gap: Gap) => taken.gaps.push(gap),
      limit: (limit: Limit) => taken.limits.push(limit),
    } as unknown as StepContext;
    const containers = [this.container(asked.overlay ?? this.mounted.overlay)];
    const artifacts = await artifactsFromNode(asked.session ?? localNode(), containers, take, ctx);
    return { ...taken, by: new Map(artifacts.map((each) => [nameOf(each), each])) };
  }

  async content(hash: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.store.open(hash)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  /** Runs a shell loop in the container's tree as long as `act` takes. */
  async meanwhile<T>(loop: string, act: () => Promise<T>): Promise<T> {
    const go = join(this.folder, 'go');
    writeFileSync(go, '');
    const child = spawn('bash', ['-c', `while [ -e ${go} ]; do ${loop}; done`], { cwd: this.mounted.overlay.merged, stdio: 'ignore' });
    try {
      return await act();
    } finally {
      rmSync(go);
      await new Promise((resolve) => child.once('close', resolve));
    }
  }

  private container(overlay: Overlay): NodeContainer {
    const id = 'c'.repeat(64);
    return { name: 'web', id, kind: 'container', instance: 'current', state: 'running', runtime: 'containerd', overlay, volumes: [], mountPaths: [] };
  }
}

function nameOf({ source }: Artifact): string {
  return source === undefined ? '' : pathBytes(source.path).toString('latin1');
}
