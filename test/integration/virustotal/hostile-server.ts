import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

/** What a server does with a connection once the first bytes have come. */
export type Behaviour = (socket: Socket, request: string) => void;

/** Servers of one test that need not keep to HTTP. */
export class HostileServers {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #timers: NodeJS.Timeout[] = [];
  #identity: { key: Buffer; cert: Buffer } | undefined;

  /** `host:port` of a server that treats its callers so. */
  async listen(behaviour: Behaviour, tls = false): Promise<string> {
    const serve = (socket: Socket): void => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', (data) => behaviour(socket, data.toString('latin1')));
    };
    const server = tls ? createTlsServer(this.#selfSigned(), serve) : createServer(serve);
    this.#servers.push(server);
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** `host:port` where nobody listens any more. */
  async nobody(): Promise<string> {
    const address = await this.listen(() => undefined);
    const server = this.#servers.pop();
    server?.close();
    return address;
  }

  /** Sends one byte after the other, slowly, for as long as anybody listens. */
  drip(socket: Socket, bytes: Buffer): void {
    let at = 0;
    this.#timers.push(setInterval(() => socket.writable && socket.write(bytes.subarray(at, ++at)), 40));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    for (const server of this.#servers.splice(0)) {
      const closed = once(server, 'close');
      server.close();
      await closed;
    }
  }

  #selfSigned(): { key: Buffer; cert: Buffer } {
    if (this.#identity !== undefined) return this.#identity;
    const folder = mkdtempSync(join(tmpdir(), 'podtriage-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
    try {
      execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
      this.#identity = { key: readFileSync(key), cert: readFileSync(cert) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return this.#identity;
  }
}

/** A raw HTTP/1.1 answer. */
export function http(status: string, content: Buffer | string, ...headers: string[]): Buffer {
  return Buffer.concat([Buffer.from([`HTTP/1.1 ${status}`, 'Connection: close', ...headers, '', ''].join('\r\n')), Buffer.from(content)]);
}
