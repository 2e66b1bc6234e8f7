import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { TestService } from './service.js';

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  await service.stop();
});

describe('limits', () => {
  it('are kept, and each file that one leaves out is named with it', async () => {
    const run = await service.triage('web-a', { options: { limits: { files: 3, fileBytes: 1024 } } });
    const files = (await service.rows<Artifact>(run.id, 'artifacts')).filter(({ kind }) => kind === 'file');
    expect(files.length).toBe(3);
    expect(files.every(({ size }) => size <= 1024)).toBe(true);
    const { limits } = (await service.api(`/runs/${run.id}/report?format=json`)).body as { limits: { subject: string; reason: string }[] };
    expect(limits.filter(({ reason }) => reason === 'file-bytes').map(({ subject }) => subject)).toEqual(['web:/usr/local/bin/su-x']);
    // The web server's own pid file in /dev/shm is one more.
    const left = limits.filter(({ reason, subject }) => reason === 'files' && !subject.startsWith('web:/dev/shm/'));
    expect(left.length).toBe(13);
    // What was not looked at cannot be "no findings".
    expect(['malicious', 'suspicious', 'inconclusive']).toContain(run.verdict);
  });
});
