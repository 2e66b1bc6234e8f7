import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { parseEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { milestoneEventSchema } from '../../../playbooks/delivery/event.js';
import { afterMs } from '../../../playbooks/domain/abort.js';
import { milestones } from '../../../playbooks/domain/delivery.js';
import { packageRoot } from '../../../store/package-root.js';
import { createWebhook } from '../../../workers/adapters/delivery/webhook.js';
import { Receiver } from './receiver.js';

type IsGenuine = (headers: object, body: string, secret: string) => boolean;

const page = await readFile(join(packageRoot(), 'docs', 'delivery.md'), 'utf8');

function block(language: string): string {
  return new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
}

it('has a configuration that is one', () => {
  const { endpoints, allow } = parseEndpoints('delivery.md', block('yaml'));
  expect(endpoints.map(({ name }) => name)).toEqual(['soar', 'tickets']);
  expect(allow).toEqual({ http: true, addresses: ['10.20.0.0/16'], hosts: ['tickets.intern'] });
});

it('has an event that is one, and all milestones', () => {
  expect(milestoneEventSchema.parse(JSON.parse(block('json')))).toMatchObject({ type: 'verdict.ready' });
  for (const milestone of milestones) expect(page).toContain(`| \`${milestone}\` |`);
});

it('has a check of signatures that takes our messages, and no others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pt-docs-'));
  const receiver = await Receiver.listen();
  try {
    const file = join(folder, 'genuine.mjs');
    await writeFile(file, block('js'));
    const { isGenuine } = (await import(pathToFileURL(file).href)) as { isGenuine: IsGenuine };
    const [secret, next, foreign] = [1, 2, 3].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`) as [string, string, string];
    const endpoint = { name: 'soar', kind: 'webhook', url: receiver.url, secretFile: '', milestones: [...milestones], reach: 'all' } as const;
    const policy = { allow: { http: true, addresses: ['127.0.0.1'], hosts: [] } };
    const body = block('json');
    const event = milestoneEventSchema.parse(JSON.parse(body));
    const message = { id: 'd0', event, body, at: new Date() };
    await createWebhook({ ...endpoint, milestones: [...milestones] }, [secret, next], policy).send(message, afterMs(5_000));
    const [{ headers, body: came }] = receiver.received as unknown as [{ headers: Record<string, string>; body: string }];
    expect([secret, next, foreign].map((each) => isGenuine(headers, came, each))).toEqual([true, true, false]);
    expect(isGenuine(headers, came.replace('malicious', 'no-findings'), secret)).toBe(false);
    expect(isGenuine({ ...headers, 'webhook-id': 'd1' }, came, secret)).toBe(false);
    const old = String(Number(headers['webhook-timestamp']) - 301);
    expect(isGenuine({ ...headers, 'webhook-timestamp': old }, came, secret)).toBe(false);
  } finally {
    receiver.close();
    await rm(folder, { recursive: true });
  }
});
