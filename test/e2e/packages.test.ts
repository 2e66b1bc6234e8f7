import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNdjson } from '../../playbooks/acquisition/ndjson.js';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { type PackageFile, packageFileSchema, packageState } from '../../playbooks/domain/package.js';
import type { Facts } from '../../playbooks/facts.js';
import type { RunView } from '../../store/run-view.js';
import { createPod, deletePod, inPod, lab, labCommand } from './lab.js';
import { TestService } from './service.js';

let service: TestService;

/** As images_more.py makes them. */
const program = (name: string, version: number | string): string => `#!/bin/sh\necho ${name} ${version}\n`;
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const podOn = (node: string): string => `packages-${node}`;
const nodes = lab.nodes.map(({ name }) => name);

/** Shell that writes a program as it says. */
const write = (name: string, version: number | string): string => `printf '#!/bin/sh\\necho ${name} ${version}\\n' > /usr/sbin/${name}`;

/** A database of rpm, in which `old` has usr/bin/old; see test/fixtures/rpm/make.sh. */
const rpm = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'rpm', 'rpmdb.sqlite.gz')).toString('base64');

/** A replaced program, one put back as it was, one upgraded with its database, one that no package has, and sums of the suspect's own. */
const change = [
  write('daemon', 'evil'),
  `cp /usr/sbin/helper /tmp/h && rm /usr/sbin/helper && mv /tmp/h /usr/sbin/helper`,
  `${write('tool', 3)} && echo '${md5(program('tool', 3))}  usr/sbin/tool' > /var/lib/dpkg/info/tool.md5sums`,
  `printf 'Package: tool\\nArchitecture: amd64\\nVersion: 3-1\\nConffiles:\\n /etc/tool ${md5('set\n')}\\n /etc/edited ${md5('set\n')}\\n' > /var/lib/dpkg/status`,
  'echo set > /etc/tool && echo other > /etc/edited',
  `mkdir -p /usr/bin /var/lib/rpm && echo old > /usr/bin/old && echo '${rpm}' | base64 -d | gunzip -c > /var/lib/rpm/rpmdb.sqlite`,
  write('dropped', 1),
  'mkfifo /var/lib/dpkg/info/pipe.md5sums',
].join(' && ');

beforeAll(async () => {
  await labCommand('load', 'packages');
  service = await TestService.start();
  for (const node of nodes) {
    await deletePod(podOn(node));
    await createPod(podOn(node), node, { image: 'localhost/lab/packages:1', command: ['/bin/sleep', '1000000'] });
    await inPod(podOn(node), change);
  }
});

afterAll(async () => {
  await Promise.all([...nodes.map((node) => deletePod(podOn(node))), service.stop()]);
});

async function packagesOf(run: RunView): Promise<{ fact: Facts['packages']; rows: PackageFile[]; limits: string[] }> {
  const steps = ((await service.api(`/runs/${run.id}/steps`)).body as { steps: StepView[] }).steps;
  const step = steps.find(({ name }) => name === 'check-packages');
  const fact = step?.facts['packages'] as Facts['packages'];
  const file = join(service.data, 'evidence', 'sha256', fact.sha256.slice(0, 2), fact.sha256.slice(2));
  const rows: PackageFile[] = [];
  for await (const row of readNdjson(createReadStream(file), packageFileSchema)) rows.push(row);
  return { fact, rows, limits: (step?.limits ?? []).map(({ subject, reason }) => `${reason} ${subject}`) };
}

interface StepView {
  readonly name: string;
  readonly facts: Record<string, unknown>;
  readonly limits: readonly { subject: string; reason: string }[];
}

describe.each(nodes)('changed files of packages on %s', (node) => {
  it('are told by what the image’s database says, and by what the container’s says', async () => {
    const run = await service.triage(podOn(node));
    expect(run).toMatchObject({ state: 'completed', completeness: 'full' });
    const { fact, rows, limits } = await packagesOf(run);
    const artifacts = await service.rows<Artifact>(run.id, 'artifacts');
    expect(fact).toMatchObject({ count: 6, managers: ['dpkg', 'rpm'] });
    const states = rows.map((row) => {
      const file = artifacts.find(({ kind, source }) => kind === 'file' && source?.path.b64 === row.path.b64);
      return [row.path.text, row.image?.package, row.image?.version, row.own?.version, file?.md5 === undefined ? undefined : packageState(row, file)];
    });
    expect(states).toEqual([
      ['etc/edited', undefined, undefined, '3-1', 'edited'],
      ['etc/tool', undefined, undefined, '3-1', 'as-upgraded'],
      ['usr/bin/old', undefined, undefined, '1-3', 'as-upgraded'],
      ['usr/sbin/daemon', 'daemon', '1-1', undefined, 'differs'],
      ['usr/sbin/helper', 'helper', '1-1', undefined, 'as-packaged'],
      ['usr/sbin/tool', 'tool', '2-1', '3-1', 'as-upgraded'],
    ]);
    expect(limits).toEqual(['package-database-unreadable container web (current instance):/var/lib/dpkg/info/pipe.md5sums']);
    expect(await service.command('verify', run.id)).toMatchObject({ code: 0 });
  });

  it('have no rows where the image has no packages', async () => {
    const { fact, rows, limits } = await packagesOf(await service.triage(node === 'node-a' ? 'web-a' : 'web-b'));
    expect(fact).toMatchObject({ count: 0, managers: [] });
    expect([rows, limits]).toEqual([[], []]);
  });
});
