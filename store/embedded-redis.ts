import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TriageError } from '../playbooks/domain/error.js';
import { lockFolder } from './folder-lock.js';
import { pingRedis, shutdownRedis } from './redis-probe.js';

/** A redis-server of our own on a unix socket in the data folder. */
export interface EmbeddedRedis {
  /** Absolute path of the socket: a Redis address for `redisEndpoint`. */
  readonly address: string;
  /** True when the server had outlived an earlier `serve`. */
  readonly adopted: boolean;
  /** Ends the server, its data on disk, and unlocks the folder. */
  stop(): Promise<void>;
}

/** How to start it. */
export interface EmbeddedRedisOptions {
  readonly dataDir: string;
  /** Default `redis-server`, from the PATH. */
  readonly binary?: string;
  /** How long the server may take to load its data, in milliseconds. Default 60,000. */
  readonly readyWithinMs?: number;
  /** Called when the server has gone by itself and is being started again. */
  readonly onRestart?: (message: string) => void;
}

/** What the kernel's `sockaddr_un` holds, without its closing zero. */
const maxSocketPath = 107;

/**
 * Starts the embedded Redis, or adopts a living one that outlived a crash: append-only, fsync at every write, never evicting,
 * no TCP port. Locks the data folder first, as two servers would write the same append-only file. A server that dies is started again.
 * @throws TriageError `config-invalid` (folder in use, path too long), `tool-missing`, `redis-unavailable`
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const dataDir = resolve(options.dataDir);
  const socket = join(dataDir, 'redis.sock');
  if (Buffer.byteLength(socket) > maxSocketPath)
    throw new TriageError(
      'config-invalid',
      `the path ${socket} is too long for a unix socket (${maxSocketPath} bytes): set PODTRIAGE_DATA to a shorter one`,
    );
  const folder = join(dataDir, 'redis');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dataDir);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const server = new Server(socket, folder, options);
    const adopted = await server.ensure();
    server.guard();
    return {
      address: socket,
      adopted,
      async stop() {
        await server.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class Server {
  #child: ChildProcess | undefined;
  #guarding: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(
    private readonly socket: string,
    private readonly folder: string,
    private readonly options: EmbeddedRedisOptions,
  ) {}

  /** Returns true when one was there. */
  async ensure(): Promise<boolean> {
    const found = await pingRedis(this.socket);
    const adopted = found !== 'absent';
    if (!adopted) this.#child = await this.#spawn();
    await this.#ready();
    return adopted;
  }

  /** Looks every second whether the server lives, an adopted one included, and starts it again when not, until `stop`. */
  guard(): void {
    this.#guarding = this.#watch();
  }

  async #watch(): Promise<void> {
    while (await this.#secondPasses()) {
      if ((await pingRedis(this.socket)) !== 'absent') continue;
      this.options.onRestart?.('redis-server has gone; starting it again');
      await this.ensure().catch((error: unknown) => this.options.onRestart?.(`redis-server does not start: ${String(error)}`));
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#guarding;
    await shutdownRedis(this.socket);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(force);
  }

  async #secondPasses(): Promise<boolean> {
    try {
      await sleep(1_000, undefined, { signal: this.#stopping.signal, ref: false });
      return true;
    } catch {
      return false;
    }
  }

  async #spawn(): Promise<ChildProcess> {
    const binary = this.options.binary ?? 'redis-server';
    // Own session, no pipes: it must survive our crash and not see Ctrl-C.
    const child = spawn(binary, argumentsOf(this.socket, this.folder), { detached: true, stdio: 'ignore', cwd: this.folder });
    try {
      await once(child, 'spawn');
    } catch (cause) {
      throw new TriageError('tool-missing', `cannot start ${binary}: install redis-server or set REDIS_URL`, { cause });
    }
    child.unref();
    return child;
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + (this.options.readyWithinMs ?? 60_000);
    const log = join(this.folder, 'redis.log');
    while ((await pingRedis(this.socket)) !== 'ready') {
      const child = this.#child;
      if (child !== undefined && (child.exitCode !== null || child.signalCode !== null))
        throw new TriageError('redis-unavailable', `redis-server ended at once (status ${child.exitCode ?? child.signalCode}); its log is ${log}`);
      if (Date.now() > deadline) throw new TriageError('redis-unavailable', `redis-server is not ready in time; its log is ${log}`);
      await sleep(25, undefined, { signal: this.#stopping.signal });
    }
  }
}

function argumentsOf(socket: string, folder: string): string[] {
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    save: '',
    logfile: join(folder, 'redis.log'),
    loglevel: 'notice',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
