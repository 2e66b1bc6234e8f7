import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readListing } from '../../../playbooks/acquisition/ndjson.js';
import { type PackageFile, packageFileSchema } from '../../../playbooks/domain/package.js';
import type { Facts, NodeContainer } from '../../../playbooks/facts.js';
import { checkPackages } from '../../../playbooks/steps/check-packages.js';
import { keepListing } from '../../../playbooks/steps/derived.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { type LocalNodeOptions, localNode } from '../../support/local-node.js';
import { changesOn, type RealOverlay, realOverlay } from '../../support/overlay.js';
import { type LocalContext, localContext } from '../../support/step-context.js';

const id = 'c'.repeat(64);

/** md5, lower case hex. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** How the container or its node is special. */
export interface Special {
  readonly container?: Partial<NodeContainer>;
  readonly node?: LocalNodeOptions;
}

/** A container's real overlay, a real evidence store, and the step check-packages. */
export class PackageStand {
  mounted: RealOverlay | undefined;

  private constructor(
    readonly folder: string,
    private readonly evidence: EvidenceKeeper,
    private readonly local: LocalContext,
  ) {}

  static async open(): Promise<PackageStand> {
    const folder = mkdtempSync(join(tmpdir(), 'podtriage packages-'));
    const evidence = await createDiskEvidence(join(folder, 'evidence'), { hostname: 'here', machineId: 'one' });
    return new PackageStand(folder, evidence, localContext(evidence, new AbortController().signal));
  }

  close(): void {
    this.mounted?.remove();
    rmSync(this.folder, { recursive: true });
  }

  get gaps(): LocalContext['gaps'] {
    return this.local.gaps;
  }

  get limits(): LocalContext['limits'] {
    return this.local.limits;
  }

  /** Changes a container over these layers, the topmost first, lists the changes and asks the packages. Rows are by path. */
  async packagesOf(
    layers: readonly string[],
    change: string,
    { container = {}, node = {} }: Special = {},
  ): Promise<{ fact: Facts['packages']; rows: Record<string, PackageFile> }> {
    this.mounted = realOverlay(layers);
    this.mounted.inContainer(change);
    const { rows } = await changesOn(this.mounted);
    const listing = await keepListing(this.local.ctx, 'changes', [...rows.values()]);
    const web = { name: 'web', id, kind: 'container', instance: 'current', state: 'running', runtime: 'containerd', volumes: [], mountPaths: [] };
    const board = {
      target: { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u' },
      node: { name: 'local', address: '127.0.0.1' },
      containers: [{ ...web, overlay: this.mounted.overlay, ...container } as NodeContainer],
      changes: { ...listing, added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' as const },
    };
    const ctx = { ...this.local.ctx, nodes: { connect: () => Promise.resolve(localNode(node)) } };
    const { packages: fact } = await checkPackages.bind({})(board, ctx);
    if (fact === undefined) throw new Error('the step wrote no fact');
    const found = await readListing(this.evidence, fact.sha256, packageFileSchema);
    expect(found.length).toBe(fact.count);
    return { fact, rows: Object.fromEntries(found.map((row) => [row.path.text, row])) };
  }
}

/** Shell that writes a package's sums: `path content` each. */
export function sums(name: string, files: Record<string, string>): string {
  const lines = Object.entries(files).map(([path, content]) => `${md5(content)}  ${path}`);
  return `mkdir -p var/lib/dpkg/info; printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} > var/lib/dpkg/info/${name}.md5sums`;
}

/** Shell that writes dpkg's list of packages and their versions. */
export function status(packages: Record<string, string>): string {
  const text = Object.entries(packages).map(
    ([name, version]) =>
      `Package: ${name}\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: ${version}\\nDescription: x\\n Version: no\\n`,
  );
  return `mkdir -p var/lib/dpkg; printf '${text.join('\\n')}' > var/lib/dpkg/status`;
}

/** An image with merged usr and three packages. */
export const base = `
mkdir -p usr/bin usr/lib usr/sbin etc var/lib/dpkg/info; ln -s usr/bin bin; ln -s usr/lib lib
echo ls > usr/bin/ls; echo cat > usr/bin/cat; echo c > usr/lib/libc.so; echo n > usr/sbin/nginx; echo conf > etc/conf
${sums('coreutils', { 'bin/ls': 'ls\n', 'bin/cat': 'cat\n' })}
${sums('libc6:amd64', { 'lib/libc.so': 'c\n' })}
${sums('nginx', { 'usr/sbin/nginx': 'n\n' })}
echo /etc/conf > var/lib/dpkg/info/nginx.conffiles
${status({ coreutils: '9.1-1', libc6: '2.36-9', nginx: '1.22' })}
`;

/** A row of dpkg's. */
export function row(text: string, more: Partial<PackageFile>): PackageFile {
  const path = { b64: Buffer.from(text).toString('base64'), text };
  return { container: 'web', containerId: id, path, manager: 'dpkg', ...more };
}
