import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, type RedisEndpoint, redisEndpoint } from '../../../store/redis.js';

/** A Redis of the test's own: append-only file, fsync always, unix socket in a temporary folder. */
export class RedisChild {
  private child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    readonly socket: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** @param environment is added to its own, for a clock that the test moves */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<RedisChild> {
    const folder = await mkdtemp(join(tmpdir(), 'podtriage-'));
    const redis = new RedisChild(folder, join(folder, 'redis.sock'), environment);
    await redis.spawn();
    return redis;
  }

  get endpoint(): RedisEndpoint {
    return redisEndpoint(this.socket);
  }

  /** Kills it the hard way and starts it again on the same data after a while. */
  async crash(downMs: number): Promise<void> {
    await this.end('SIGKILL');
    await sleep(downMs);
    await this.spawn();
  }

  /** Lets it stand still for a while. */
  async freeze(ms: number): Promise<void> {
    this.child?.kill('SIGSTOP');
    await sleep(ms);
    this.child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  private async spawn(): Promise<void> {
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'];
    const place = ['--port', '0', '--unixsocket', this.socket, '--dir', this.folder, '--logfile', join(this.folder, 'redis.log')];
    this.child = spawn('redis-server', [...place, ...durable], { stdio: 'ignore', env: { ...process.env, ...this.environment } });
    const redis = connectRedis(this.endpoint);
    try {
      await redis.ping();
    } finally {
      redis.disconnect();
    }
  }
}
