import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createPod, deletePod, inPod } from './lab.js';
import { TestService } from './service.js';

const key = 'e2e-key';
let service: TestService;

const pod = 'key-secrecy';

afterEach(async () => {
  await service.stop();
  await deletePod(pod);
});

/** All files of the service but the one that holds the key: Redis' own log of every write, evidence, reports, keys of other kinds. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'virustotal-key')
    .map((entry) => join(entry.parentPath, entry.name));
}

test('the API key is in nothing that the service writes or says, at the most talkative level, whether VirusTotal takes it or not', async () => {
  service = await TestService.start({ PODTRIAGE_LOG_LEVEL: 'trace' });
  const taken = await service.triage('web-a');
  service.virusTotal.revoke(key);
  await createPod(pod, 'node-b');
  await inPod(pod, 'head -c 5000 /dev/urandom >/tmp/new; chmod 755 /tmp/new');
  const refused = await service.triage(pod);
  expect([taken.state, refused.state, refused.completeness]).toEqual(['completed', 'completed', 'partial']);
  const said = await Promise.all(
    [['report', refused.id], ['report', taken.id, '--format', 'json'], ['quota'], ['quota', '--json'], ['doctor']].map((words) =>
      service.command(...words),
    ),
  );
  const files = filesOf(service.data);
  expect(files.length).toBeGreaterThan(20);
  expect(files.some((file) => file.includes('appendonly'))).toBe(true);
  const spilt = files.filter((file) => readFileSync(file).includes(key));
  expect(spilt).toEqual([]);
  expect(service.log).not.toContain(key);
  for (const { stdout, stderr } of said) expect(stdout + stderr).not.toContain(key);
});
