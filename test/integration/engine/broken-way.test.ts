import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyRing } from '../../../store/public-keys.js';
import { connectRedis, type RedisEndpoint, redisEndpoint } from '../../../store/redis.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

/** A way to Redis that can break after so many bytes of an answer. */
class BrokenWay {
  /** How many answers to a question about a whole HASH are cut yet, and after how many bytes. */
  cuts = 0;
  after = 0;
  private readonly server: Server;

  constructor(socket: string) {
    this.server = createServer((client) => this.lead(client, connect(socket)));
  }

  async open(): Promise<RedisEndpoint> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return redisEndpoint(`redis://127.0.0.1:${(this.server.address() as { port: number }).port}`);
  }

  close(): void {
    this.server.close();
  }

  private lead(client: Socket, redis: Socket): void {
    let isCut = false;
    client.on('error', () => undefined);
    redis.on('error', () => undefined);
    client.on('close', () => redis.destroy());
    redis.on('close', () => client.destroy());
    client.on('data', (data) => {
      isCut = this.cuts > 0 && /hgetall/i.test(data.toString('latin1'));
      redis.write(data);
    });
    redis.on('data', (data) => {
      if (!isCut) {
        client.write(data);
        return;
      }
      this.cuts -= 1;
      isCut = false;
      client.end(data.subarray(0, this.after));
    });
  }
}

let way: BrokenWay;
let endpoint: RedisEndpoint;
beforeEach(async () => {
  way = new BrokenWay(engine().server.socket);
  endpoint = await way.open();
});
afterEach(() => way.close());

it.each([0, 5, 14, 30])('a chain is read again when the way to Redis breaks after %i bytes of the answer', async (after) => {
  const run = await engine().open('brief');
  const redis = connectRedis(endpoint);
  Object.assign(way, { cuts: 2, after });
  const signed = new SignedRuns(redis, engine().keys, keyRing(engine().folder));
  expect(await signed.records(run)).toEqual(new Map());
  expect(way.cuts).toBe(0);
  redis.disconnect();
});

it('what was told of a request cannot be changed for who asks next', async () => {
  const { redis, keys, folder } = engine();
  const run = await engine().open('brief');
  const info = await new SignedRuns(redis, keys, keyRing(folder)).info(run);
  expect(() => Object.assign(info.limits, { fileBytes: 1 })).toThrow(TypeError);
  expect(() => Object.assign(info.request.target, { pod: 'other' })).toThrow(TypeError);
});
