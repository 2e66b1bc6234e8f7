import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { contractFile } from '../../../api/contract.js';
import { packageRoot } from '../../../store/package-root.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podtriage-client-'));
  await writeFile(join(folder, 'api.d.ts'), astToString(await openapiTS(pathToFileURL(contractFile()))));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(packageRoot(), 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the compiler has against a program that uses the types. */
async function complaints(program: string): Promise<string[]> {
  const file = join(folder, 'client.ts');
  await writeFile(file, program);
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2022.d.ts'],
    types: ['node'],
    skipLibCheck: true,
  };
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

const client = `
import type { components, operations, paths } from './api.js';

type Run = components['schemas']['Run'];
type RunRequest = components['schemas']['RunRequest'];
type Problem = components['schemas']['Problem'];
type RunPage = operations['listRuns']['responses'][200]['content']['application/json'];
type Filters = NonNullable<operations['listRuns']['parameters']['query']>;

/** One call, typed by its path. */
async function get<P extends keyof paths & '/api/v1/runs'>(path: P, query: Filters): Promise<RunPage> {
  const words = Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string]);
  const answer = await fetch(path + '?' + new URLSearchParams(words).toString());
  if (!answer.ok) throw new Error(messageOf((await answer.json()) as Problem));
  return (await answer.json()) as RunPage;
}

function messageOf({ code, detail }: Problem): string {
  switch (code) {
    case 'idempotency-mismatch':
      return 'take a new key';
    case 'rate-limited':
      return 'wait';
    default:
      return detail;
  }
}

export async function open(request: RunRequest): Promise<Run> {
  const headers: NonNullable<operations['openRun']['parameters']['header']> = { 'Idempotency-Key': '"k-1"' };
  const answer = await fetch('/api/v1/runs', { method: 'POST', headers: { ...headers }, body: JSON.stringify(request) });
  return (await answer.json()) as operations['openRun']['responses'][202]['content']['application/json'];
}

export async function worst(): Promise<string | undefined> {
  const page = await get('/api/v1/runs', { verdict: 'malicious', namespace: 'shop', limit: 10 });
  const first = page.runs[0];
  return first === undefined ? undefined : first.request.target.pod + ' ' + (first.verdict ?? 'none') + ' ' + (page.next ?? '');
}

await open({ target: { namespace: 'shop', pod: 'web-0' }, options: { acquire: 'selected' } });
`;

it('types that are generated of the contract fit a client, and refuse one that is wrong', async () => {
  expect(await complaints(client)).toEqual([]);
  const wrong = client
    .replace("pod: 'web-0' }, options", "pot: 'web-0' }, options")
    .replace("verdict: 'malicious'", "verdict: 'harmless'")
    .replace("'idempotency-mismatch'", "'no-such-code'");
  expect(await complaints(wrong)).toHaveLength(3);
});
