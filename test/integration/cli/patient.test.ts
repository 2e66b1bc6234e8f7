import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ApiClient } from '../../../cli/client.js';

let server: Server;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** A service that puts off so many requests, and then has no playbooks. */
async function busyFor(times: number, retryAfter: string): Promise<{ client: ApiClient; asked: () => number }> {
  let asked = 0;
  server = createServer((_req, res) => {
    asked += 1;
    const busy = asked <= times;
    const problem = { type: 'urn:podtriage:problem:rate-limited', title: 't', status: 429, detail: 'later', code: 'rate-limited' };
    res.writeHead(busy ? 429 : 200, { 'Content-Type': 'application/json', ...(busy ? { 'Retry-After': retryAfter } : {}) });
    res.end(JSON.stringify(busy ? problem : { playbooks: [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { client: new ApiClient({ url: `http://127.0.0.1:${port}`, key: 'k', localEvidence: undefined }), asked: () => asked };
}

it('comes back when the service says that it may', async () => {
  const { client, asked } = await busyFor(1, '1');
  const started = Date.now();
  expect(await client.playbooks()).toEqual([]);
  expect(asked()).toBe(2);
  expect(Date.now() - started).toBeGreaterThanOrEqual(950);
});

it('gives up after the third time, and says why', async () => {
  const { client, asked } = await busyFor(9, '0');
  await expect(client.playbooks()).rejects.toMatchObject({ code: 'rate-limited', message: 'later' });
  expect(asked()).toBe(3);
});

it.each(['3600', 'soon'])('does not wait for %s', async (retryAfter) => {
  const { client, asked } = await busyFor(1, retryAfter);
  await expect(client.playbooks()).rejects.toMatchObject({ code: 'rate-limited' });
  expect(asked()).toBe(1);
});
