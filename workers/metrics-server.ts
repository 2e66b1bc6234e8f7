import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { TriageError } from '../playbooks/domain/error.js';

/** What a worker process tells whoever asks its port: nothing of any run. */
export interface WorkerView {
  readonly registry: Registry;
  /** Whether jobs are taken now. */
  readonly ready: () => Promise<boolean>;
}

/** The port that listens. */
export interface MetricsServer {
  readonly port: number;
  stop(): Promise<void>;
}

type Answer = readonly [status: number, type: string, body: string];

/** `/healthz`, `/readyz` and `/metrics` of a worker process. Throws `config-invalid` when the address cannot be had. */
export async function startMetricsServer(view: WorkerView, host: string, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => void reply(view, request, response));
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const message = `cannot listen on ${host}:${port}: is it in use? Set PODTRIAGE_WORKER_HOST and PODTRIAGE_WORKER_PORT`;
    throw new TriageError('config-invalid', message, { cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function reply(view: WorkerView, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [status, type, body] = await answer(view, request).catch((): Answer => [500, 'text/plain', 'internal error\n']);
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  response.end(request.method === 'HEAD' ? '' : body);
}

async function answer({ registry, ready }: WorkerView, { method, url }: IncomingMessage): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return [405, 'text/plain', 'only GET\n'];
  switch (url?.split('?')[0]) {
    case '/healthz':
      return [200, 'text/plain', 'ok\n'];
    case '/readyz':
      return (await ready()) ? [200, 'text/plain', 'ready\n'] : [503, 'text/plain', 'not ready\n'];
    case '/metrics':
      return [200, registry.contentType, await registry.metrics()];
    default:
      return [404, 'text/plain', 'not found\n'];
  }
}
