import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { type AllowList, noEndpoints } from '../../../playbooks/delivery/endpoints.js';
import type { Message, Sent } from '../../../playbooks/delivery/port.js';
import { afterMs } from '../../../playbooks/domain/abort.js';
import { createWebhook } from '../../../workers/adapters/delivery/webhook.js';
import { Receiver, status } from './receiver.js';

const secrets = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`);
const allow = { http: true, addresses: ['127.0.0.0/8'], hosts: [] } satisfies AllowList;
const event = {
  type: 'batch.finished',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: { batch: { id: 'b1', state: 'completed', cluster: 'default', counts: {}, links: { batch: '/b' } } },
} as const;
const folder = mkdtempSync(join(tmpdir(), 'pt-hook-'));
let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.listen();
});
afterEach(() => receiver.close());
afterAll(() => rmSync(folder, { recursive: true }));

function send(ms = 5_000, url = receiver.url, policy: AllowList = allow): Promise<Sent> {
  const config = { name: 'soar', kind: 'webhook', url, secretFile: '', milestones: ['batch.finished'], reach: 'all' } as const;
  const message: Message = { id: 'd0', event, body: JSON.stringify({ ...event, umlaut: 'ü' }), at: new Date() };
  return createWebhook({ ...config, milestones: [...config.milestones] }, secrets, { allow: policy }).send(message, afterMs(ms));
}

it('sends what a receiver can verify with any of the secrets, and with no other', async () => {
  expect(await send()).toEqual({ taken: true, status: 200 });
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  for (const secret of secrets) expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({ ...event, umlaut: 'ü' });
  const foreign = new Webhook(Buffer.alloc(32, 3).toString('base64'));
  expect(() => foreign.verify(body, headers as Record<string, string>)).toThrow();
  expect(() => new Webhook(secrets[0]!).verify(body.replace('completed', 'cancelled'), headers as Record<string, string>)).toThrow();
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'd0', 'user-agent': 'podtriage' });
});

it.each([
  [204, { taken: true, status: 204 }],
  [500, { taken: false, code: 'delivery-failed', status: 500, reason: 'the endpoint answered 500' }],
  [404, { taken: false, code: 'delivery-failed', status: 404, reason: 'the endpoint answered 404' }],
  [410, { taken: false, code: 'delivery-failed', status: 410, final: true, reason: 'the endpoint answered 410: it wants nothing any more' }],
])('takes %i for what it is, and nothing of what is said with it', async (code, sent) => {
  receiver.answers = [status(code)];
  expect(await send()).toEqual(sent);
});

it.each([
  ['429 with seconds', 429, '120', 120_000],
  ['503 with a date', 503, new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
  ['500, which asks for nothing', 500, '120', undefined],
  ['429 with nonsense', 429, 'soon', undefined],
  ['429 with what is over', 429, new Date(0).toUTCString(), undefined],
])('reads when to come back from %s', async (_what, code, retryAfter, ms) => {
  receiver.answers = [status(code, { 'retry-after': retryAfter })];
  const sent = await send();
  const asked = sent.taken ? undefined : sent.retryAfterMs;
  if (ms === undefined) expect(asked).toBeUndefined();
  else expect(Math.abs(asked! - ms)).toBeLessThan(5_000);
});

it.each([301, 302, 307, 308])('follows no redirect (%i)', async (code) => {
  const other = await Receiver.listen();
  receiver.answers = [status(code, { location: other.url })];
  expect(await send()).toMatchObject({ taken: false, code: 'delivery-failed', status: code });
  expect(other.connections).toBe(0);
  other.close();
});

it('reads no more than the beginning of an answer without an end', async () => {
  let written = 0;
  receiver.answers = [
    (_req, res) => {
      res.writeHead(200);
      const more = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
        if (!res.destroyed) res.once('drain', more);
      };
      more();
    },
  ];
  expect(await send()).toEqual({ taken: true, status: 200 });
  expect(written).toBeLessThan(8 * 1024 * 1024);
});

it('takes a status for what it says when the answer breaks off after it', async () => {
  receiver.answers = [
    (_req, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('half', () => res.destroy());
    },
  ];
  expect(await send()).toEqual({ taken: true, status: 200 });
});

it('gives up on who does not answer when the time is over, and waits no longer for the rest of an answer', async () => {
  receiver.answers = [() => undefined];
  await expect(send(200)).rejects.toMatchObject({ code: 'timeout' });
  receiver.answers = [(_req, res) => void res.write('.')];
  expect(await send(400)).toEqual({ taken: true, status: 200 });
});

it('says in its own words what failed', async () => {
  receiver.answers = [(req) => req.socket.resetAndDestroy()];
  expect(await send()).toEqual({ taken: false, code: 'delivery-failed', reason: 'the connection was cut' });
  const { url } = receiver;
  receiver.close();
  expect(await send(5_000, url)).toEqual({ taken: false, code: 'delivery-failed', reason: 'the connection was refused' });
  expect(await send(5_000, 'http://no-such-host.invalid/')).toMatchObject({ taken: false, code: 'delivery-failed' });
});

it('is final about an address that is refused', async () => {
  expect(await send(5_000, receiver.url, { ...noEndpoints.allow, http: true })).toMatchObject({ taken: false, code: 'address-refused', final: true });
  expect(receiver.connections).toBe(0);
});

it('believes no certificate that nobody vouches for', async () => {
  const [key, cert] = ['key', 'cert'].map((name) => join(folder, name)) as [string, string];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-days', '1'], {
    stdio: 'ignore',
  });
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
  const tls = await Receiver.listen('127.0.0.1', 0, server);
  const sent = await send(5_000, tls.url.replace('http:', 'https:'));
  expect(sent).toEqual({ taken: false, code: 'delivery-failed', reason: 'TLS failed (DEPTH_ZERO_SELF_SIGNED_CERT)' });
  expect(tls.received).toEqual([]);
  tls.close();
});
