import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../../store/package-root.js';
import { LiveService } from './live-service.js';

const page = readFileSync(join(packageRoot(), 'docs/recipes.md'), 'utf8');

/** The blocks of a language below a heading. */
function blocks(heading: string, language: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return Array.from(section.matchAll(/^```([a-z]+)\n(.*?)^```$/gms)).flatMap(([, name, text = '']) => (name === language ? [text] : []));
}

let service: LiveService;
let keyFile: string;
let key: string;
beforeAll(async () => {
  service = await LiveService.start({ PODTRIAGE_INTAKES: blocks('Falcosidekick', 'yaml')[0]! });
  const made = await service.send('POST', '/api/v1/keys', {
    name: 'SOAR of the shop',
    scopes: ['runs:read', 'runs:write'],
    reach: [{ cluster: 'default', namespace: 'shop' }],
  });
  key = ((await made.json()) as { secret: string }).secret;
  keyFile = join(service.folder, 'soar.key');
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
});
afterAll(() => service.stop());

/** Runs a script of the page as a shell does. */
async function bash(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  const all = { PATH: process.env['PATH'] ?? '', PODTRIAGE_URL: service.url, PODTRIAGE_KEY_FILE: keyFile, ...env };
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env: all });
  return stdout;
}

/** Sends a block as it stands, with what the platform fills in. */
async function step(text: string, values: Readonly<Record<string, string>>): Promise<Response> {
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (_all, name: string) => values[name]!);
  const [head = '', body] = filled.split('\n\n');
  const [first = '', ...lines] = head.trim().split('\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = lines.map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]);
  return fetch(`${service.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

it('the script starts a run, waits for it and prints what was found, once for each case', async () => {
  const [script] = blocks('A shell script', 'bash');
  const env = { NAMESPACE: 'shop', POD: 'web-0', CASE: 'C-1' };
  const first = JSON.parse(await bash(script!, env)) as object;
  expect(first).toMatchObject({ run: expect.stringMatching(/^r/) as string, verdict: 'inconclusive', completeness: 'partial', pending: 0 });
  expect(JSON.parse(await bash(script!, env))).toEqual(first);
});

it('the stream tells what happens', async () => {
  const run = await service.endedRun();
  const [script] = blocks('Following a run as it happens', 'bash');
  const events = (await bash(script!, { RUN: run })).trim().split('\n');
  expect(events[0]).toBe('step.started');
  expect(events).toEqual(expect.arrayContaining(['report.written', 'run.checkpoint']));
  expect(events.at(-1)).toBe('end');
});

it('the steps start, poll, fetch the report and find the run by its incident', async () => {
  const [start, poll, fetchReport, list] = blocks('Generic HTTP steps', 'http');
  const values = { key, incident: 'INC-7', namespace: 'shop', pod: 'web-2' };
  const started = await step(start!, values);
  expect(started.status).toBe(202);
  const { id: run } = (await started.json()) as { id: string };
  expect(await (await step(start!, values)).json()).toMatchObject({ id: run });
  let state = '';
  while (!['completed', 'failed', 'cancelled'].includes(state)) {
    const answer = await step(poll!, { ...values, run });
    expect(answer.status).toBe(200);
    ({ state } = (await answer.json()) as { state: string });
  }
  const report = await step(fetchReport!, { ...values, run });
  expect(report.status).toBe(200);
  expect(await report.json()).toMatchObject({ run: { id: run, caseId: 'INC-7' } });
  expect(await (await step(list!, values)).json()).toMatchObject({ runs: [{ id: run }] });
});

it('Falcosidekick, set up so, has its alerts taken', async () => {
  const { webhook } = (parse(blocks('Falcosidekick', 'yaml')[1]!) as { config: { webhook: { address: string; customHeaders: string } } }).config;
  const [name = '', value = ''] = webhook.customHeaders.replace('{{key}}', key).split(':');
  const headers = { 'content-type': 'application/json', [name]: value };
  const [body] = blocks('Falcosidekick', 'json');
  const answer = await fetch(`${service.url}${new URL(webhook.address).pathname}`, { method: 'POST', headers, body: body! });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ alerts: [{ outcome: expect.stringMatching(/^(opened|attached|cooling-down)$/) as string }] });
});

it('Alertmanager, set up so, has its alerts taken', async () => {
  interface Receiver {
    readonly webhook_configs: readonly {
      readonly url: string;
      readonly http_config: { readonly authorization: { readonly credentials_file: string } };
    }[];
  }
  const { receivers } = parse(blocks('Alertmanager', 'yaml')[0]!) as { receivers: readonly Receiver[] };
  const [{ url, http_config }] = receivers[0]!.webhook_configs as [Receiver['webhook_configs'][number]];
  expect(http_config.authorization.credentials_file).toMatch(/^\//);
  const [body] = blocks('Alertmanager', 'json');
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  const answer = await fetch(`${service.url}${new URL(url).pathname}`, { method: 'POST', headers, body: body! });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ alerts: [{ outcome: 'opened' }] });
});

it('has no block that is not tried', () => {
  const tried = [...blocks('A shell script', 'bash'), ...blocks('Following a run as it happens', 'bash'), ...blocks('Generic HTTP steps', 'http')];
  const parsed = ['Falcosidekick', 'Alertmanager'].flatMap((heading) => [...blocks(heading, 'yaml'), ...blocks(heading, 'json')]);
  const all = Array.from(page.matchAll(/^```[a-z]+\n/gm)).length;
  // The first is how a key is made; it has a test of its own.
  expect(tried.length + parsed.length + 1).toBe(all);
});
