import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One exec session, seen from the server: channels of v5.channel.k8s.io in unmasked websocket frames (RFC 6455, 5.2). */
export class ExecSession {
  constructor(
    readonly url: URL,
    readonly socket: Socket,
  ) {}

  /** Sends one message; resolves when the socket has taken it. */
  send(channel: number, data: Uint8Array | string): Promise<void> {
    const payload = Buffer.concat([Buffer.from([channel]), Buffer.from(data)]);
    const head = Buffer.alloc(10);
    head[0] = 0x82;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
    return new Promise((resolve) => this.socket.write(Buffer.concat([head, payload]), () => resolve()));
  }

  success(): Promise<void> {
    return this.send(3, JSON.stringify({ metadata: {}, status: 'Success' }));
  }

  /** What kubelet says of an exit status. */
  exit(code: number): Promise<void> {
    const causes = [{ reason: 'ExitCode', message: String(code) }];
    return this.send(
      3,
      JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', message: 'command terminated with non-zero exit code', details: { causes } }),
    );
  }

  /** A close frame without any status before it. */
  close(): void {
    this.socket.end(Buffer.from([0x88, 0x02, 0x03, 0xe8]));
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An API server that says what a test wants, for cases that a real one does not produce at will. */
export class ApiDouble {
  answer: Answer = (_request, response) => status(response, 404, 'not found');
  exec: (session: ExecSession) => void = (session) => session.socket.destroy();
  /** Set to refuse exec with this status. */
  execStatus = 101;
  readonly folder = mkdtempSync(join(tmpdir(), 'podtriage-api-'));
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.answer(request, response));
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket) => this.upgrade(request, socket));
  }

  static async start(): Promise<ApiDouble> {
    const server = createServer();
    const double = new ApiDouble(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  /** The path of a kubeconfig for this server. */
  kubeconfig(): string {
    const path = join(this.folder, 'kubeconfig');
    const address = this.server.address() as { port: number };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${address.port}/prefix`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'test-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }

  private upgrade(request: IncomingMessage, socket: Socket): void {
    if (this.execStatus !== 101) {
      socket.end(`HTTP/1.1 ${this.execStatus} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`,
    );
    socket.resume();
    this.exec(new ExecSession(new URL(request.url ?? '', 'http://double'), socket));
  }
}

/** A Status object as an error answer. */
export function status(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', message, code }));
}

/** A JSON answer. */
export function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
