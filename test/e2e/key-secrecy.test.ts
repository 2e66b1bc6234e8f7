import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createPod, deletePod, inPod, lab } from './lab.js';
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
  // Nor is any other secret of the process in its log, and each line that is about a run can be found by it.
  const secrets = otherSecrets();
  expect(Object.keys(secrets)).toHaveLength(6);
  for (const [name, secret] of Object.entries(secrets)) {
    expect(secret.length, name).toBeGreaterThan(30);
    expect(service.log.includes(secret), name).toBe(false);
  }
  const lines = service.log.split('\n').filter((line) => line.startsWith('{'));
  for (const { id } of [taken, refused]) {
    const about = lines.filter((line) => line.includes(id)).map((line) => JSON.parse(line) as { run?: string });
    expect(about.length).toBeGreaterThan(10);
    for (const line of about) expect(line).toMatchObject({ run: id });
  }
});

/** What else the process holds, in the form in which its files have it: the longest line of each. */
function otherSecrets(): Record<string, string> {
  const longest = (file: string): string => longestLine(readFileSync(file, 'utf8'));
  const kubeconfig = readFileSync(lab.kubeconfig, 'utf8');
  return {
    'the key of the API': longest(join(service.data, 'api-key')),
    'the API’s signing key': longest(join(service.data, 'keys/api.pem')),
    'the workers’ signing key': longest(join(service.data, 'keys/worker.pem')),
    'the SSH key': longest(lab.ssh.key),
    'the key of the kubeconfig': /client-key-data: ([^\s,}]+)/.exec(kubeconfig)?.[1] ?? '',
    'the same, decoded': longestLine(Buffer.from(/client-key-data: ([^\s,}]+)/.exec(kubeconfig)?.[1] ?? '', 'base64').toString()),
  };
}

function longestLine(text: string): string {
  return text.split('\n').reduce((a, b) => (b.length > a.length ? b : a));
}
