import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { TriageError } from '../playbooks/domain/error.js';

/** A listening API. */
export interface RunningApi {
  readonly url: string;
  /** Takes no more requests, lets those under way end, and cuts off what is left after `deadlineMs` (default 5,000). */
  stop(deadlineMs?: number): Promise<void>;
}

/** Listens. Port 0 takes a free one. Throws `config-invalid` when the address cannot be had. */
export async function startApi(app: Express, host: string, port: number): Promise<RunningApi> {
  const server = createServer(app);
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new TriageError('config-invalid', `cannot listen on ${host}:${port}: is it in use? Set PODTRIAGE_HOST and PODTRIAGE_PORT`, { cause });
  }
  return {
    url: urlOf(server.address() as AddressInfo),
    async stop(deadlineMs = 5_000) {
      const closed = once(server, 'close');
      server.close();
      app.emit('closing');
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function urlOf({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
