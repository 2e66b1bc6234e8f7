import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { oldMount } from '../support/old-mount.js';
import { expected } from './lab.js';
import { foundLines, plantedLines } from './planted.js';
import { TestService } from './service.js';

const folder = mkdtempSync(join(tmpdir(), 'podtriage-old-node-'));
let service: TestService | undefined;

afterEach(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['refuses', 'ignores'] as const)('a node whose mount %s nosymfollow', (how) => {
  it.each(['web-a', 'web-b'])('gives the same answer about %s by two walks, and says that it did', async (pod) => {
    const { PATH = '' } = oldMount(folder, how);
    service = await TestService.start({ PODTRIAGE_SUDO: `sudo -n env PATH=${PATH}` });
    const run = await service.triage(pod);
    expect(run).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'malicious' });
    const [changes, artifacts] = [await service.rows<Change>(run.id, 'changes'), await service.rows<Artifact>(run.id, 'artifacts')];
    expect(foundLines(changes, artifacts)).toEqual(plantedLines(expected(pod)));
    const { body } = (await service.api(`/runs/${run.id}/custody?limit=500`)) as {
      body: { entries: { act: string; detail: { reading?: string } }[] };
    };
    const readings = body.entries.filter(({ act }) => act === 'node.tools').flatMap(({ detail }) => detail.reading ?? []);
    expect(new Set(readings)).toEqual(new Set(['two-walks']));
  });
});
