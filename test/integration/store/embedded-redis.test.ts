import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../store/embedded-redis.js';
import { packageRoot } from '../../../store/package-root.js';
import { assertDurable } from '../../../store/redis.js';
import { pingRedis } from '../../../store/redis-probe.js';

const run = promisify(execFile);

let dataDir: string;
const started: EmbeddedRedis[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pt-redis-'));
});
afterEach(async () => {
  for (const redis of started.splice(0)) await redis.stop();
  await rm(dataDir, { recursive: true });
});

async function start(options: { onRestart?: (message: string) => void } = {}): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ dataDir, ...options });
  started.push(redis);
  return redis;
}

async function stop(redis: EmbeddedRedis): Promise<void> {
  started.splice(started.indexOf(redis), 1);
  await redis.stop();
}

async function withClient<T>(address: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ path: address });
  client.on('error', () => undefined);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const pidOf = (address: string) => withClient(address, async (client) => Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]));

/** A process that starts the embedded Redis and then waits to be killed. */
async function startElsewhere(): Promise<{ kill(): Promise<void> }> {
  const module = join(packageRoot(), 'store', 'embedded-redis.ts');
  const script = `const { startEmbeddedRedis } = await import(${JSON.stringify(module)});
    await startEmbeddedRedis({ dataDir: ${JSON.stringify(dataDir)} }); console.log('up'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async kill() {
      const closed = once(child, 'exit');
      child.kill('SIGKILL');
      await closed;
    },
  };
}

describe('embedded Redis', () => {
  it('keeps every write, never evicts, and can be reached by its owner only, without TCP', async () => {
    const { address, adopted } = await start();
    expect(adopted).toBe(false);
    await withClient(address, async (client) => {
      await assertDurable(client);
      expect(await client.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
      expect(await client.config('GET', 'port')).toEqual(['port', '0']);
    });
    expect((await stat(address)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'redis'))).mode & 0o777).toBe(0o700);
  });

  it('has its data again after a stop and a start', async () => {
    const first = await start();
    await withClient(first.address, (client) => client.set('k', 'v'));
    await stop(first);
    expect(await pingRedis(first.address)).toBe('absent');
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await withClient(second.address, (client) => client.get('k'))).toBe('v');
  });

  it('refuses a second one on the same folder and names the process', async () => {
    await start();
    await expect(startEmbeddedRedis({ dataDir })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
  });

  it('adopts the server that outlived a killed process, then ends it like its own', async () => {
    const elsewhere = await startElsewhere();
    const address = join(dataDir, 'redis.sock');
    await withClient(address, (client) => client.set('k', 'v'));
    const pid = await pidOf(address);
    await expect(startEmbeddedRedis({ dataDir })).rejects.toMatchObject({ code: 'config-invalid' });
    await elsewhere.kill();
    const adopted = await start();
    expect(adopted.adopted).toBe(true);
    expect(await pidOf(address)).toBe(pid);
    expect(await withClient(address, (client) => client.get('k'))).toBe('v');
    await stop(adopted);
    expect(await pingRedis(address)).toBe('absent');
  });

  it('starts the server again when it is killed, with what was written', async () => {
    const messages: string[] = [];
    const { address } = await start({ onRestart: (message) => messages.push(message) });
    await withClient(address, (client) => client.set('k', 'v'));
    process.kill(await pidOf(address), 'SIGKILL');
    const value = await withClient(address, (client) => client.get('k'));
    expect([value, messages]).toEqual(['v', ['redis-server has gone; starting it again']]);
  });

  it('says what to install when there is no redis-server, and leaves the folder free', async () => {
    await expect(startEmbeddedRedis({ dataDir, binary: 'no-redis-server' })).rejects.toMatchObject({
      code: 'tool-missing',
      message: expect.stringContaining('install redis-server or set REDIS_URL') as string,
    });
    await start();
  });

  it('refuses a path that no unix socket can have', async () => {
    await expect(startEmbeddedRedis({ dataDir: join(dataDir, 'x'.repeat(100)) })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('gives up on a server that ends at once and names its log', async () => {
    await expect(startEmbeddedRedis({ dataDir, binary: 'false' })).rejects.toMatchObject({
      code: 'redis-unavailable',
      message: expect.stringContaining('redis.log') as string,
    });
    const { stdout } = await run('flock', ['-n', join(dataDir, 'lock'), 'echo', 'free']);
    expect(stdout).toBe('free\n');
  });
});
