import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One request that has come. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP receiver on this machine. */
export class Receiver {
  readonly received: Received[] = [];
  /** How many have connected, whatever they sent. */
  connections = 0;
  /** What it does; the answers in order, the last one from then on. */
  answers: RequestListener[] = [(_req, res) => res.writeHead(200).end('ok')];

  private constructor(private readonly server: Server) {
    server.on('connection', () => (this.connections += 1));
    server.on('request', (req, res) => {
      void text(req).then((body) => {
        const answer = this.answers[Math.min(this.received.length, this.answers.length - 1)];
        this.received.push({ path: req.url ?? '', headers: req.headers, body });
        answer?.(req, res);
      });
    });
  }

  static async listen(host = '127.0.0.1', port = 0, server = createServer()): Promise<Receiver> {
    const receiver = new Receiver(server);
    server.listen(port, host);
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Answers with a status. */
export function status(code: number, headers: Record<string, string> = {}): RequestListener {
  return (_req, res) => res.writeHead(code, headers).end(`what only the receiver knows: ${code}`);
}
