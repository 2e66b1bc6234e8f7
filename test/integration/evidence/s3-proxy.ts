import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with one request: see {@link S3Proxy}. */
export type Fault =
  | { readonly kind: 'busy' }
  | { readonly kind: 'answer-lost' }
  | { readonly kind: 'flip' }
  | { readonly kind: 'cut-body' }
  | { readonly kind: 'half'; readonly meanwhile: () => Promise<void> }
  | { readonly kind: 'answer'; readonly status: number };

/** Stands between client and server, and does to a request what a test asks for: the network, not the server, is what it plays. */
export class S3Proxy {
  /** Asked about each request. */
  fault: (method: string, path: string) => Fault | undefined = () => undefined;
  /** Of all requests, and the most that were there at once. */
  readonly seen: string[] = [];
  most = 0;
  private now = 0;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  /** @param port where the real server is */
  static async start(port: number): Promise<S3Proxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new S3Proxy(server, port);
    server.on('request', (req, res) => void proxy.pass(req, res).catch(() => res.destroy()));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ends all connections, and gives the clients time to see it. */
  async breakAll(): Promise<void> {
    this.server.closeAllConnections();
    await sleep(100);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    res.once('close', () => (this.now -= 1));
    this.seen.push(`${req.method ?? ''} ${req.url ?? ''}`);
    const fault = this.fault(req.method ?? '', req.url ?? '');
    const body = await buffer(req);
    if (fault?.kind === 'busy') {
      res.writeHead(503).end('<Error><Code>SlowDown</Code><Message>slow down</Message></Error>');
      return;
    }
    if (fault?.kind === 'half') return this.half(req, res, body, fault.meanwhile);
    if (fault?.kind === 'flip') body.writeUInt8(body.readUInt8(0) ^ 1, 0);
    const answer = await this.forward(req, body);
    const back = await buffer(answer);
    if (fault?.kind === 'answer-lost') res.destroy();
    else if (fault?.kind === 'answer') res.writeHead(fault.status).end();
    else {
      res.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
      if (fault?.kind === 'cut-body') res.write(back.subarray(0, back.length / 2), () => res.destroy());
      else res.end(back);
    }
  }

  private async forward(req: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const to = request({ host: '127.0.0.1', port: this.port, method: req.method, path: req.url, headers: req.headers });
    to.end(body);
    const [answer] = (await once(to, 'response')) as [IncomingMessage];
    return answer;
  }

  /** Sends one half, then waits for what the test does, then the connection is gone. */
  private async half(req: IncomingMessage, res: ServerResponse, body: Buffer, meanwhile: () => Promise<void>): Promise<void> {
    const to = request({ host: '127.0.0.1', port: this.port, method: req.method, path: req.url, headers: req.headers });
    to.on('error', () => undefined);
    await new Promise((resolve) => to.write(body.subarray(0, body.length / 2), resolve));
    await meanwhile();
    to.destroy();
    res.destroy();
  }
}
