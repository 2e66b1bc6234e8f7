import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestService } from './service.js';

let service: TestService;
const folder = mkdtempSync(join(tmpdir(), 'podtriage-bag-'));
beforeAll(async () => {
  service = await TestService.start();
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

it.each(['web-a', 'web-b'])('the bag of a triage of %s is exported and verifies as a folder and as a zip, and so does the register', async (pod) => {
  const run = await service.triage(pod);
  for (const [name, ...words] of [[pod], [`${pod}-plain`, '--plain'], [`${pod}.zip`, '--zip']] as const) {
    const path = join(folder, name);
    expect(await service.command('export', run.id, '--to', path, ...words)).toMatchObject({ code: 0 });
    const { code, stdout } = await service.command('verify', path);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${path} (run ${run.id}) holds\n`)]);
  }
  expect(await service.command('verify', 'register')).toMatchObject({ code: 0 });
});
