import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { contractFile } from '../../../api/contract.js';
import { LiveService } from './live-service.js';

const cache = process.env['PODTRIAGE_LAB'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'podtriage-lab');
const program = join(cache, 'bin', 'schemathesis');

let service: LiveService;
beforeAll(async () => {
  if (!existsSync(program)) throw new Error(`there is no ${program}; run: test/lab/lab build tests`);
  service = await LiveService.start({ PODTRIAGE_INTAKES: 'rules: [{ name: all, maxRunsPerNamespacePerHour: 3 }]' });
  await writeFile(join(service.folder, 'contract.yaml'), await strictContract(await service.endedRun()));
  await writeFile(join(service.folder, 'schemathesis.toml'), settings);
});
afterAll(() => service.stop());

interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses?: Record<string, unknown> }>>>>;
  readonly components: { readonly parameters: { readonly run: Record<string, unknown> } };
}

/** The contract without its `default` answers, so that a status that it does not name is found; and with a run that there is. */
async function strictContract(run: string): Promise<string> {
  const contract = parse(await readFile(contractFile(), 'utf8')) as Contract;
  for (const item of Object.values(contract.paths)) for (const { responses } of Object.values(item)) delete responses?.['default'];
  contract.components.parameters.run['example'] = run;
  return stringify(contract);
}

/**
 * What is left out: that a wrong credential is a 401 is proven by the matrix of operations and credentials, and here so many wrong ones come that they
 * are slowed down (429). A request that fits the contract may name what there is not (422), a cursor that nobody gave, or an admin with a reach (400).
 */
const settings = `
# A long poll shows nothing that an answer at once does not.
[parameters]
"query.wait" = 0

[checks]
ignored_auth.enabled = false
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429"]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "410", "422", "429"]
`;

/** Always the same, so that what is found once is found again; another one finds something else. */
const seed = process.env['PODTRIAGE_FUZZ_SEED'] ?? '7026';

/** Runs it, and returns what it found, or what it did where it found nothing. */
function fuzz(...words: string[]): Promise<{ readonly code: number; readonly said: string }> {
  const calm = ['--no-color', '--generation-database', 'none', '--request-timeout', '60', '--suppress-health-check', 'all'];
  const common = ['--config-file', 'schemathesis.toml', 'run', 'contract.yaml', '--url', service.url, '--seed', seed, ...calm];
  return new Promise((resolve) => {
    execFile(program, [...common, ...words], { cwd: service.folder, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, said: stdout + stderr });
    });
  });
}

describe('the live API, tried by its contract', () => {
  it('keeps it whatever an admin sends, one request after the other', async () => {
    const { code, said } = await fuzz(
      '--header',
      `Authorization: Bearer ${service.key}`,
      '--max-examples',
      '8',
      '--max-time',
      '90',
      '--workers',
      '1',
    );
    expect(code, said).toBe(0);
    expect(said).toMatch(/Selected: (\d+)\/\1\n +Tested: \1\n/);
    expect(service.log).not.toContain('broke the contract');
    expect(service.log).not.toContain('"level":50');
  });

  it('keeps it whatever somebody without a key sends', async () => {
    // Who has no key is not told which methods there are.
    const left = ['--exclude-checks', 'unsupported_method'];
    const { code, said } = await fuzz('--phases', 'examples,coverage', ...left, '--max-time', '60', '--workers', '1');
    expect(code, said).toBe(0);
  });
});
